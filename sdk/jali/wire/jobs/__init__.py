"""What may be run: one file per job kind, and what all jobs share."""
