"""What passes through the pipes: a few parts, each behind its length. No pickle; nothing may be missing or follow."""

import struct
from collections.abc import Sequence

MAGIC = b"JALI1\n"
_COUNT, _LENGTH = struct.Struct(">B"), struct.Struct(">Q")


class Garbled(ValueError):
    """The bytes are not one whole message."""


def packed(parts: Sequence[bytes]) -> bytes:
    """Return parts as one message.

    >>> unpacked(packed([b"a", b""]))
    [b'a', b'']
    """
    framed = b"".join(_LENGTH.pack(len(part)) + part for part in parts)
    return MAGIC + _COUNT.pack(len(parts)) + framed


def unpacked(message: bytes) -> list[bytes]:
    """Return the parts of a message.

    Raises:
        Garbled: there is more or less than one message.
    """
    at = len(MAGIC) + _COUNT.size
    if len(message) < at or not message.startswith(MAGIC):
        raise Garbled("expected a message, got other bytes")
    parts = []
    for _ in range(message[at - 1]):
        begin = at + _LENGTH.size
        if len(message) < begin:
            raise Garbled("the message ends early")
        at = begin + _LENGTH.unpack_from(message, at)[0]
        if len(message) < at:
            raise Garbled("the message ends early")
        parts.append(message[begin:at])
    if at != len(message):
        raise Garbled("there are bytes after the message")
    return parts
