"""The record as a person reads it: chosen entries, the newest first, with the names that are known now."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from jali.wire.base import Reply, Request
from jali.wire.ledger import LedgerEntry

KIND = r"^[a-z]+\.[a-z_]*$"
"""A kind of entry, such as `request.decided`; one that ends with a dot stands for all that begin so."""


class AuditFilter(Request):
    """Which entries: those of any of the kinds, that name every one of the ids, within the time.

    >>> AuditFilter(kinds=("signin.",)).kinds
    ('signin.',)
    """

    kinds: tuple[Annotated[str, Field(pattern=KIND, max_length=40)], ...] = Field(default=(), max_length=50)
    about: tuple[Annotated[str, Field(pattern=r"^[a-z]+_[0-9a-f]{32}$")], ...] = Field(default=(), max_length=5)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _since_before_until(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError(f"expected since before until, got {self.since} and {self.until}")
        return self


class AuditPage(Reply):
    """Some entries, the newest first; ask again with `before=next_before` until it is None.

    `names` are those of the persons, projects and datasets that the entries speak of, by their ids. The chain itself
    holds none: a name that was erased is in no reply any more, while its entries stay.
    """

    entries: tuple[LedgerEntry, ...]
    names: dict[str, str]
    next_before: int | None


def line(entry: LedgerEntry, names: dict[str, str]) -> dict[str, str | int | datetime]:
    """Return an entry as one line of a table: position, time, kind, by whom, about whom, for what, which table."""
    whose = {key: names.get(str(entry.body.get(key)), str(entry.body.get(key) or "")) for key in NAMED}
    return {"seq": entry.seq, "at": entry.at, "kind": entry.kind, **whose}


NAMED = ("by", "person", "project", "dataset")
"""Parts of an entry's body whose ids have names; `by` is who did it, where that is not the person it is about."""
