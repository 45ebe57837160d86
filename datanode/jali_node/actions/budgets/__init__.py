"""Populations and quotas: what is left."""
