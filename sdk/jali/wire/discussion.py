"""What was said and done about a request or a job, in order."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from jali.wire.base import Reply, Request

TEXT_MAX = 4000


class Happened(StrEnum):
    """What a line of the discussion records."""

    FILED = "filed"
    RESUBMITTED = "resubmitted"
    COMMENTED = "commented"
    CHANGES_ASKED = "changes_asked"
    APPROVED_FIRST = "approved_first"
    """The first of two persons has agreed."""
    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    RELEASED = "released"
    """The output of a code job left the airlock."""
    DESTROYED = "destroyed"


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("expected a text, got nothing but blanks")
    return text


class CommentForm(Request):
    """Something to say about a request; both sides read it."""

    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX), AfterValidator(_says_something)]


class Remark(Reply):
    """One line: a comment, or a step of the request's life. Without a person, a rule or the calendar took it.

    `revision` is the newest that there was at the time.
    """

    id: str
    happened: Happened
    at: datetime
    revision: int
    person: str | None = None
    person_name: str = ""
    by_asker: bool = False
    text: str = ""
