"""`jali node ...`, one file for each group that has grown its own."""
