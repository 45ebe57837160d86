"""Persons, projects and tokens."""
