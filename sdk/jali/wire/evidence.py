"""The evidence of one project: what a pack holds, and what binds its parts to the node's chain.

A pack is a zip of a few files that a manifest names with their digests; the node's key has signed the manifest. Its
ledger has a line for every entry of the chain: those that concern the project in full, of all others the record's
digest alone, so that the whole chain can be walked and nothing foreign is read. docs/how-to/audit.md says how it is
used, docs/adr why it is so.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from jali.wire.base import Reply
from jali.wire.dataset import UnitKind
from jali.wire.discussion import Remark
from jali.wire.ledger import LedgerEntry
from jali.wire.money import canonical, digest
from jali.wire.output import Output
from jali.wire.project import Project
from jali.wire.request import Approval

INDEX, MANIFEST, SIGNATURE = "index.html", "manifest.json", "manifest.sig"
PROJECT, WISHES, RELEASES, ROUNDS = "project.json", "requests.jsonl", "releases.jsonl", "rounds.jsonl"
LEDGER, CHECKPOINT = "ledger.jsonl", "checkpoint.json"
OUTPUTS = "outputs.jsonl"
"""What code jobs gave back. Packs of releases before there were any lack it."""
LISTED = (INDEX, PROJECT, WISHES, RELEASES, ROUNDS, LEDGER, CHECKPOINT)
"""What the manifest of a pack names, in order; manifest and signature follow."""
NAME = r"^[a-z][a-z0-9_-]{0,60}\.(html|json|jsonl|md)$"
BINDS = 2
"""What the digest of a wish is of, since entries say so: `wish_digest`. Those without were bound to more than a pack
holds, and are held against the chain alone."""

ERASED = "text.erased"
"""The kind of entry that says: words about this wish were taken out, because they named somebody."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FileFact(Reply):
    """A file of a pack."""

    sha256: Sha256
    bytes: int = Field(ge=0)


class Manifest(Reply):
    """What a pack holds. `seq` and `hash` are the chain's last entry, for which the checkpoint in it vouches."""

    jali: Literal["evidence"] = "evidence"
    v: Literal[1] = 1
    node_id: str
    node_name: str
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    project: str
    project_name: str
    made_at: datetime
    seq: int = Field(ge=1)
    hash: Sha256
    files: dict[Annotated[str, Field(pattern=NAME)], FileFact] = Field(max_length=50)


class Table(Reply):
    """A dataset that the project has asked about."""

    id: str
    name: str
    title: str
    population: str
    unit: UnitKind
    units: int


class ProjectFacts(Reply):
    """The project, its tables, and the names of the persons and datasets that the pack speaks of, by their ids."""

    project: Project
    tables: tuple[Table, ...]
    names: dict[str, str]


class Revision(Reply):
    """A wish as it was once. `purpose_digest` stands for a purpose that was erased, whose words are gone."""

    number: int
    digest: Sha256
    content: dict[str, Any]
    purpose_digest: Sha256 | None = None


class DecisionFact(Reply):
    """Somebody's word about a wish, and the entry that records it. Without a person a rule of the policy decided."""

    entry: int
    kind: str
    outcome: str
    digest: Sha256
    revision: int | None = None
    by: str | None = None
    at: datetime
    reason: str = ""


class WishFacts(Reply):
    """A request or job with all its revisions, what was decided and said about it.

    `version` and `plan` are what a job runs on and how; of its weights the revisions hold the digest.
    """

    id: str
    kind: str
    person: str
    dataset: str
    project: str
    status: str
    revision: int
    created_at: datetime
    grant: str | None = None
    expires_at: datetime | None = None
    version: str | None = None
    plan: str | None = None
    revisions: tuple[Revision, ...]
    decisions: tuple[DecisionFact, ...] = ()
    approvals: tuple[Approval, ...] = ()
    discussion: tuple[Remark, ...] = ()


class ReleaseFacts(Reply):
    """What left the node: the question, its price, and the measurements as they were released."""

    id: str
    spend: str
    person: str
    dataset: str
    version: str
    statistic: dict[str, Any]
    selection: dict[str, Any]
    asks: str
    epsilon: float
    measurements: dict[str, Any]
    created_at: datetime


class RoundFacts(Reply):
    """One round of a training: its spend, and the digest of the reply that was released."""

    job: str
    number: int
    spend: str
    reply: Sha256
    done_at: datetime | None = None


class OutputFacts(Reply):
    """What a code job gave back, once a person released it. No epsilon covers it."""

    job: str
    output: Output
    released_at: datetime


class Link(Reply):
    """An entry of the chain that does not concern the project: its place, and the digest of what it records."""

    seq: int
    record: Sha256


Line = LedgerEntry | Link


def manifest_bytes(node_id: str, manifest_sha256: str) -> bytes:
    """Return what is signed of a manifest; it can be mistaken for nothing else that the key signs."""
    return canonical({"jali": "evidence", "v": 1, "node": node_id, "manifest": manifest_sha256})


def wish_digest(
    *,
    person: str,
    kind: str,
    dataset: str,
    project: str,
    content: dict[str, Any],
    purpose_digest: str | None = None,
    runs: str | None = None,
) -> str:
    """Return what a decision about a wish is bound to.

    The purpose goes in as its digest, so that its words can be erased while everything else stays verifiable.

    Args:
        person: who asks, by id; `dataset` and `project` are ids too.
        kind: what is asked for: access, budget, question, train or code.
        dataset: of which dataset.
        project: for which project.
        content: what is asked for, as revisions keep it.
        purpose_digest: that of a purpose that was erased.
        runs: of a job the digest of the version it runs on and its plan, `runs_digest`.

    >>> asked = dict(person="per_1", kind="access", dataset="ds_1", project="prj_1")
    >>> words = {"purpose": "to find out", "epsilon": 1.0}
    >>> erased = {**words, "purpose": "(erased)"}
    >>> wish_digest(content=words, **asked) == wish_digest(
    ...     content=erased, purpose_digest=digest("to find out"), **asked
    ... )
    True
    """
    asked = {name: value for name, value in content.items() if name != "purpose"}
    purpose = purpose_digest or digest(content.get("purpose", ""))
    bound = {"person": person, "kind": kind, "dataset": dataset, "project": project, "asked": asked, "purpose": purpose}
    return digest(bound if runs is None else {**bound, "runs": runs})


def runs_digest(version: str, plan: str) -> str:
    """Return the digest of what a job runs on, and of its plan as text."""
    return digest({"version": version, "plan": plan})
