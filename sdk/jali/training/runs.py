"""Where a run persists: one JSON file, replaced as a whole, so that it is never half written."""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from jali.wire.money import digest


@dataclass(frozen=True)
class Run:
    """A federated run as far as it has come.

    Attributes:
        id: names the run at the nodes.
        jobs: the job's id at each node, by the node's name.
        shares: each node's public weight in the average.
        rounds: how many there will be.
        weights: the global model (safetensors in base64) that round `number` begins with.
        number: the round that comes next, from 1.
        replies: this round's replies so far, by node.
        digests: of the replies of each round that was averaged, by node: what the nodes' ledgers have of them.
        measures: whether each node measures the model once it is trained, and metrics: what they said, by node (JSON).
    """

    id: str
    jobs: dict[str, str]
    shares: dict[str, float]
    rounds: int
    weights: str
    number: int = 1
    replies: dict[str, str] = field(default_factory=dict)
    digests: list[dict[str, str]] = field(default_factory=list)
    measures: bool = False
    metrics: dict[str, str] = field(default_factory=dict)

    @property
    def trained(self) -> bool:
        """Whether all rounds have been averaged."""
        return self.number > self.rounds

    @property
    def done(self) -> bool:
        """Whether all rounds have been averaged, and the model was measured at every node where that was asked for."""
        return self.trained and (not self.measures or self.jobs.keys() <= self.metrics.keys())

    def with_reply(self, node: str, reply: str) -> "Run":
        """Return the run with one more reply of this round."""
        return replace(self, replies={**self.replies, node: reply})

    def with_metrics(self, node: str, metrics: str) -> "Run":
        """Return the run with what one more node has measured."""
        return replace(self, metrics={**self.metrics, node: metrics})

    def with_average(self, weights: str) -> "Run":
        """Return the run at its next round."""
        digests = [*self.digests, {node: digest(reply) for node, reply in self.replies.items()}]
        return replace(self, weights=weights, number=self.number + 1, replies={}, digests=digests)


class RunFile:
    """Keeps a run; what it holds is what nodes have released, and costs nothing to read again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Run | None:
        """Return the run that is kept, or None."""
        if not self.path.exists():
            return None
        return Run(**json.loads(self.path.read_text(encoding="utf-8")))

    def save(self, run: Run) -> None:
        """Keep a run in place of the one before, durably."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        waiting = self.path.with_suffix(".new")
        with waiting.open("w", encoding="utf-8") as file:
            json.dump(asdict(run), file)
            file.flush()
            os.fsync(file.fileno())
        waiting.replace(self.path)
