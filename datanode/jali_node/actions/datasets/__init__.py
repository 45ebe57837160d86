"""Registering tables and showing their cards."""
