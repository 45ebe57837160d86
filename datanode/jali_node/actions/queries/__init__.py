"""Asking: what a question costs, its answer, and the answers so far."""
