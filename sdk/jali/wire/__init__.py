"""The contract between node and SDK: what may be said, in which words. pydantic and the standard library only."""

WIRE_VERSION = 1
"""Raised when a field changes its meaning; a node serves the SDKs one version either side of its own."""
