"""What an answer cost, and what is left."""

from dataclasses import dataclass
from functools import reduce

from jali.wire.budget import PrivacyLoss
from jali.wire.money import DELTA_UNITS, from_fixed
from jali.wire.release import Release

PER_NODE = "The cap holds per node; no ledger caps the composed loss."


@dataclass(frozen=True)
class Receipt:
    """The releases behind an answer, one a node.

    Attributes:
        releases: as the nodes gave them.
        nodes: the nodes' names, in the same order.
        disjoint: the owners attest that no person is at two of the nodes.
    """

    releases: tuple[Release, ...]
    nodes: tuple[str, ...]
    disjoint: bool = False

    @property
    def prices(self) -> dict[str, float]:
        """Each node's stand-alone price (epsilon)."""
        return {node: release.epsilon for node, release in zip(self.nodes, self.releases, strict=True)}

    @property
    def price(self) -> float:
        """What the answer cost a person who is at all the nodes (epsilon).

        The nodes' losses composed order by order (Mironov 2017, Proposition 1), or the largest one if no
        person is at two nodes. Where the accounts share no order, the sum of the prices (basic composition).
        """
        if self.disjoint or len(self.releases) == 1:
            return max(self.prices.values())
        try:
            loss = reduce(PrivacyLoss.composed_with, (release.loss for release in self.releases))
        except ValueError:
            return sum(self.prices.values())
        return from_fixed(loss.price)

    @property
    def lines(self) -> list[str]:
        """Price and what is left, in words."""
        if len(self.releases) == 1:
            release = self.releases[0]
            return [f"{_cost(release)} · left ε {release.left:.4g} · {release.id}"]
        pairs = list(zip(self.nodes, self.releases, strict=True))
        why = "no person is at two nodes, the owners attest" if self.disjoint else "a person may be at every node"
        return [
            " · ".join(f"{node}: {_cost(release)}, left ε {release.left:.4g}" for node, release in pairs),
            f"together ε {self.price:.4g} ({why}). {PER_NODE}",
        ]


def _cost(release: Release) -> str:
    if release.repeated:
        return "repeated: free"
    own = f" and δ {from_fixed(release.loss.delta, DELTA_UNITS):.3g}" if release.loss.delta else ""
    return f"cost ε {release.epsilon:.4g}{own}"
