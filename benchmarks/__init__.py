"""Side by side with peers: ratios of medians, measured in one run. Run one with `make bench-NAME`."""
