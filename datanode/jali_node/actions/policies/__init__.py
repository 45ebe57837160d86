"""The owners' policy: shown, replaced, and tried on the last requests."""
