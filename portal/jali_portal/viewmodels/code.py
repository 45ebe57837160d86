"""A code job, as its reviewer reads it, and its output in the airlock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from difflib import SequenceMatcher
from typing import Any

from jali.wire.dataset import ColumnType, Dataset
from jali.wire.jobs.code import CodeJob, CodeStatus, Held, Level
from jali.wire.output import Failure, Frame, Value
from jali_portal import words
from jali_portal.viewmodels.checks import Check

STATUS = {
    CodeStatus.SUBMITTED: "Waiting",
    CodeStatus.CHANGES_ASKED: "Changes asked",
    CodeStatus.DENIED: "Denied",
    CodeStatus.WITHDRAWN: "Withdrawn",
    CodeStatus.EXPIRED: "Lapsed",
    CodeStatus.APPROVED: "Granted",
    CodeStatus.RUNNING: "Running",
    CodeStatus.HELD: "Output waits",
    CodeStatus.RELEASED: "Released",
    CodeStatus.DESTROYED: "Destroyed",
    CodeStatus.FAILED: "Failed",
    CodeStatus.CANCELLED: "Cancelled",
}
ROWS_SHOWN, ITEMS_SHOWN = 50, 200
LEVELS = {Level.PASS: "Fine", Level.WARN: "Look", Level.FAIL: "Stop"}
Line = tuple[str, str, str, Sequence[str]]


@dataclass(frozen=True)
class CodePage:
    """The page's facts, in words; `source` is the function's text."""

    title: str
    status: str
    facts: tuple[tuple[str, str], ...]
    purpose: str
    source: str
    reads: tuple[tuple[str, str, str], ...]
    runs: tuple[tuple[str, str], ...]
    tried: tuple[tuple[str, str], ...]
    tried_output: str
    decision: tuple[tuple[str, str], ...]


def page(job: CodeJob, card: Dataset, now: datetime, zone: tzinfo) -> CodePage:
    """Return the page of a code job."""
    form, tryout = job.form, job.form.tryout
    columns = [card.column(name) for name in form.columns]
    return CodePage(
        title=f"{job.person_name} asks to run a function on {job.dataset_name}",
        status=STATUS[job.status],
        facts=(
            ("Asked by", job.person_name),
            ("Project", job.project_name),
            ("Dataset", job.dataset_name),
            ("Asked", words.moment(job.created_at, now, zone)),
            ("Price", "none: no epsilon covers it"),
            ("Digest of all that will run", job.digest),
            *((("Waits for", job.waiting_for),) if job.waiting_for else ()),
        ),
        purpose=form.purpose,
        source=form.source,
        reads=tuple((column.name, column.type.value, column.meaning) for column in columns if column is not None),
        runs=(
            ("Parameters", ", ".join(f"{name} = {_plain(value)}" for name, value in form.params.items()) or "none"),
            ("Packages", ", ".join(f"{name} {version}" for name, version in job.packages.items())),
            ("Version of the dataset", job.version),
            ("At most", _limits(job)),
        ),
        tried=(
            ("On", f"{words.counted(tryout.rows, 'row')}: {tryout.mock}"),
            ("It gave", tryout.shape),
            ("With", ", ".join(f"{name} {version}" for name, version in tryout.packages.items())),
        ),
        tried_output=tryout.output,
        decision=_decision(job, now, zone),
    )


def checks(job: CodeJob, card: Dataset, now: datetime) -> tuple[Check, ...]:
    """Return what a reviewer would look up about a code job."""
    tried = job.form.tryout.packages
    other = [name for name, version in tried.items() if job.packages.get(name) != version]
    texts = [name for name in job.form.columns if (column := card.column(name)) and column.type is ColumnType.TEXT]
    people = card.population
    found = [
        Check(False, "No epsilon covers what it gives back; only whoever reads the output stands before the rows.")
        if people.promise_ended is None
        else Check(True, f"The promise to {people.name} ended before, at entry {people.promise_ended.entry}."),
        Check(
            not texts, f"It reads {words.listed(texts)}, which may name people." if texts else "It reads no free text."
        ),
        Check(
            not other,
            f"Its author tried it with another version of {words.listed(other)} than this node has."
            if other
            else "Its author tried it with this node's versions, on their own machine: that it did is their word.",
        ),
    ]
    if job.revision > 1:
        found.append(Check(True, f"It is revision {job.revision}; the tab Changes shows what differs."))
    if job.answer_by is not None and job.status.is_open:
        found.append(Check(job.answer_by >= now, f"An answer {words.due(job.answer_by, now)}."))
    return tuple(found)


@dataclass(frozen=True)
class Preview:
    """An output as it is drawn: a table's heads and first rows, or one text; and what was found in it."""

    facts: tuple[tuple[str, str], ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text: str
    cut: str
    checks: tuple[tuple[str, str, str], ...]


def preview(held: Held, now: datetime, zone: tzinfo) -> Preview:
    """Return what a reviewer reads of an output before they let it go."""
    heads, rows, text, cut = _drawn(held.output)
    return Preview(
        facts=(
            ("What it is", held.shape),
            ("Size", f"{held.bytes:,} bytes"),
            ("Held since", words.moment(held.held_since, now, zone)),
            ("Destroyed unless decided by", words.day(held.held_until, zone)),
            ("Waits for", held.waiting_for),
        ),
        heads=heads,
        rows=rows,
        text=text,
        cut=cut,
        checks=tuple((check.level.value, LEVELS[check.level], check.text) for check in held.checks),
    )


def compared(before: str, after: str) -> tuple[Line, ...]:
    """Return two texts as one listing: each line with its number, its text, and whether it is gone or added.

    >>> [(number, kind) for number, _, kind, _ in compared("a\\nb", "a\\nc")]
    [('1', ''), ('2', 'gone'), ('2', 'added')]
    """
    old, new = before.splitlines(), after.splitlines()
    lines: list[Line] = []
    for what, i1, i2, j1, j2 in SequenceMatcher(None, old, new, False).get_opcodes():
        if what == "equal":
            lines += [(str(j + 1), new[j], "", ()) for j in range(j1, j2)]
            continue
        lines += [(str(i + 1), old[i], "gone", ()) for i in range(i1, i2)]
        lines += [(str(j + 1), new[j], "added", ()) for j in range(j1, j2)]
    return tuple(lines)


def _drawn(output: Frame | Value | Failure | None) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], str, str]:
    if isinstance(output, Frame):
        heads = tuple(column.name for column in output.columns)
        cells = [column.cells[:ROWS_SHOWN] for column in output.columns]
        rows = tuple(tuple(_plain(cell) for cell in row) for row in zip(*cells, strict=True))
        cut = f"The first {ROWS_SHOWN} of {output.rows:,} rows are shown." if output.rows > ROWS_SHOWN else ""
        return heads, rows, "", cut
    if isinstance(output, Failure):
        line = f", line {output.line} of the function" if output.line else ""
        return (), (), f"{output.type}{line}: {output.message}", ""
    if output is not None and isinstance(output.value, dict) and output.value:
        items = list(output.value.items())
        cut = f"The first {ITEMS_SHOWN} of {len(items):,} entries are shown." if len(items) > ITEMS_SHOWN else ""
        return ("Key", "Value"), tuple((name, _plain(value)) for name, value in items[:ITEMS_SHOWN]), "", cut
    text = "" if output is None else _plain(output.value)
    cut = f"The first 4,000 of {len(text):,} characters are shown." if len(text) > 4000 else ""
    return (), (), text[:4000], cut


def _plain(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    return str(value)


def _limits(job: CodeJob) -> str:
    limits = job.form.limits
    return f"{limits.wall_s:,} s, {limits.memory_mb:,} MB of memory, an output of {limits.output_bytes:,} bytes"


def _decision(job: CodeJob, now: datetime, zone: tzinfo) -> tuple[tuple[str, str], ...]:
    if job.status is CodeStatus.CHANGES_ASKED:
        return (("Asked to change", job.reason),)
    if job.decided_at is None:
        return ()
    told = (("Told the asker", job.reason),) if job.reason else ()
    released = (("Output released", words.moment(job.released_at, now, zone)),) if job.released_at else ()
    earlier = tuple(("Approved first", words.moment(yes.at, now, zone)) for yes in job.approvals[:-1])
    return (*earlier, ("Decided", words.moment(job.decided_at, now, zone)), *released, *told)
