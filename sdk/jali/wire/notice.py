"""Notices that the node sends: webhooks and mail, as their owners see them on the way."""

from datetime import datetime
from enum import StrEnum

from jali.wire.base import Reply


class NoticeState(StrEnum):
    """Where a notice is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Every attempt failed; an owner may send it again."""


class Notice(Reply):
    """One notice to one receiver. `trouble` says what the last attempt met; `next_at` when the next one is due."""

    id: str
    receiver: str
    event: str
    about: str
    state: NoticeState
    attempts: int
    created_at: datetime
    next_at: datetime | None = None
    delivered_at: datetime | None = None
    trouble: str = ""
