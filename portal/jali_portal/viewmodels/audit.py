"""The record in words: what happened, who did it, for what project, about which table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from jali.wire.audit import NAMED, AuditFilter, AuditPage
from jali.wire.ledger import LedgerEntry
from jali_portal import wording, words

LINES = 50


class Topic(StrEnum):
    """What a line is about; the value stands in the page's address."""

    PEOPLE = "people"
    REQUESTS = "requests"
    SPENDS = "spends"
    TRAINING = "training"
    SETTINGS = "settings"


KINDS = {
    Topic.PEOPLE: ("person.", "role.", "identity.", "password.", "signin.", "token.", "member."),
    Topic.REQUESTS: ("request.", "approval.", "grant."),
    Topic.SPENDS: ("spend.", "account."),
    Topic.TRAINING: ("job.",),
    Topic.SETTINGS: (
        "node.",
        "policy.",
        "population.",
        "dataset.",
        "mock.",
        "project.",
        "audit.",
        "account.",
        "freeze.",
        "evidence.",
        "checkpoint.",
        "entries.",
        "caps.",
    ),
}
LABELS = {
    Topic.PEOPLE: "People and sign-ins",
    Topic.REQUESTS: "Requests and grants",
    Topic.SPENDS: "Spends",
    Topic.TRAINING: "Training",
    Topic.SETTINGS: "Settings and tables",
}
AGES = {"day": ("Last day", 1), "week": ("Last week", 7), "month": ("Last 30 days", 30)}


@dataclass(frozen=True)
class Line:
    """One entry in words; a person or thing without a name any more is shown by the end of its pseudonym."""

    seq: int
    at: str
    what: str
    by: str
    person: str
    project: str
    dataset: str


def which(topic: Topic | None, age: str | None, now: datetime) -> AuditFilter:
    """Return the filter of a page; nothing chosen is everything."""
    since = now - timedelta(days=AGES[age][1]) if age in AGES else None
    return AuditFilter(kinds=KINDS[topic] if topic else (), since=since)


def lines(page: AuditPage, now: datetime, zone: tzinfo) -> tuple[Line, ...]:
    """Return a page of entries in words, the newest first."""
    return tuple(_line(entry, page.names, now, zone) for entry in page.entries)


def _line(entry: LedgerEntry, names: Mapping[str, str], now: datetime, zone: tzinfo) -> Line:
    called = {key: _called(entry.body.get(key), names) for key in NAMED}
    return Line(seq=entry.seq, at=words.moment(entry.at, now, zone), what=wording.entry(entry.kind), **called)


def _called(identity: object, names: Mapping[str, str]) -> str:
    if not isinstance(identity, str):
        return ""
    return names.get(identity, f"…{identity[-6:]}")
