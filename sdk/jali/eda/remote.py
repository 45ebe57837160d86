"""One dataset at one node, as the wire sees it."""

from collections.abc import Callable

from jali import errors
from jali.eda.facts import Facts, built
from jali.transport import READ_TIMEOUT_S, Transport
from jali.wire.budget import Budget
from jali.wire.dataset import Dataset
from jali.wire.node import NodeInfo
from jali.wire.project import Project
from jali.wire.query import Query
from jali.wire.quote import Quote
from jali.wire.release import Release
from jali.wire.statistics import Statistic


class Remote:
    """Sends questions about one dataset, for one project.

    Args:
        card: the dataset's public card.
        info: what the node says about itself.
        transport: the way to the node.
        project: returns the project of a given name or id, or the chosen one for None.
    """

    def __init__(
        self, card: Dataset, info: NodeInfo, transport: Transport, project: Callable[[str | None], Project]
    ) -> None:
        self.card = card
        self.info = info
        self.transport = transport
        self.project = project

    @property
    def facts(self) -> Facts:
        """The dataset's public facts, and what the node offers."""
        return Facts(self.card.name, self.card.columns, self.info.name, frozenset(self.info.capabilities))

    def ask(self, statistic: Statistic, epsilon: float) -> Release:
        """Ask, and pay.

        Raises:
            JaliError: what the node refuses.
            UnexpectedReply: the release answers something else.
        """
        release = self.transport.post("/v1/queries", self._query(statistic, epsilon), Release)
        if release.dataset != self.card.id or release.statistic.measured != statistic.measured:
            raise errors.UnexpectedReply(f"{self.info.name} answered another question than the one asked")
        return release

    def quote(self, statistic: Statistic, epsilon: float) -> Quote:
        """Ask for the price; free.

        Raises:
            JaliError: what the node refuses.
        """
        return self.transport.post("/v1/quotes", self._query(statistic, epsilon), Quote)

    def budget(self, timeout_s: float = READ_TIMEOUT_S) -> Budget:
        """Return the project's quota; free.

        Raises:
            GrantRequired: the project has none for this dataset.
        """
        path = f"/v1/datasets/{self.card.id}/budget"
        return self.transport.get(path, Budget, params={"project": self.project(None).id}, timeout_s=timeout_s)

    def _query(self, statistic: Statistic, epsilon: float) -> Query:
        return built(Query, dataset=self.card.id, project=self.project(None).id, statistic=statistic, epsilon=epsilon)
