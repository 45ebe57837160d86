"""One data node as a data scientist sees it."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from jali import access, checkpoint, errors
from jali import profile as profiles
from jali.account import Account
from jali.catalog import Catalog
from jali.dataset import RemoteDataset
from jali.eda import answer, markup
from jali.eda.facts import did_you_mean
from jali.eda.noisy import NoisyFigure, NoisyTable
from jali.eda.remote import Remote
from jali.owner import Owner
from jali.projects import Projects
from jali.transport import Transport
from jali.wire import WIRE_VERSION
from jali.wire.dataset import Dataset
from jali.wire.ledger import ChainReport, Checkpoint, Links
from jali.wire.node import NodeInfo
from jali.wire.person import Me
from jali.wire.project import Project
from jali.wire.release import Release
from jali.wire.walk import Walk


def connect(
    url: str | None = None,
    token: str | None = None,
    *,
    profile: str | None = None,
    project: str | None = None,
    ca: str | Path | None = None,
) -> "Node":
    """Sign in to a data node; free.

    Args:
        url: its address; from the profile or `JALI_URL` if not given.
        token: the bearer token; from the profile or `JALI_TOKEN` if not given. Better not written into
            notebooks: `jali login` stores it.
        profile: a name that `jali login` stored.
        project: the project to ask for, by name or id; needed where there are several.
        ca: a file with the node's private certificate authority.

    Raises:
        ProfileMissing: no address or no token is known.
        NodeUnreachable, IncompatibleNode: there is no node, or one that this SDK cannot speak to.
        NotSignedIn, TokenExpired: the token is not good.
        AmbiguousProject: there is no project of that name.

    Example::

        node = jali.connect("https://node.example", project="length of stay")
        node.datasets
    """
    settled = profiles.settled(url, token, profile, ca)
    if settled.token is None:
        raise errors.ProfileMissing(f"no token is known for {settled.url}: give token=, or run `jali login`")
    node = Node(Transport(settled.url, settled.token, ca=settled.ca), project=project)
    node.me  # noqa: B018 - signs in now rather than at the first question
    if project is not None:
        node.project  # noqa: B018 - a wrong name is told at once
    return node


class Node:
    """A data node and whoever is signed in. Everything here is free.

    Args:
        transport: the way to the node, with the token.
        project: the project to ask for, by name or id; needed where there are several.

    Example::

        node.datasets
        visits = node["visits"]
        node.releases()  # everything the projects have paid for, also after a restart
    """

    def __init__(self, transport: Transport, *, project: str | None = None) -> None:
        self.transport = transport
        self._wanted = project
        self._seen: tuple[Dataset, ...] = ()

    @cached_property
    def info(self) -> NodeInfo:
        """What the node says about itself: identity, name, wire version, capabilities.

        Raises:
            IncompatibleNode: its wire version is more than one away from this SDK's.
        """
        info = self.transport.get("/v1/node", NodeInfo)
        if abs(info.wire - WIRE_VERSION) > 1:
            raise errors.IncompatibleNode(
                f"{info.name} speaks wire version {info.wire}, this SDK {WIRE_VERSION}; upgrade the older one"
            )
        return info

    @cached_property
    def me(self) -> Me:
        """Who is signed in, and their projects."""
        self.info  # noqa: B018 - an incompatible node is told as such
        return self.transport.get("/v1/me", Me)

    @property
    def project(self) -> Project:
        """The project that questions are asked for: the chosen one, or the only one.

        Raises:
            AmbiguousProject: there are several and none was chosen, or none of that name.
        """
        return self._project(None)

    def projects(self) -> Projects:
        """Return the projects that one may ask for: what each stands on, how long, and who belongs to it; free."""
        return Projects(self.info.name, tuple(self.transport.get("/v1/projects", list[Project])))

    @property
    def datasets(self) -> Catalog:
        """The datasets that the node shows."""
        self._seen = tuple(self.transport.get("/v1/datasets", list[Dataset]))
        return Catalog(self.info.name, self._seen)

    @property
    def account(self) -> Account:
        """One's own tokens, password and session."""
        return Account(self.transport)

    @property
    def owner(self) -> Owner:
        """The owner's half: requests, decisions, populations, the ledger. The node refuses it to others."""
        return Owner(self.transport)

    def __getitem__(self, name: str) -> RemoteDataset:
        """Return a dataset by name.

        Raises:
            UnknownDataset: there is none of this name.
        """
        return RemoteDataset(self.remote(name))

    def remote(self, name: str) -> Remote:
        """Return the way to ask about a dataset; for federations.

        Raises:
            UnknownDataset: there is none of this name.
        """
        catalog = self.datasets
        for card in catalog.cards:
            if card.name == name:
                return Remote(card, self.info, self.transport, self._project)
        message = f"{self.info.name} shows no dataset {name!r}{did_you_mean(name, catalog)}"
        raise errors.UnknownDataset(message, field="dataset")

    def requests(self) -> list[access.AccessRequest]:
        """Return what was asked for (access, more of a quota, single questions), with what has become of it.

        Each can be discussed, resubmitted and withdrawn: `comment()`, `discussion`, `resubmit()`, `changes`.
        """
        return access.listed(self.transport)

    def jobs(self) -> list[access.JobRequest]:
        """Return the training jobs that were submitted here; they are discussed in the same way."""
        return access.jobs(self.transport)

    def checkpoint(self, path: str | Path | None = None) -> Checkpoint:
        """Return the ledger's last entry as it is now, signed by the node; keep it, and `verify` it later.

        Args:
            path: a file to save it to.

        Raises:
            NotGenuine: it is not signed by this node.
            LedgerIncomplete: the node was restored and lacks records.

        Example::

            node.checkpoint("clinic.checkpoint")
            node.verify("clinic.checkpoint")
        """
        found = self.transport.get("/v1/ledger/checkpoint", Checkpoint)
        self._refuse_others(found)
        if path is not None:
            checkpoint.save(found, path)
        return found

    def verify(self, *kept: Checkpoint | str | Path) -> ChainReport:
        """Follow the node's chain from its beginning, through kept checkpoints, to what the node signs now.

        The records' digests are enough for that, so it works for whoever may not read the ledger. It shows that nothing
        up to the last of the checkpoints was changed, removed or reordered since; not that noise was honest.

        Args:
            kept: checkpoints, or files that hold them.

        Raises:
            NotGenuine: a checkpoint is not signed by this node, or two contradict each other.
        """
        held = [each if isinstance(each, Checkpoint) else checkpoint.read(each) for each in kept]
        for each in held:
            self._refuse_others(each)
        now = self.checkpoint()  # first: entries may be added meanwhile
        walk = Walk(checkpoint.known(held))
        for record in self._records():
            if not walk.step(record):
                return walk.report()
        report = walk.report()
        if report.valid and walk.passed.get(now.seq) != now.hash:
            said = f"the node signs another hash for entry {now.seq} than its records lead to"
            return report.model_copy(update={"valid": False, "broken_at": None, "reason": said})
        return report

    def _refuse_others(self, found: Checkpoint) -> None:
        checkpoint.refuse_unless_genuine(found)
        if found.node_id != self.info.node_id:
            said = f"the checkpoint is of {found.node_id}, but {self.transport.url} is {self.info.node_id}"
            raise errors.NotGenuine(said, field="node_id")

    def _records(self) -> Iterator[str]:
        place: int | None = 0
        while place is not None:
            page = self.transport.get("/v1/ledger/links", Links, params={"after": place})
            yield from page.records
            if page.next_after is not None and page.next_after <= place:
                raise errors.UnexpectedReply(f"the chain's pages do not go on behind entry {place}")
            place = page.next_after

    def releases(self) -> list[NoisyFigure | NoisyTable]:
        """Return the chosen project's stored answers; looking at them again costs nothing."""
        stored = self.transport.get("/v1/releases", list[Release], params={"project": self.project.id})
        names = {card.id: card.name for card in self.datasets.cards}
        return [
            answer.restored(release, names.get(release.dataset, release.dataset), self.info.name) for release in stored
        ]

    def _project(self, wanted: str | None) -> Project:
        projects = self.me.projects
        wanted = wanted if wanted is not None else self._wanted
        fitting = [project for project in projects if wanted is None or wanted in (project.id, project.name)]
        if len(fitting) == 1:
            return fitting[0]
        choices = ", ".join(f"{project.name!r} ({project.id})" for project in projects) or "none: ask the owner"
        found = "several projects" if fitting else f"no project {wanted!r}" if wanted else "no project"
        raise errors.AmbiguousProject(f"{found}; choose one with project=: {choices}", field="project")

    def __len__(self) -> int:
        return len(self.datasets)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.datasets)

    def _ipython_key_completions_(self) -> list[str]:
        return [card.name for card in self._seen] or self.datasets.names

    def __repr__(self) -> str:
        return f"{self.info.name} ({self.info.node_id}) at {self.transport.url}, signed in as {self.me.name}"

    def _repr_html_(self) -> str:
        return markup.card(repr(self))
