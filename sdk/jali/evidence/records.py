"""What a pack says, held against what the chain records: wishes, decisions, discussions, releases, rounds.

Pure: facts and entries in, the first departure out as an exception.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jali.evidence.archive import Departs
from jali.wire.discussion import Happened
from jali.wire.evidence import (
    BINDS,
    ERASED,
    OUTPUTS,
    RELEASES,
    ROUNDS,
    WISHES,
    DecisionFact,
    OutputFacts,
    ReleaseFacts,
    Revision,
    RoundFacts,
    WishFacts,
    runs_digest,
    wish_digest,
)
from jali.wire.ledger import LedgerEntry
from jali.wire.money import digest
from jali.wire.output import Sealed, seal_of
from jali.wire.query import Question

FILED = {"request.filed": "request", "job.submitted": "job"}
DECIDED = {
    "request.decided": "request",
    "job.decided": "job",
    "request.returned": "subject",
    "approval.given": "subject",
}
SAID = {"request.returned": "changes_asked", "approval.given": "approved_first"}
FINAL = ("request.decided", "job.decided")
REMARKED = (
    Happened.RESUBMITTED, Happened.COMMENTED, Happened.CHANGES_ASKED, Happened.WITHDRAWN, Happened.EXPIRED
)  # fmt: skip
"""Lines of a discussion that entries name."""
AFTER = {
    "granted": {"granted"},
    "denied": {"denied"},
    "approved": {
        "approved",
        "queued",
        "running",
        "done",
        "failed",
        "cancelled",
        "held",
        "released",
        "destroyed",
    },
}
"""Where something may stand once it was decided so."""
UNDECIDED = {"submitted", "changes_asked", "withdrawn", "expired"}
JOBS = ("train", "code")


@dataclass
class Recorded:
    """The entries that a pack discloses, by what they record."""

    project: str
    filed: dict[str, LedgerEntry] = field(default_factory=dict)
    revised: dict[tuple[str, int], LedgerEntry] = field(default_factory=dict)
    decided: dict[str, list[LedgerEntry]] = field(default_factory=lambda: defaultdict(list))
    remarks: dict[str, dict[str, LedgerEntry]] = field(default_factory=lambda: defaultdict(dict))
    erased: set[str] = field(default_factory=set)
    held: dict[str, LedgerEntry] = field(default_factory=dict)
    released: dict[str, LedgerEntry] = field(default_factory=dict)
    replied: dict[tuple[str, int], LedgerEntry] = field(default_factory=dict)
    begun: dict[str, LedgerEntry] = field(default_factory=dict)
    let_go: dict[str, LedgerEntry] = field(default_factory=dict)
    lost: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0

    def note(self, entry: LedgerEntry) -> None:
        """Take an entry down."""
        kind, body = entry.kind, entry.body
        self.count += 1
        if kind in FILED:
            self.filed[str(body.get(FILED[kind]))] = entry
        elif kind == "request.revised":
            self.revised[str(body.get("subject")), int(body.get("revision") or 0)] = entry
        elif kind == ERASED:
            self.erased.add(str(body.get("subject")))
        elif kind == "spend.held":
            self.held[str(body.get("spend"))] = entry
        elif kind == "spend.committed" and "release" in body:
            self.released[str(body["release"])] = entry
        elif kind == "spend.committed" and "reply" in body:
            self.replied[str(body.get("job")), int(body.get("round") or 0)] = entry
        elif kind == "code.begun":
            self.begun[str(body.get("job"))] = entry
        elif kind == "code.released":
            self.let_go[str(body.get("job"))] = entry
        elif kind == "entries.imported":
            self.lost.append((int(body.get("first") or 0), int(body.get("last") or 0)))
        if kind in DECIDED:
            self.decided[str(body.get(DECIDED[kind]))].append(entry)
        if "remark" in body:
            self.remarks[str(body.get("subject"))][str(body["remark"])] = entry

    def was_lost(self, entry: LedgerEntry) -> bool:
        """Say whether an entry was imported after a restore: what it is about is gone with its database."""
        return any(first <= entry.seq <= last for first, last in self.lost)

    def of(self, wish: str, revision: int) -> LedgerEntry | None:
        """Return the entry that records a revision of a wish."""
        return self.filed.get(wish) if revision == 1 else self.revised.get((wish, revision))


def check_wishes(wishes: Iterable[WishFacts], recorded: Recorded) -> Iterator[WishFacts]:
    """Hold requests and jobs against the chain, and pass each on.

    Raises:
        Departs: the first thing that is not what the chain records.
    """
    seen: set[str] = set()
    for wish in wishes:
        if wish.id in seen:
            raise _departs(WISHES, wish.id, "it is there twice")
        seen.add(wish.id)
        if wish.project != recorded.project:
            raise _departs(WISHES, wish.id, f"it is of {wish.project}, another project")
        _check_revisions(wish, recorded)
        _check_decisions(wish, recorded)
        _check_discussion(wish, recorded)
        yield wish
    for name, entry in recorded.filed.items():
        if name not in seen and not recorded.was_lost(entry):
            raise _departs(WISHES, name, f"it is missing; entry {entry.seq} says that it was filed")


def check_releases(releases: Iterable[ReleaseFacts], recorded: Recorded) -> Iterator[ReleaseFacts]:
    """Hold releases against the chain, and pass each on.

    Raises:
        Departs: the first thing that is not what the chain records.
    """
    seen: set[str] = set()
    for release in releases:
        entry = recorded.released.get(release.id)
        if release.id in seen:
            raise _departs(RELEASES, release.id, "it is there twice")
        seen.add(release.id)
        if entry is None:
            raise _departs(RELEASES, release.id, "no entry of the chain says that it was released")
        if digest(release.measurements) != entry.body.get("measurements"):
            said = f"its measurements are not what was released: their digest is not the one of entry {entry.seq}"
            raise _departs(RELEASES, release.id, said)
        _check_charge(release, entry, recorded)
        yield release
    for name, entry in recorded.released.items():
        if name not in seen and not recorded.was_lost(entry):
            raise _departs(RELEASES, name, f"it is missing; entry {entry.seq} says that it was released")


def check_rounds(rounds: Iterable[RoundFacts], recorded: Recorded) -> Iterator[RoundFacts]:
    """Hold the replies of trainings against the chain, and pass each on.

    Raises:
        Departs: the first thing that is not what the chain records.
    """
    seen: set[tuple[str, int]] = set()
    for each in rounds:
        place, entry = (each.job, each.number), recorded.replied.get((each.job, each.number))
        seen.add(place)
        if entry is None:
            raise _departs(ROUNDS, f"round {each.number} of {each.job}", "no entry says that its reply was released")
        if (each.reply, each.spend) != (entry.body.get("reply"), entry.body.get("spend")):
            said = f"its reply is not the one of entry {entry.seq}"
            raise _departs(ROUNDS, f"round {each.number} of {each.job}", said)
        yield each
    for (job, number), entry in recorded.replied.items():
        if (job, number) not in seen and not recorded.was_lost(entry):
            raise _departs(ROUNDS, f"round {number} of {job}", f"it is missing; entry {entry.seq} records its reply")


def check_outputs(outputs: Iterable[OutputFacts], recorded: Recorded) -> Iterator[OutputFacts]:
    """Hold what code jobs gave back against the chain, and pass each on.

    Raises:
        Departs: the first thing that is not what the chain records.
    """
    seen: set[str] = set()
    for each in outputs:
        entry, begun = recorded.let_go.get(each.job), recorded.begun.get(each.job)
        seen.add(each.job)
        if entry is None or begun is None or each.job not in recorded.filed:
            raise _departs(OUTPUTS, each.job, "no entry of the chain says that it was begun and released")
        content, body = Sealed(output=each.output).digest, entry.body
        if content != body.get("output"):
            raise _departs(
                OUTPUTS, each.job, f"it is not what was released: its digest is not that of entry {entry.seq}"
            )
        if seal_of(str(begun.body.get("digest")), content, str(body.get("salt"))) != body.get("seal"):
            raise _departs(OUTPUTS, each.job, f"its seal is not the one of entry {entry.seq}")
        yield each
    for job, entry in recorded.let_go.items():
        if job in recorded.filed and job not in seen and not recorded.was_lost(entry):
            raise _departs(OUTPUTS, job, f"it is missing; entry {entry.seq} says that it was released")


def _check_revisions(wish: WishFacts, recorded: Recorded) -> None:
    numbers = [revision.number for revision in wish.revisions]
    if numbers != list(range(1, wish.revision + 1)):
        raise _departs(WISHES, wish.id, f"expected its revisions 1 to {wish.revision} in order, got {numbers}")
    for revision in wish.revisions:
        entry = recorded.of(wish.id, revision.number)
        named = f"{wish.id}, revision {revision.number}"
        if entry is None:
            raise _departs(WISHES, named, "no entry of the chain records it")
        if entry.body.get("digest") != revision.digest:
            raise _departs(WISHES, named, f"its digest is not the one of entry {entry.seq}")
        if revision.purpose_digest is not None and wish.id not in recorded.erased:
            raise _departs(WISHES, named, "its purpose is said to be erased, and no entry says so")
        if entry.body.get("binds") == BINDS and _digest_of(wish, revision, entry) != revision.digest:
            raise _departs(WISHES, named, f"what is asked for was changed: entry {entry.seq} has the digest of another")


def _digest_of(wish: WishFacts, revision: Revision, entry: LedgerEntry) -> str:
    runs = entry.body.get("runs")
    if runs is not None and revision.number == wish.revision:
        runs = runs_digest(wish.version or "", wish.plan or "")
    return wish_digest(
        person=wish.person,
        kind=wish.kind,
        dataset=wish.dataset,
        project=wish.project,
        content=revision.content,
        purpose_digest=revision.purpose_digest,
        runs=runs,
    )


def _check_decisions(wish: WishFacts, recorded: Recorded) -> None:
    entries = recorded.decided.get(wish.id, [])
    told, known = [made.entry for made in wish.decisions], [entry.seq for entry in entries]
    if told != known:
        raise _departs(WISHES, wish.id, f"expected its decisions to be those of the entries {known}, got {told}")
    digests = {revision.number: revision.digest for revision in wish.revisions}
    for made, entry in zip(wish.decisions, entries, strict=True):
        named = f"{wish.id}, decision of entry {entry.seq}"
        if made.digest not in digests.values() or digests.get(made.revision or 0, made.digest) != made.digest:
            raise _departs(WISHES, named, "its digest is not that of the request")
        if (fault := _difference(made, entry)) is not None:
            raise _departs(WISHES, named, f"its {fault} is not what the entry records")
    if any(map(recorded.was_lost, entries)):
        return  # what was decided then is gone with its database; the entries stay
    final = [str(entry.body.get("outcome")) for entry in entries if entry.kind in FINAL]
    possible = AFTER.get(final[-1], set()) if final else UNDECIDED
    if not final and wish.kind in JOBS:
        possible = UNDECIDED | {"denied"}  # one that waited when its asker's access was revoked
    if wish.status not in possible:
        ended = final[-1] if final else "no decision"
        raise _departs(WISHES, wish.id, f"it is said to be {wish.status}, and the chain records {ended}")


def _difference(made: DecisionFact, entry: LedgerEntry) -> str | None:
    body = entry.body
    recorded: dict[str, Any] = {
        "kind": entry.kind,
        "digest": body.get("digest"),
        "outcome": SAID.get(entry.kind) or body.get("outcome"),
        "revision": body.get("revision"),
        "by": body.get("by"),
        "at": entry.at,
    }
    return next((name for name, value in recorded.items() if getattr(made, name) != value), None)


def _check_discussion(wish: WishFacts, recorded: Recorded) -> None:
    named = recorded.remarks.get(wish.id, {})
    told = {remark.id: remark for remark in wish.discussion}
    order = [(remark.at, remark.id) for remark in wish.discussion]
    if len(told) != len(wish.discussion) or order != sorted(order):
        raise _departs(WISHES, wish.id, "its discussion is out of order, or has a line twice")
    for identity, entry in named.items():
        remark = told.get(identity)
        if remark is None:
            if recorded.was_lost(entry):
                continue
            raise _departs(WISHES, wish.id, f"the line of its discussion that entry {entry.seq} records is missing")
        if (remark.person, remark.revision) != (entry.body.get("by"), entry.body.get("revision")):
            raise _departs(WISHES, wish.id, f"a line of its discussion is not the one that entry {entry.seq} records")
    for remark in wish.discussion:
        if remark.happened in REMARKED and remark.id not in named:
            raise _departs(WISHES, wish.id, f"no entry records the line {remark.id} of its discussion")


def _check_charge(release: ReleaseFacts, entry: LedgerEntry, recorded: Recorded) -> None:
    """Hold the question against the one that was charged for."""
    held = recorded.held.get(release.spend)
    if held is None or entry.body.get("spend") != release.spend:
        raise _departs(RELEASES, release.id, f"its spend is not the one of entry {entry.seq}")
    try:
        asked = Question.model_validate(
            {
                "dataset": release.dataset,
                "project": recorded.project,
                "statistic": release.statistic,
                "selection": release.selection,
            }
        )
    except ValueError as failure:
        raise _departs(RELEASES, release.id, "its question is none that this SDK knows; use a newer one") from failure
    told = {"project": recorded.project, "person": release.person, "version": release.version, "question": asked.digest}
    for name, value in told.items():
        if held.body.get(name) != value:
            raise _departs(RELEASES, release.id, f"its {name} is not the one that entry {held.seq} charged for")
    if asked.describe() != release.asks:
        raise _departs(RELEASES, release.id, "its question in words is not what was asked")


def _departs(file: str, what: str, reason: str) -> Departs:
    return Departs(f"{file}, {what}", reason)
