"""Identifiers: a prefix that says what a thing is, and a UUIDv7 that sorts by time.

>>> new_id(PREFIX_DATASET).startswith("ds_")
True
"""

import secrets
import time
import uuid

PREFIX_ACCOUNT = "acc"
PREFIX_CALL = "call"
PREFIX_CODE = "code"
PREFIX_DATASET = "ds"
PREFIX_GRANT = "grt"
PREFIX_INVITATION = "inv"
PREFIX_JOB = "job"
PREFIX_JUDGED = "jdg"
PREFIX_NODE = "node"
PREFIX_NOTICE = "msg"
PREFIX_OUTPUT = "out"
PREFIX_PERSON = "per"
PREFIX_POPULATION = "pop"
PREFIX_PROJECT = "prj"
PREFIX_RELEASE = "rel"
PREFIX_REMARK = "rmk"
PREFIX_REQUEST = "req"
PREFIX_SPEND = "spd"
PREFIX_TOKEN = "tok"  # noqa: S105 - a prefix, not a secret
PREFIX_VERSION = "ver"


def uuid7() -> uuid.UUID:
    """Return a fresh UUIDv7 (RFC 9562): 48 bits of milliseconds since 1970, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | (0x7 << 76)  # version
    value = value & ~(0x3 << 62) | (0x2 << 62)  # variant
    return uuid.UUID(int=value)


def new_id(prefix: str) -> str:
    """Return a fresh identifier such as `ds_0198...`."""
    return f"{prefix}_{uuid7().hex}"
