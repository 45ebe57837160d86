"""Stopping what spends, at once, and letting it go on."""
