"""What keeps a seal from being guessed."""

import secrets


def salt() -> str:
    """Return what goes into a seal: outputs can be as short as yes and no."""
    return secrets.token_hex(32)
