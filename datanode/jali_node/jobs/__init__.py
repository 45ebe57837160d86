"""Job kinds: how each is reviewed, planned and run. One file a kind."""
