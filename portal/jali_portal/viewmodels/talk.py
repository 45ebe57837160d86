"""A request's history and its revisions, as their reviewer reads them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from jali.wire.changes import Change, Changes
from jali.wire.discussion import Happened, Remark
from jali_portal import words
from jali_portal.viewmodels.code import Line as TextLine
from jali_portal.viewmodels.code import compared

DID = {
    Happened.FILED: "asked",
    Happened.RESUBMITTED: "resubmitted it",
    Happened.COMMENTED: "wrote",
    Happened.CHANGES_ASKED: "asked for changes",
    Happened.APPROVED_FIRST: "approved it, the first of two",
    Happened.GRANTED: "granted it",
    Happened.DENIED: "denied it",
    Happened.WITHDRAWN: "withdrew it",
    Happened.EXPIRED: "It lapsed: nobody decided in time",
    Happened.RELEASED: "released the output",
    Happened.DESTROYED: "destroyed the output",
}
BY_RULE = {Happened.GRANTED: "A rule of the node's policy granted it"}


@dataclass(frozen=True)
class Line:
    """One line of the history: who did what, when, and what they said."""

    who: str
    when: str
    text: str


@dataclass(frozen=True)
class Differences:
    """Two revisions side by side: a field, what it was, what it is. Longer texts stand by themselves, by line."""

    title: str
    heads: tuple[str, str, str]
    rows: tuple[tuple[str, str, str], ...]
    texts: tuple[tuple[str, tuple[TextLine, ...]], ...] = ()


def lines(remarks: Iterable[Remark], now: datetime, zone: tzinfo, me: str) -> tuple[Line, ...]:
    """Return a discussion as lines, the first first."""
    return tuple(Line(_who(remark, me), words.moment(remark.at, now, zone), remark.text) for remark in remarks)


def differences(found: Changes) -> Differences:
    """Return what differs between two revisions, in full: nothing that a reviewer decides about is cut."""
    many = words.counted(len(found.changes), "change")
    return Differences(
        title=f"{many} from revision {found.before} to {found.after}",
        heads=("Field", f"Revision {found.before}", f"Revision {found.after}"),
        rows=tuple(_row(change) for change in found.changes if not _is_text(change)),
        texts=tuple(
            (_named(change), compared(change.before, change.after)) for change in found.changes if _is_text(change)
        ),
    )


def _who(remark: Remark, me: str) -> str:
    did = DID[remark.happened]
    if remark.person is None:
        return BY_RULE.get(remark.happened, did)
    name = "You" if remark.person == me else remark.person_name
    role = " (the asker)" if remark.by_asker and remark.happened is Happened.COMMENTED else ""
    revision = f", revision {remark.revision}" if remark.happened is Happened.RESUBMITTED else ""
    return f"{name}{role} {did}{revision}"


def _row(change: Change) -> tuple[str, str, str]:
    before = "(not there)" if change.what == "added" else _whole(change.before)
    after = "(gone)" if change.what == "removed" else _whole(change.after)
    return _named(change), before, after


def _named(change: Change) -> str:
    return change.field.replace("_", " ").replace(".", " › ")


def _is_text(change: Change) -> bool:
    """Say whether a change is best read line by line."""
    return (
        all(isinstance(value, str) for value in (change.before, change.after)) and "\n" in change.before + change.after
    )


def _whole(value: object) -> str:
    """Return a value in full, as a reviewer reads it."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{name} {_whole(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(_whole(part) for part in value) or "none"
    return "none" if value is None else json.dumps(value)
