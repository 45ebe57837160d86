"""Outputs that wait for a person: sealed, held against the rows that they were made from, and let go or destroyed."""
