"""Wishes for access, and decisions."""
