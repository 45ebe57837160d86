"""Training jobs: submitted, decided, run round by round, and shown."""
