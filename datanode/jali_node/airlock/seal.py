"""A seal binds an output before anybody has read it: whoever holds the chain can tell later that it is the same."""

import secrets

from jali.wire.money import digest


def salt() -> str:
    """Return what keeps a seal from being guessed: outputs can be as short as yes and no."""
    return secrets.token_hex(32)


def seal(job_digest: str, content_digest: str, salted: str) -> str:
    """Return the seal of an output of a job."""
    return digest({"jali": "output", "job": job_digest, "output": content_digest, "salt": salted})
