"""Passwords: argon2id with the parameters of RFC 9106's second choice (64 MiB, three passes), checked at one pace.

Whether there is such a person, whether they have a password, whether it is right: each check takes one argon2id.
"""

import functools
import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from jali.wire.signin import PASSWORD_MAX, PASSWORD_MIN
from jali_node.errors import InvalidRequest

DISTINCT_MIN = 6
AT_ONCE = 4
"""How many are checked at a time: each takes 64 MiB, and anybody can ask."""

_hasher = PasswordHasher()
_places = threading.BoundedSemaphore(AT_ONCE)


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    with _places:
        return _hasher.hash(_canonical(password))


def holds(kept: str | None, password: str) -> bool:
    """Say whether a password is the one that was kept; None, for nobody's, takes as long and is never right."""
    with _places:
        try:
            return _hasher.verify(kept or _nobodys(), _canonical(password)) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Say whether a password was kept under other parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def must_be_good(password: str, name: str, field: str = "password") -> None:
    """Refuse a password that is too short or easily guessed.

    Raises:
        InvalidRequest: it is; the sentence names both numbers, and nothing of the password.
    """
    text = _canonical(password)
    if not PASSWORD_MIN <= len(text) <= PASSWORD_MAX:
        raise InvalidRequest(
            f"expected {PASSWORD_MIN} to {PASSWORD_MAX} characters, got {len(text)}; four words that do not belong "
            "together will do",
            field=field,
        )
    if len(set(text)) < DISTINCT_MIN:
        raise InvalidRequest(
            f"expected at least {DISTINCT_MIN} different characters, got {len(set(text))}", field=field
        )
    if name.casefold() in text.casefold() and len(text) - len(name) < PASSWORD_MIN:
        raise InvalidRequest(
            f"it holds your name, and without it {len(text) - len(name)} characters; expected {PASSWORD_MIN}",
            field=field,
        )


@functools.cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_urlsafe())


def _canonical(password: str) -> str:
    """Return the same text for the same password, whatever keyboard it came from (RFC 8265: NFC)."""
    return unicodedata.normalize("NFC", password)
