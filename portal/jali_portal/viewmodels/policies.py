"""A policy as its owners write it: its lines, what is wrong at which, and what it would change.

>>> line_of("[[rule]]\\nname = 'a'\\n\\n[[rule]]\\nname = 'b'\\nhours = '9-5'", "rule.1.hours")
6
"""

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from jali import errors
from jali.wire import policy
from jali.wire.person import Person
from jali.wire.policy import DryRun, Effect, PolicyVersion, Tried
from jali_portal import wording, words

EFFECTS = {Effect.ALLOW: "answered", Effect.ASK: "asks the owner", Effect.DENY: "refused"}
_HEADER = re.compile(r"\s*\[[^\[\]]+\]\s*(#.*)?$|\s*\[\[[^\[\]]+\]\]\s*(#.*)?$")
_RULE = re.compile(r"\s*\[\[\s*[\"']?rule[\"']?\s*\]\]")
_AT_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True)
class Line:
    """A line of a listing: its number, its sign and text, and what is wrong with it."""

    number: str
    text: str
    kind: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """What a dry run found: in short, and the requests that would be answered otherwise."""

    title: str
    short: tuple[str, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def in_force(version: PolicyVersion, people: Sequence[Person], now: datetime, zone: tzinfo) -> str:
    """Say which version this is, since when, and who put it in force."""
    if version.at is None:
        return wording.NO_POLICY
    by = next((f" by {person.name}" for person in people if person.id == version.by), "")
    return f"Version {version.number}, in force since {words.moment(version.at, now, zone)}{by}"


def listing(text: str, wrong: Sequence[policy.PolicyInvalid] = ()) -> tuple[Line, ...]:
    """Return a document's lines, each with what is wrong there."""
    notes: dict[int, list[str]] = {}
    for complaint in wrong:
        notes.setdefault(line_of(text, complaint.field, complaint.detail) or 0, []).append(complaint.detail)
    lines = [
        Line(str(number), line, "wrong" if number in notes else "", tuple(notes.get(number, ())))
        for number, line in enumerate(text.splitlines(), 1)
    ]
    about_all = [Line("", "", "wrong", tuple(notes[0]))] if 0 in notes else []
    return (*about_all, *lines)


def line_of(text: str, field: str, detail: str = "") -> int | None:
    """Return the line that a complaint is about, as well as it can be told; None where it is about no line.

    Args:
        text: the document.
        field: the place, such as `rule.1.hours`.
        detail: what was said; a document that is no TOML is complained of by its line.
    """
    lines = text.splitlines()
    if told := _AT_LINE.search(detail):
        return min(int(told[1]), len(lines)) or None
    parts = field.split(".")
    if parts[0] == "rule" and len(parts) > 1 and parts[1].isdigit():
        headers = [at for at, line in enumerate(lines) if _RULE.match(line)]
        if int(parts[1]) >= len(headers):
            return None
        return _within(lines, headers[int(parts[1])], parts[2] if len(parts) > 2 else "") + 1
    header = re.compile(rf"\s*\[+\s*[\"']?{re.escape(parts[0])}[\"']?\s*\]")
    for at, line in enumerate(lines):
        if header.match(line):
            return _within(lines, at, parts[1] if len(parts) > 1 else "") + 1
        if _is_key(line, parts[0]):
            return at + 1
    return None


def _within(lines: Sequence[str], header: int, key: str) -> int:
    """Return where a table has a key; its header if it has not."""
    for at in range(header + 1, len(lines)):
        if _HEADER.match(lines[at]):
            break
        if key and _is_key(lines[at], key):
            return at
    return header


def _is_key(line: str, key: str) -> bool:
    return re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line) is not None


def complaint(failure: errors.InvalidRequest) -> policy.PolicyInvalid:
    """Return what the node refuses a document for as a complaint about it."""
    return policy.PolicyInvalid(str(failure), failure.field or "text")


def differences(before: str, after: str) -> tuple[Line, ...]:
    """Return what differs between two documents, line by line, with three lines around each change."""
    found: list[Line] = []
    old, new = before.splitlines(), after.splitlines()
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(3):
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                found += [Line(str(j1 + at + 1), f"  {line}") for at, line in enumerate(old[i1:i2])]
                continue
            found += [Line(str(i1 + at + 1), f"− {line}", "gone") for at, line in enumerate(old[i1:i2])]
            found += [Line(str(j1 + at + 1), f"+ {line}", "added") for at, line in enumerate(new[j1:j2])]
    return tuple(found)


def trial(found: DryRun, now: datetime, zone: tzinfo) -> Trial:
    """Return a dry run as a table of what would change, the newest first."""
    moves = Counter((tried.was, tried.would_be) for tried in found.changed)
    return Trial(
        title=wording.tried(len(found.changed), len(found.requests)),
        short=tuple(f"{count} {EFFECTS[was]} → {EFFECTS[would]}" for (was, would), count in moves.most_common()),
        heads=("When", "Who", "Project", "What", "Price", "Was", "Would be", "By rule"),
        rows=tuple(_row(tried, now, zone) for tried in found.changed),
    )


def _row(tried: Tried, now: datetime, zone: tzinfo) -> tuple[str, ...]:
    columns = f" of {', '.join(tried.columns)}" if tried.columns else ""
    return (
        words.moment(tried.at, now, zone),
        tried.person_name,
        tried.project_name,
        f"{tried.what}{columns}, {tried.dataset_name}",
        words.epsilon(tried.epsilon),
        EFFECTS[tried.was],
        EFFECTS[tried.would_be],
        tried.rule or "no rule",
    )
