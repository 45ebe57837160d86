"""Code jobs: allowed for a dataset, submitted, decided, run once, and their outputs let go or destroyed."""
