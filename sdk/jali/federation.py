"""Several nodes as one: the same question to each, their noised integers added, one answer drawn."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pandas as pd

from jali import errors, progress
from jali.eda import answer, markup
from jali.eda.desk import Desk
from jali.eda.facts import Facts, Price
from jali.eda.noisy import NoisyFigure, NoisyTable, drawn
from jali.eda.quote import QuoteView
from jali.eda.receipt import PER_NODE, Receipt
from jali.eda.remote import Remote
from jali.eda.view import View
from jali.estimates import derivation
from jali.node import Node
from jali.wire.dataset import Column
from jali.wire.features import column_of
from jali.wire.release import Noised, Release
from jali.wire.selection import ALL_ROWS, Selection
from jali.wire.statistics import Statistic

if TYPE_CHECKING:
    from torch.nn import Module

    from jali.training.federated import FederatedJob, TrainingQuote
    from jali.wire.jobs.train import JobForm

M = TypeVar("M")
R = TypeVar("R")
Members = dict[str, Remote]
"""One dataset at each node, by the node's name."""
COMPARED = ("type", "unit", "bounds", "categories")


class Federation:
    """Several nodes that hold datasets of one form.

    Each node is asked the same question at the same `epsilon` and adds its own noise; nothing but releases leaves a
    node, and no node learns another's. Nodes are assumed to share people, so the prices compose.

    Args:
        nodes: at least one, all different.
        disjoint: the owners attest that no person is at two of the nodes; then the largest price counts.

    Raises:
        NotCombinable: two of the nodes are the same one.

    Example::

        fed = jali.Federation([jali.connect(profile="north"), jali.connect(profile="south")])
        fed["visits"].quote["age"].mean(epsilon=0.1)
        fed["visits"]["age"].mean(epsilon=0.1)
    """

    def __init__(self, nodes: Sequence[Node], *, disjoint: bool = False) -> None:
        if not nodes:
            raise errors.InvalidRequest("nodes: expected at least 1, got 0", field="nodes")
        infos = [node.info for node in nodes]
        if len({info.node_id for info in infos}) != len(infos):
            raise errors.NotCombinable("two of the nodes are the same one, its rows would count twice")
        names = [info.name for info in infos]
        labels = [i.name if names.count(i.name) == 1 else f"{i.name} ({i.node_id})" for i in infos]
        self.nodes: dict[str, Node] = dict(zip(labels, nodes, strict=True))
        self.disjoint = disjoint

    @property
    def datasets(self) -> list[str]:
        """The names of the datasets that all nodes show; free."""
        catalogs = list(_everywhere(self.nodes, lambda node: node.datasets.names).values())
        return [name for name in catalogs[0] if all(name in names for names in catalogs)]

    def __getitem__(self, name: str) -> "FederatedDataset":
        """Return the dataset of this name at all nodes; free.

        Raises:
            UnknownDataset: a node shows none of this name.
        """
        members = _everywhere(self.nodes, lambda node: node.remote(name))
        return FederatedDataset(members, self.disjoint)

    def _ipython_key_completions_(self) -> list[str]:
        return self.datasets

    def __repr__(self) -> str:
        return f"federation of {', '.join(self.nodes)} ({_sharing(self.disjoint)})"


class FederatedDataset(View[NoisyFigure, NoisyTable]):
    """One dataset at several nodes. Its questions are those of a remote dataset, at `epsilon=` for each node.

    The columns that a question reads must have the same type, unit, bounds and categories at all nodes. A question
    is quoted everywhere before it is asked anywhere, so that a missing grant at one node costs nothing at another.

    Raises, each question:
        NotCombinable: public facts differ. No node was asked.
        PartlyAnswered: a node refused after another had answered; asking the same again is free where it did.
        JaliError: what all nodes refuse, or one of them when it was quoted.
    """

    def __init__(self, members: Members, disjoint: bool = False) -> None:
        super().__init__(FederatedAskDesk(members, disjoint))
        self._members = members
        self._disjoint = disjoint

    @property
    def quote(self) -> "View[FederatedQuote, FederatedQuote]":
        """The same questions, answered with each node's price; free, and no row is read."""
        return View(FederatedQuoteDesk(self._members, self._disjoint))

    def training_quote(self, model: "Module", **training: Any) -> "TrainingQuote":
        """Return what `train` with the same arguments would cost at each node; free, and no row is read."""
        from jali.training import federated  # needs jali[train]

        return federated.quoted(self._members, self._wishes(model, training))

    def train(self, model: "Module", **training: Any) -> "FederatedJob":
        """Submit a model to be trained with DP-SGD at every node; free until an owner approves.

        Args:
            model: a `torch.nn.Module`; it travels as data, never as code.
            training: see `jali.training.federated.forms`: target, features, epsilon, rounds, purpose, and how to step.

        Raises:
            NotTransportable: the model cannot travel as data; it names the line.
            NotCombinable: public facts differ. No node was asked.
            GraphRefused, EpsilonTooSmall, InvalidRequest: what a node refuses.

        Example::

            job = fed["visits"].train(model, target=("visits", 2), features=["chronic"], epsilon=1.0, rounds=5,
                                      purpose="who sees a doctor often")
            model = job.wait(timeout_s=3600).run("run.json").model()
        """
        from jali.training import federated  # needs jali[train]

        return federated.submitted(self._members, self._wishes(model, training))

    def _wishes(self, model: "Module", training: Mapping[str, Any]) -> "dict[str, JobForm]":
        from jali.training import federated  # needs jali[train]

        target = training.get("target", ())
        aim = target if isinstance(target, str) else target[0] if isinstance(target, tuple) and target else target
        for name in map(column_of, [*training.get("features", ()), *([aim] if aim else [])]):
            _check_equal(name, self._desk.facts.column(name), self._members)
        return federated.forms(self._members, model, **training)

    def __repr__(self) -> str:
        return f"{self._title()}\n\n{self._schema_text()}\n\n{PER_NODE}"

    def _repr_html_(self) -> str:
        return markup.card(self._title(), markup.table(*self._schema()), notes=[PER_NODE])

    def _title(self) -> str:
        return f"{self._desk.facts.dataset} · at {', '.join(self._members)} · {_sharing(self._disjoint)}"


class FederatedQuote:
    """Each node's quote for one question. It cost nothing and read no row.

    Attributes:
        quotes: by the node's name.
        disjoint: the owners attest that no person is at two of the nodes.
    """

    def __init__(self, quotes: Mapping[str, QuoteView], disjoint: bool) -> None:
        self.quotes = dict(quotes)
        self.disjoint = disjoint

    @property
    def prices(self) -> dict[str, float]:
        """Each node's stand-alone price (epsilon); 0 where the answer is there already."""
        return {node: quote.price for node, quote in self.quotes.items()}

    @property
    def at_most(self) -> float:
        """An upper bound of what asking adds for a person who is at all the nodes (epsilon).

        The sum of the prices, or the largest if no person is at two nodes. The composed price is smaller and follows
        from the losses that the releases name.
        """
        return max(self.prices.values()) if self.disjoint else math.fsum(self.prices.values())

    @property
    def fits(self) -> bool:
        """Whether the quota has room for it at every node."""
        return all(quote.fits for quote in self.quotes.values())

    def to_pandas(self) -> pd.DataFrame:
        """Return one line a node: price, whether it fits, whether it is a repeat, and the quota before and after."""
        fields = ("price", "fits", "repeated", "left_before", "left_after")
        lines = [{field: getattr(quote.quote, field) for field in fields} for quote in self.quotes.values()]
        return pd.DataFrame(lines, index=pd.Index(list(self.quotes), name="node"))

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"  {node}: {q.bill}" for node, q in self.quotes.items()), self._sum()])

    def _repr_html_(self) -> str:
        lines = [(node, quote.bill) for node, quote in self.quotes.items()]
        return markup.card(self._title(), markup.table(["node", "quote"], lines), notes=[self._sum()])

    def _title(self) -> str:
        first = next(iter(self.quotes.values()))
        return f"quote: {first.statistic.describe()} · {first.dataset} at {len(self.quotes)} nodes"

    def _sum(self) -> str:
        how = "the largest price" if self.disjoint else "the sum; the composed price is known from the releases"
        return f"together at most ε {self.at_most:.4g} ({how}; {_sharing(self.disjoint)}). {PER_NODE}"


class _FederatedDesk:
    """What asking and quoting share."""

    def __init__(self, members: Members, disjoint: bool, selection: Selection = ALL_ROWS) -> None:
        self.selection = selection
        self._members = members
        self._disjoint = disjoint

    @property
    def facts(self) -> Facts:
        """The public facts of the first node; `check` holds the others to them."""
        return next(iter(self._members.values())).facts.selected(self.selection)

    def selecting(self, selection: Selection) -> Self:
        """Return a desk for other rows."""
        return type(self)(self._members, self._disjoint, selection)

    def quoting(self) -> "FederatedQuoteDesk":
        """Return the desk that only quotes."""
        return FederatedQuoteDesk(self._members, self._disjoint, self.selection)

    def check(self, statistic: Statistic) -> None:
        """Raise what does not fit together, then what a node would refuse."""
        if not statistic.adds_up and len(self._members) > 1:
            raise errors.NotCombinable(
                f"{statistic.describe()}: two nodes may hold the same ones, so numbers do not add up; ask each node"
            )
        for name in self.selection.behind(statistic.reads):
            _check_equal(name, self.facts.column(name), self._members)
        for remote in self._members.values():
            remote.facts.selected(self.selection).check(statistic)

    def _quoted(self, statistic: Statistic, price: Price) -> dict[str, QuoteView]:
        quotes = _everywhere(self._members, lambda remote: remote.quote(statistic, self.selection, price))
        return {node: QuoteView(statistic, self.facts.dataset, quote, self.selection) for node, quote in quotes.items()}


class FederatedQuoteDesk(_FederatedDesk, Desk[FederatedQuote, FederatedQuote]):
    """Asks all nodes for the price."""

    def _figure(self, statistic: Statistic, price: Price) -> FederatedQuote:
        return FederatedQuote(self._quoted(statistic, price), self._disjoint)

    def _table(self, statistic: Statistic, price: Price) -> FederatedQuote:
        return self._figure(statistic, price)


class FederatedAskDesk(_FederatedDesk, Desk[NoisyFigure, NoisyTable]):
    """Asks all nodes, and adds."""

    def _figure(self, statistic: Statistic, price: Price) -> NoisyFigure:
        receipt = self._paid(statistic, price)
        rows = drawn(statistic, receipt.releases[0].columns, combined(receipt.releases))
        return NoisyFigure(statistic, self.facts.dataset, rows, receipt)

    def _table(self, statistic: Statistic, price: Price) -> NoisyTable:
        receipt = self._paid(statistic, price)
        rows = drawn(statistic, receipt.releases[0].columns, combined(receipt.releases))
        return answer.tabled(statistic, self.facts.dataset, rows, receipt)

    def _paid(self, statistic: Statistic, price: Price) -> Receipt:
        """Quote everywhere, then ask everywhere, each node in a thread of its own."""
        for node, quote in self._quoted(statistic, price).items():
            if not quote.fits:
                facts = {"price": quote.price, "left": quote.quote.left_before}
                raise errors.BudgetExhausted(f"{node}: {quote.bill}; no node was charged", facts=facts)
        with progress.waiting(statistic.describe(), len(self._members), "nodes") as wait:
            answered, failed = _outcomes(
                self._members, lambda remote: remote.ask(statistic, self.selection, price, insist=True), wait.reach
            )
            wait.outcome = f"{len(answered)} of {len(self._members)} nodes answered"
        if failed:
            raise _refusal(answered, failed)
        return Receipt(tuple(answered.values()), tuple(answered), self._disjoint)


def combined(releases: Sequence[Release]) -> dict[str, Noised]:
    """Return the measurements of all nodes together: integers added, and the independent noise's variances too.

    A node may have answered with an earlier release that holds more; what all of them hold, or what follows from what
    they hold, is added.

    Raises:
        UnexpectedReply: the releases do not hold measurements of one form.
    """
    known = [derivation.Known(release.measurements) for release in releases]
    names = dict.fromkeys(name for held in known for name in held)
    found = {name: [held[name] for held in known if name in held] for name in names}
    shared = {name: parts for name, parts in found.items() if len(parts) == len(known)}
    if not shared or any(len({len(part.values) for part in parts}) > 1 for parts in shared.values()):
        raise errors.UnexpectedReply("the nodes' releases do not hold measurements of one form")
    return {name: _added(parts) for name, parts in shared.items()}


def _added(parts: Sequence[Noised]) -> Noised:
    values = tuple(sum(values) for values in zip(*(part.values for part in parts), strict=True))
    return Noised(values=values, noise_stddev=math.hypot(*(part.noise_stddev for part in parts)))


def _check_equal(name: str, here: Column, members: Members) -> None:
    """Raise NotCombinable if a column's public facts differ between nodes."""
    first = next(iter(members))
    for node, remote in members.items():
        there = remote.card.column(name)
        if there is None:
            raise errors.NotCombinable(f"column {name} is at {first} but not at {node}; no node was asked", field=name)
        for fact in COMPARED:
            mine, theirs = getattr(here, fact), getattr(there, fact)
            if mine != theirs:
                raise errors.NotCombinable(
                    f"column {name}: {fact} is {_shown(mine)} at {first} and {_shown(theirs)} at {node}; "
                    "no node was asked",
                    field=name,
                    facts={"fact": fact, first: mine, node: theirs},
                )


def _shown(value: object) -> str:
    text = str(value) if value not in ("", None) else "not declared"
    return text if len(text) <= 200 else f"{text[:200]}..."


def _sharing(disjoint: bool) -> str:
    return "no person is at two nodes, the owners attest" if disjoint else "people may be at several nodes"


def _outcomes(
    members: Mapping[str, M], act: Callable[[M], R], reached: Callable[[float], None] = lambda done: None
) -> tuple[dict[str, R], dict[str, errors.JaliError]]:
    """Do something at all nodes at once, and return what came back and what was refused; say how many are done."""

    def attempt(member: M) -> R | errors.JaliError:
        try:
            return act(member)
        except errors.JaliError as failure:
            return failure

    with ThreadPoolExecutor(max_workers=len(members)) as pool:
        begun = {name: pool.submit(attempt, member) for name, member in members.items()}
        for number, _ in enumerate(as_completed(begun.values()), 1):
            reached(number)
    results = {name: future.result() for name, future in begun.items()}
    failed = {node: result for node, result in results.items() if isinstance(result, errors.JaliError)}
    answered = {node: result for node, result in results.items() if not isinstance(result, errors.JaliError)}
    return answered, failed


def _everywhere(members: Mapping[str, M], act: Callable[[M], R]) -> dict[str, R]:
    """Do something free at all nodes at once; the first refusal is raised with the node's name."""
    answered, failed = _outcomes(members, act)
    for node, failure in failed.items():
        raise _worded(failure, f"{node}: {failure}") from failure
    return answered


def _refusal(answered: Mapping[str, Release], failed: Mapping[str, errors.JaliError]) -> errors.JaliError:
    """Return what to raise when some nodes refused to answer."""
    said = "; ".join(f"{node}: {failure}" for node, failure in failed.items())
    if not answered:
        return _worded(next(iter(failed.values())), said)
    ids = {node: release.id for node, release in answered.items()}
    listed = ", ".join(f"{node} ({release})" for node, release in ids.items())
    return errors.PartlyAnswered(
        f"{said}. Answered and charged: {listed}; these releases are stored, asking the same again is free there",
        facts={"answered": ids, "failed": {node: str(failure) for node, failure in failed.items()}},
    )


def _worded(failure: errors.JaliError, detail: str) -> errors.JaliError:
    """Return the same refusal in other words."""
    return type(failure)(detail, field=failure.field, facts=failure.facts, status=failure.status)
