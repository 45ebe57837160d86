"""A project's evidence, verified without the node: every file, the signature, the chain, and what it vouches for.

Everything is checked against the chain, and the chain against the checkpoint that the node has signed. A pack cannot
show that its key is the node's: compare it with one that you know from elsewhere, or with a checkpoint that you kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from jali import checkpoint, errors
from jali.evidence.archive import Archive, Departs
from jali.evidence.records import Recorded, check_outputs, check_releases, check_rounds, check_wishes
from jali.wire import evidence
from jali.wire.evidence import (
    Line,
    Link,
    Manifest,
    OutputFacts,
    ProjectFacts,
    ReleaseFacts,
    RoundFacts,
    WishFacts,
    manifest_bytes,
)
from jali.wire.ledger import Checkpoint, fingerprint
from jali.wire.walk import Walk

SMALL = 4 << 20
_LINE: TypeAdapter[Line] = TypeAdapter(Line)
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Evidence:
    """What a pack holds, and the first thing in it that departs, if any does.

    Attributes:
        file: its name.
        departure: where and how it departs; nothing where all holds.
        manifest: what it says of itself; None where that cannot be read.
        key_known: whether its key is the one that you knew; None where you named none.
        held: how much there is of what, as far as it was read.
        unused: kept checkpoints that are later than the pack, and say nothing about it.
    """

    file: str
    departure: str = ""
    manifest: Manifest | None = None
    key_known: bool | None = None
    held: Mapping[str, int] = field(default_factory=dict)
    unused: int = 0

    @property
    def valid(self) -> bool:
        """Whether nothing departs."""
        return not self.departure

    def describe(self) -> str:
        """Say it in a few lines."""
        lines = []
        if self.manifest:
            made, held = self.manifest, self.held
            lines.append(
                f"{self.file}: evidence of the project {made.project_name} ({made.project}) at {made.node_name} "
                f"({made.node_id}), made {made.made_at:%Y-%m-%d %H:%M} UTC"
            )
            if self.valid:
                lines.append(
                    f"{_many(held['wishes'], 'request or job', 'requests and jobs')} with "
                    f"{_many(held['decisions'], 'decision')}, {_many(held['releases'], 'release')}, "
                    f"{_many(held['rounds'], 'round')} of trainings"
                )
                if held["outputs"]:
                    lines.append(f"{_many(held['outputs'], 'output')} of code jobs, which no epsilon covers")
                lines.append(
                    f"all {made.seq} entries of the ledger follow from each other up to the signed checkpoint; "
                    f"{held['entries']} concern the project and are shown"
                )
        if not self.valid:
            return "\n".join([*lines, f"it departs: {self.departure}"])
        if self.unused:
            later = _many(self.unused, "checkpoint is", "checkpoints are")
            lines.append(f"{later} later than the pack, and cannot vouch for it")
        lines.append(self.key())
        return "\n".join(lines)

    def key(self) -> str:
        """Say what is known of the key."""
        if self.key_known:
            return "the key is the one that you know"
        return (
            "the key is only what the pack says of itself, so anybody could have made all of it: compare the node's id "
            "with one that you know, with --key, or with a checkpoint that was kept"
        )


def verify(path: str | Path, key: str | None = None, kept: Iterable[Checkpoint] = ()) -> Evidence:
    """Return what a pack holds and whether it holds.

    Args:
        path: the zip.
        key: the node's id, or its public key in hexadecimal, as known from elsewhere.
        kept: genuine checkpoints of the same node that somebody kept; the pack's chain has to pass through them.

    Raises:
        InvalidRequest: `key` is neither.

    Example::

        found = verify("study.zip", key="node_0f3c...")
        assert found.valid, found.departure
    """
    known = None if key is None else _node_id(key)
    file, checkpoints = Path(path), list(kept)
    report = Evidence(file.name)
    try:
        with Archive(file) as archive:
            manifest = _manifest(archive)
            report = Evidence(file.name, manifest=manifest)
            _check_signature(archive, manifest)
            key_known = _check_key(manifest, known, checkpoints)
            report = Evidence(file.name, manifest=manifest, key_known=key_known)
            _check_files(archive, manifest)
            _check_checkpoint(archive, manifest)
            usable = [each for each in checkpoints if each.seq <= manifest.seq]
            held = _check_records(archive, manifest, usable)
    except Departs as departs:
        return Evidence(file.name, str(departs), report.manifest, report.key_known)
    return Evidence(file.name, manifest=manifest, key_known=key_known, held=held, unused=len(checkpoints) - len(usable))


def _node_id(key: str) -> str:
    """Return a node's id from what somebody knows of it."""
    text = key.strip().lower()
    if text.startswith("node_") and len(text) == len("node_") + 32:
        return text
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise errors.InvalidRequest(
            f"key: expected a node's id, node_ and 32 characters, or a public key of 64, got {len(text)}", field="key"
        )
    return fingerprint(raw)


def _manifest(archive: Archive) -> Manifest:
    for name in (evidence.MANIFEST, evidence.SIGNATURE):
        if name not in archive.names:
            raise Departs(name, "it is missing, so this is no project's evidence")
    return _read(Manifest, evidence.MANIFEST, archive.content(evidence.MANIFEST, SMALL))


def _check_signature(archive: Archive, manifest: Manifest) -> None:
    from cryptography.exceptions import InvalidSignature  # here: half of a second, and most sessions never need it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = bytes.fromhex(manifest.public_key)
    if fingerprint(public) != manifest.node_id:
        raise Departs(evidence.MANIFEST, f"its key is not that of {manifest.node_id}, which it names")
    told, _ = archive.measured(evidence.MANIFEST)
    try:
        signature = bytes.fromhex(archive.content(evidence.SIGNATURE, 1000).decode("ascii").strip())
        Ed25519PublicKey.from_public_bytes(public).verify(signature, manifest_bytes(manifest.node_id, told))
    except (InvalidSignature, ValueError) as failure:
        raise Departs(
            evidence.MANIFEST, f"it was changed, or not signed by {manifest.node_id}: the signature is not for it"
        ) from failure


def _check_key(manifest: Manifest, known: str | None, kept: Iterable[Checkpoint]) -> bool | None:
    nodes = {*([known] if known else []), *(each.node_id for each in kept)}
    for node in sorted(nodes):
        if node != manifest.node_id:
            raise Departs("", f"it is signed by a foreign key: that of {manifest.node_id}, and you know {node}")
    return True if nodes else None


def _check_files(archive: Archive, manifest: Manifest) -> None:
    for name in archive.names:
        if name not in manifest.files and name not in (evidence.MANIFEST, evidence.SIGNATURE):
            raise Departs(name, "the manifest does not name it: it was put in")
    for name in {**dict.fromkeys(evidence.LISTED), **manifest.files}:
        if name not in manifest.files:
            raise Departs(name, "the manifest does not name it, and every pack has it")
        if name not in archive.names:
            raise Departs(name, "it is missing")
        fact = manifest.files[name]
        if archive.measured(name) != (fact.sha256, fact.bytes):
            raise Departs(name, "it was changed: its digest is not the manifest's")


def _check_checkpoint(archive: Archive, manifest: Manifest) -> None:
    found = _read(Checkpoint, evidence.CHECKPOINT, archive.content(evidence.CHECKPOINT, SMALL))
    try:
        checkpoint.refuse_unless_genuine(found)
    except errors.NotGenuine as failure:
        raise Departs(evidence.CHECKPOINT, failure.detail) from failure
    if (found.node_id, found.seq, found.hash) != (manifest.node_id, manifest.seq, manifest.hash):
        raise Departs(evidence.CHECKPOINT, "it is not the one that the manifest names")


def _check_records(archive: Archive, manifest: Manifest, kept: Iterable[Checkpoint]) -> dict[str, int]:
    facts = _read(ProjectFacts, evidence.PROJECT, archive.content(evidence.PROJECT))
    if facts.project.id != manifest.project:
        raise Departs(evidence.PROJECT, f"it is of {facts.project.id}, the manifest is of {manifest.project}")
    recorded = _walked(archive, manifest, kept)
    wishes = decisions = 0
    for wish in check_wishes(_lines(archive, evidence.WISHES, WishFacts), recorded):
        wishes, decisions = wishes + 1, decisions + len(wish.decisions)
    releases = sum(1 for _ in check_releases(_lines(archive, evidence.RELEASES, ReleaseFacts), recorded))
    rounds = sum(1 for _ in check_rounds(_lines(archive, evidence.ROUNDS, RoundFacts), recorded))
    given = _lines(archive, evidence.OUTPUTS, OutputFacts) if evidence.OUTPUTS in manifest.files else iter(())
    outputs = sum(1 for _ in check_outputs(given, recorded))
    return {
        "outputs": outputs,
        "wishes": wishes,
        "decisions": decisions,
        "releases": releases,
        "rounds": rounds,
        "entries": recorded.count,
    }


def _walked(archive: Archive, manifest: Manifest, kept: Iterable[Checkpoint]) -> Recorded:
    """Walk the chain from its first entry to the checkpoint, and return what it discloses."""
    try:
        known = checkpoint.known(kept)
    except errors.NotGenuine as failure:
        raise Departs("", failure.detail) from failure
    if known.get(manifest.seq, manifest.hash) != manifest.hash:
        raise Departs("", f"its checkpoint and one that you kept contradict each other about entry {manifest.seq}")
    walk, recorded = Walk({**known, manifest.seq: manifest.hash}), Recorded(manifest.project)
    for line in _walkable(archive):
        if walk.count == manifest.seq:
            raise Departs(evidence.LEDGER, f"it goes on behind entry {manifest.seq}, the last that is vouched for")
        if not _stepped(walk, line):
            break
        if not isinstance(line, Link):
            recorded.note(line)
    report = walk.report()
    if not report.valid:
        raise Departs(evidence.LEDGER, f"the chain departs at entry {report.broken_at}: {report.reason}")
    return recorded


def _walkable(archive: Archive) -> Iterator[Line]:
    for number, line in enumerate(archive.lines(evidence.LEDGER), 1):
        try:
            yield _LINE.validate_json(line)
        except ValidationError as failure:
            raise Departs(evidence.LEDGER, f"line {number} is no entry") from failure


def _stepped(walk: Walk, line: Line) -> bool:
    if not isinstance(line, Link):
        return walk.step_entry(line)
    if line.seq != walk.count + 1:
        walk.fault = f"entry {walk.count + 1} is missing, found {line.seq}"
        return False
    return walk.step(line.record)


def _lines(archive: Archive, name: str, kind: type[T]) -> Iterator[T]:
    return (_read(kind, f"{name}, line {number}", line) for number, line in enumerate(archive.lines(name), 1))


def _read(kind: type[T], where: str, text: bytes) -> T:
    try:
        return kind.model_validate_json(text)
    except ValidationError as failure:
        first = failure.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Departs(
            where, f"it cannot be read ({place}: {first['msg']})" if place else "it cannot be read"
        ) from failure


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"
