"""A person's name goes from all that the node's tables hold; a pseudonym that stays the same takes its place.

The chain holds ids and digests, and none of it is touched. A purpose is bound to decisions by its digest, which is kept
where words of it are taken out, so that what was decided can still be verified.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jali.wire.person import Erasure
from jali.wire.policy import Policy, PolicyInvalid, parsed
from jali_node import audit
from jali_node.actions.people.change_person import LAST_OWNER
from jali_node.actions.people.show_people import shown
from jali_node.actions.wishes.reword import reword_purposes
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.people import throttle, tokens
from jali_node.people.caller import Caller
from jali_node.settings import Settings
from jali_node.store import people
from jali_node.tables import (
    AccessRequestRow,
    ApprovalRow,
    CodeJobRow,
    FreezeRow,
    IdentityRow,
    InvitationRow,
    JobRow,
    JudgedRow,
    MemberRow,
    NoticeRow,
    PasswordRow,
    PersonRow,
    PolicyRow,
    ProjectRow,
    RemarkRow,
    TokenRow,
)

MARK = "erased-"
WORD_MIN = 3
TEXTS: tuple[tuple[Any, str], ...] = (
    (AccessRequestRow, "reason"),
    (JobRow, "reason"),
    (CodeJobRow, "reason"),
    (RemarkRow, "text"),
    (ApprovalRow, "reason"),
    (FreezeRow, "reason"),
    (ProjectRow, "name"),
    (ProjectRow, "purpose"),
    (ProjectRow, "agreement"),
    (JudgedRow, "rule"),
    (TokenRow, "name"),
)
"""Columns of text that people wrote. Apart stand purposes of wishes, which are bound to digests; bodies of notices,
which are JSON; and policies, whose own words are no names."""


WISHES: tuple[Any, ...] = (AccessRequestRow, JobRow, CodeJobRow)


@dataclass
class Eraser:
    """Puts a pseudonym in the place of names, whatever their case, where they stand as words.

    Attributes:
        changed: in how many texts.
        parts: how many texts hold a word of the `whole` name alone.

    >>> eraser = Eraser(("Dana Scientist",), "erased-1", "Dana Scientist")
    >>> eraser.cleaned("for DANA  scientist's thesis; Dana knows"), eraser.changed, eraser.parts
    ("for erased-1's thesis; Dana knows", 1, {'Dana': 1})
    """

    names: Sequence[str]
    pseudonym: str
    whole: str = ""
    changed: int = 0
    parts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        longest_first = sorted({name.strip() for name in self.names if name.strip()}, key=len, reverse=True)
        self._named = re.compile("|".join(map(_as_pattern, longest_first)), re.IGNORECASE)
        words = re.findall(r"\w+", self.whole)
        self._words = {word: re.compile(_as_pattern(word), re.I) for word in words if len(word) >= WORD_MIN}

    def cleaned(self, text: str) -> str:
        """Return a text without the names."""
        found, times = self._named.subn(self.pseudonym, text)
        self.changed += bool(times)
        for word, pattern in self._words.items():
            if pattern.search(found):
                self.parts[word] = self.parts.get(word, 0) + 1
        return found

    def cleaned_json(self, value: Any) -> Any:
        """Return a JSON value with its texts cleaned."""
        if isinstance(value, str):
            return self.cleaned(value)
        if isinstance(value, dict):
            return {key: self.cleaned_json(item) for key, item in value.items()}
        return [self.cleaned_json(item) for item in value] if isinstance(value, list) else value


def erase_person(node: Node, caller: Caller | None, person: str, also: Iterable[str] = ()) -> Erasure:
    """Remove a person, if that was not done, and their name from everything but the chain, which holds none.

    Args:
        node: where.
        caller: an owner, or None for whoever sits at the node's own machine.
        person: their id or name.
        also: what else names them.

    Raises:
        AccessDenied: the caller is not an owner.
        UnknownResource: there is and was no such person.
        InvalidRequest: they are the last owner; or they were erased already, and nothing else is named.
    """
    if caller is not None:
        caller.must_own()
    with node.database.writing() as session:
        _overwrite_what_is_freed(session)
        owners = people.owners(session)
        row = people.anybody(session, person)
        if [owner.id for owner in owners] == [row.id]:
            raise InvalidRequest(LAST_OWNER, field="person")
        name, by = row.name, caller and caller.id
        eraser = _eraser(row, tuple(also))
        ended = _removed(session, row, eraser.pseudonym)
        _clean_texts(session, eraser)
        for wish in (wish for table in WISHES for wish in session.scalars(select(table))):
            if reword_purposes(session, wish, eraser.cleaned):
                audit.record(session, audit.TEXT_ERASED, subject=wish.id, person=row.id, by=by)
        audit.record(session, audit.PERSON_ERASED, person=row.id, texts=eraser.changed, ended=ended, by=by)
        session.flush()
        done = Erasure(
            person=shown(session, row),
            texts=eraser.changed,
            ended=ended,
            parts=eraser.parts,
            settings=tuple(_settings_that_name(node.settings, name)),
        )
    _forget_old_pages(node)
    return done


def _eraser(row: PersonRow, also: tuple[str, ...]) -> Eraser:
    pseudonym = f"{MARK}{row.id[-12:]}"
    if row.name != pseudonym:
        return Eraser((row.name, *also), pseudonym, row.name)
    if not any(name.strip() for name in also):
        raise InvalidRequest(f"{pseudonym} was erased already; say what else names them", field="also")
    return Eraser(also, pseudonym)


def _removed(session: Session, row: PersonRow, pseudonym: str) -> int:
    """End every way in, and return how many tokens and sessions that were."""
    ended = tokens.end_all(session, row.id)
    throttle.forgive(session, row.name)
    for table in (PasswordRow, InvitationRow, MemberRow, IdentityRow):
        session.execute(delete(table).where(table.person_id == row.id))
    row.name, row.removed_at = pseudonym, row.removed_at or datetime.now(UTC)
    session.flush()
    return ended


def _clean_texts(session: Session, eraser: Eraser) -> None:
    for table, name in TEXTS:
        for row in session.scalars(select(table)):
            _set(row, name, eraser.cleaned)
    for notice in session.scalars(select(NoticeRow)):
        _set(notice, "body", lambda text: _dumped(eraser.cleaned_json(json.loads(text))))
    for policy in session.scalars(select(PolicyRow)):
        _set(policy, "text", lambda text: _still_a_policy(text, eraser.cleaned(text)))
    session.flush()


def _still_a_policy(before: str, after: str) -> str:
    """Return a policy's cleaned text, if it says the same of somebody of another name."""
    if after == before:
        return after
    try:
        was, now = parsed(before), parsed(after)
    except PolicyInvalid as error:
        said = f"one of the names is a word that the node's policies are made of ({error.detail}); leave it out"
        raise InvalidRequest(said, field="also") from error
    if _without_names(was) != _without_names(now):
        raise InvalidRequest("without one of the names the node's policies would say something else", field="also")
    return after


def _without_names(policy: Policy) -> Any:
    rules = [rule.model_dump(exclude={"name", "reason", "persons", "projects"}) for rule in policy.rules]
    return policy.approval, rules


def _set(row: Any, name: str, clean: Callable[[str], str]) -> None:
    """Clean one column of a row."""
    before = getattr(row, name)
    after = clean(before)
    if after != before:
        setattr(row, name, after)


def _settings_that_name(settings: Settings, name: str) -> Iterator[str]:
    mail = settings.notices.mail
    if mail and name in mail.askers:
        yield "notices.mail.askers"


def _as_pattern(name: str) -> str:
    return r"(?<!\w)" + r"\s+".join(map(re.escape, name.split())) + r"(?!\w)"


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _overwrite_what_is_freed(session: Session) -> None:
    """Let SQLite write zeros where rows were; PostgreSQL's vacuum frees what it holds of them."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")


def _forget_old_pages(node: Node) -> None:
    """Empty SQLite's write-ahead log, which holds pages as they were; while somebody reads, a later one is left."""
    if node.database.engine.dialect.name == "sqlite":
        with node.database.engine.connect() as connection:
            raw = connection.connection.driver_connection
            connection.rollback()
            assert raw is not None  # noqa: S101 - it is connected
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
