"""One dataset at one node, as the wire sees it."""

from collections.abc import Callable
from typing import Any

from jali import errors
from jali.eda.facts import Facts, Price, built
from jali.transport import READ_TIMEOUT_S, Transport
from jali.wire.budget import Budget
from jali.wire.dataset import Dataset
from jali.wire.node import NodeInfo
from jali.wire.project import Project
from jali.wire.query import Query, Wish
from jali.wire.quote import Quote
from jali.wire.release import Release
from jali.wire.selection import Selection
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
        card = self.card
        return Facts(card.name, card.columns, self.info.name, frozenset(self.info.capabilities), card.pictures)

    def ask(self, statistic: Statistic, selection: Selection, price: Price, *, insist: bool = False) -> Release:
        """Ask, and pay.

        An accuracy is quoted first; the answer is then asked for at the price that gives it.

        Raises:
            AnswerUseless: it could tell nothing, and nobody insists.
            NotPromised: something has to be asked first, before the accuracy can be promised.
            JaliError: what the node refuses.
            UnexpectedReply: the release answers something else.
        """
        epsilon = price.epsilon
        if epsilon is None:
            epsilon = self._promised(statistic, selection, price)
        query = built(Query, **self._question(statistic, selection), epsilon=epsilon, insist=insist)
        release = self.transport.post("/v1/queries", query, Release)
        same = (release.statistic.measured, release.selection.digest) == (statistic.measured, selection.digest)
        if release.dataset != self.card.id or not same:
            raise errors.UnexpectedReply(f"{self.info.name} answered another question than the one asked")
        return release

    def quote(self, statistic: Statistic, selection: Selection, price: Price) -> Quote:
        """Ask for the price; free.

        Raises:
            JaliError: what the node refuses.
        """
        wish = built(Wish, **self._question(statistic, selection), epsilon=price.epsilon, error=price.error)
        return self.transport.post("/v1/quotes", wish, Quote)

    def budget(self, timeout_s: float = READ_TIMEOUT_S) -> Budget:
        """Return the project's quota; free.

        Raises:
            GrantRequired: the project has none for this dataset.
        """
        path = f"/v1/datasets/{self.card.id}/budget"
        return self.transport.get(path, Budget, params={"project": self.project(None).id}, timeout_s=timeout_s)

    def _promised(self, statistic: Statistic, selection: Selection, price: Price) -> float:
        """Return the price that gives an accuracy."""
        quote = self.quote(statistic, selection, price)
        if quote.first:
            step = quote.first[0]
            raise errors.NotPromised(
                f"an error of {price.error:g} cannot be promised yet: {step.why}. Ask first for the "
                f"{step.statistic.describe()}{selection.describe()} (epsilon={step.epsilon:.3g}), then again; or give "
                f"epsilon=, some {quote.epsilon:.3g} if all rows counted",
                field="error",
                facts={"error": price.error, "first": step.statistic.describe(), "epsilon": step.epsilon},
            )
        return quote.epsilon

    def _question(self, statistic: Statistic, selection: Selection) -> dict[str, Any]:
        chosen = selection.reduced(statistic.reads)
        return {
            "dataset": self.card.id, "project": self.project(None).id, "statistic": statistic, "selection": chosen
        }  # fmt: skip
