"""The people of a node, and somebody's tokens, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from jali.wire.person import Person, Role, Scope, Token
from jali_portal import words

ROLES = {
    Role.OWNER: "Owner",
    Role.REVIEWER: "Reviewer",
    Role.DATA_SCIENTIST: "Data scientist",
    Role.AUDITOR: "Auditor",
}
SCOPES = {
    Scope.CATALOG: "Read datasets' cards",
    Scope.ASK: "Ask questions",
    Scope.TRAIN: "Train",
    Scope.REVIEW: "Review and read the records",
    Scope.ADMIN: "Manage people and policies",
}


@dataclass(frozen=True)
class Roster:
    """Everybody in lines, and whoever can be changed."""

    lines: tuple[tuple[str, str, str, str], ...]
    present: tuple[Person, ...]


def roster(people: Iterable[Person], now: datetime, zone: tzinfo, me: str) -> Roster:
    """Return the people: those who are here by name, then those who were removed."""
    ordered = sorted(people, key=lambda person: (person.removed_at is not None, person.name.casefold()))
    return Roster(
        lines=tuple(
            (
                person.name + (" (you)" if person.id == me else ""),
                ROLES[person.role],
                words.listed(person.projects) or "none",
                _way(person, now, zone),
            )
            for person in ordered
        ),
        present=tuple(person for person in ordered if person.removed_at is None),
    )


def _way(person: Person, now: datetime, zone: tzinfo) -> str:
    if person.removed_at is not None:
        return f"removed {words.moment(person.removed_at, now, zone)}"
    ways = ["password" if way == "password" else way.partition("//")[2] or way for way in person.ways]
    invited = f"invited until {words.day(person.invited_until, zone)}" if person.invited_until else ""
    return "; ".join(filter(None, [words.listed(ways), invited])) or "token only"


def tokens(found: Iterable[Token], now: datetime, zone: tzinfo) -> tuple[tuple[str, str, str, str], ...]:
    """Return tokens and sessions in lines: what it is, what for, until when, and when it was last used."""
    return tuple(
        (
            label(token),
            "everything" if len(token.scopes) == len(Scope) else words.listed([scope.value for scope in token.scopes]),
            words.day(token.expires_at, zone),
            words.moment(token.seen_at, now, zone) if token.seen_at else "not yet",
        )
        for token in found
    )


def label(token: Token) -> str:
    """Return what a token is called, and the end of its id, by which it is known in the ledger."""
    name = f"Session, by {token.name}" if token.session else token.name or "Token"
    return f"{name} …{token.id[-6:]}"
