"""A remote dataset: what is known of it, and what may be asked."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from jali import access, errors
from jali.eda import answer, facts, markup, mock, shown
from jali.eda.budget import BudgetView
from jali.eda.desk import Desk
from jali.eda.facts import Facts, Price
from jali.eda.noisy import NoisyFigure, NoisyTable, drawn
from jali.eda.quote import QuoteView
from jali.eda.receipt import Receipt
from jali.eda.remote import Remote
from jali.eda.view import View
from jali.estimates import Row
from jali.wire.dataset import Dataset
from jali.wire.jobs.code import CodeForm, CodeLimits
from jali.wire.jobs.train import JobQuote
from jali.wire.mock import MockKind, MockRows
from jali.wire.request import AccessRequestForm, BudgetRequestForm, RequestKind
from jali.wire.selection import ALL_ROWS, Selection
from jali.wire.statistics import Statistic

if TYPE_CHECKING:
    from torch.nn import Module

    from jali.code.author import Code, Tried
    from jali.code.job import CodeRun
    from jali.training.job import TrainingJob
    from jali.training.quotes import QuoteText
    from jali.wire.features import Way

MOCK_ROWS = 200
"""On so many mock rows a function is tried, unless others are given."""
_GLANCE_TIMEOUT_S = 3.0
"""How long printing waits for the budget."""


class RemoteDataset(View[NoisyFigure, NoisyTable]):
    """A table that stays with its owner.

    Free: the card, `columns`, `dtypes`, `mock()`, `budget()`, `quote`, printing and completion. Charged, with
    `epsilon=`: `count`, `describe`, `groupby(...)` and the columns' statistics. What has been asked within the
    project is stored by the node, and the same question again is free. Columns whose names are not taken are
    attributes too.

    Example::

        visits = jali.connect("https://node.example")["visits"]
        visits.mock(5)
        visits.quote.describe(epsilon=1.0)
        visits.describe(epsilon=1.0).to_pandas()
        float(visits["age"].mean(epsilon=0.1))
    """

    def __init__(self, remote: Remote) -> None:
        super().__init__(AskDesk(remote))
        self._remote = remote

    @property
    def card(self) -> Dataset:
        """The public card: title, description, population and columns."""
        return self._remote.card

    @property
    def dtypes(self) -> "pd.Series[Any]":
        """The pandas types that the columns have in `mock()`; free."""
        return self.mock(0).dtypes

    @property
    def quote(self) -> View[QuoteView, QuoteView]:
        """The same questions, answered with their price and expected noise; free, and no row is read.

        Example::

            visits.quote["age"].mean(epsilon=0.1)
        """
        return View(QuoteDesk(self._remote))

    def insist(self) -> View[NoisyFigure, NoisyTable]:
        """Return the dataset's questions without the refusal of answers that could tell nothing; free."""
        return View(AskDesk(self._remote, insist=True))

    def budget(self) -> BudgetView:
        """Return the project's quota for this dataset; free.

        Raises:
            GrantRequired: the project has none yet: `request_access()`.
        """
        return BudgetView(self._remote.budget())

    def mock(self, n: int = 100, seed: int | None = None, kind: str = "public") -> pd.DataFrame:
        """Return made-up rows of the declared form, for trying code; free. `frame.attrs["jali"]` says what they are.

        Public ones are made here from the card: values are uniform within the bounds or categories, each column by
        itself, none missing; a column without bounds is missing throughout, text is numbered words, and no entity has
        more rows than are read of it. Nothing about the data can be learned from them.

        Args:
            n: how many rows, at least 0.
            seed: the same seed gives the same public rows.
            kind: "public"; "owner" for the first rows of a file that the owner wrote, which lies outside the promise;
                "synthetic" for rows drawn from a release, where the owner made some.

        Raises:
            UnknownResource: the node has no rows of that kind.
        """
        if n < 0:
            raise errors.InvalidRequest(f"n: expected n >= 0, got {n}", field="n")
        if kind == "public":
            return mock.from_card(self.card, n, np.random.default_rng(seed))
        if kind not in set(MockKind):
            known = ", ".join(["public", *MockKind])
            raise errors.InvalidRequest(f"kind: expected one of {known}; got {kind}", field="kind")
        path = f"/v1/datasets/{self.card.id}/mock"
        return mock.from_node(self.card, self._remote.transport.get(path, MockRows, params={"kind": kind}), n)

    def request_access(
        self,
        *,
        purpose: str,
        epsilon: float,
        project: str | None = None,
        statistics: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        job_kinds: Sequence[str] | None = None,
        delta: float | None = None,
    ) -> access.AccessRequest:
        """Ask the owner for a quota; free. The owner reads the purpose and may grant less.

        Args:
            purpose: what the answers are for, at least 10 characters.
            epsilon: the quota asked for.
            project: for which project, by name or id; the node's chosen one if not given.
            statistics: which statistics, such as "mean"; all if not given.
            columns: which columns; all if not given.
            job_kinds: which kinds of jobs, such as "train", or [] for none; all if not given.
            delta: how much of the delta that is set aside for unknown keys they may take; all of it if not given.

        Raises:
            UnknownColumn, NotOffered, InvalidRequest: found here, before anything is sent.
            AmbiguousProject: there are several projects and none was chosen.
        """
        for name in columns or ():
            self._remote.facts.column(name)
        for kind in statistics or ():
            if f"statistic:{kind}" not in self._remote.info.capabilities:
                raise errors.NotOffered(f"{self._remote.info.name} does not offer the statistic {kind!r}")
        form = facts.built(
            AccessRequestForm,
            dataset=self.card.id,
            project=self._remote.project(project).id,
            purpose=purpose,
            epsilon=facts.price(epsilon).epsilon,
            statistics=None if statistics is None else tuple(statistics),
            columns=None if columns is None else tuple(columns),
            job_kinds=None if job_kinds is None else tuple(job_kinds),
            delta=delta,
        )
        return access.submitted(self._remote.transport, form)

    def request_budget(self, *, purpose: str, epsilon: float) -> access.AccessRequest:
        """Ask the owner for more of the quota that one has; free. The owner reads the purpose and may give less.

        Args:
            purpose: what the answers are for, at least 10 characters.
            epsilon: how much is to be added.

        Raises:
            GrantRequired: there is no quota yet: `request_access()`.
            InvalidRequest: found here, before anything is sent.
        """
        grant = self._remote.budget().grant
        if grant is None:
            raise errors.NotOffered(f"{self._remote.info.name} does not say which grant this quota belongs to")
        form = facts.built(
            BudgetRequestForm,
            kind=RequestKind.BUDGET,
            grant=grant,
            purpose=purpose,
            epsilon=facts.price(epsilon).epsilon,
        )
        return access.submitted(self._remote.transport, form)

    def train(self, model: "Module", **training: Any) -> "TrainingJob":
        """Submit a model to be trained with DP-SGD beside the rows; free until the owner approves.

        Args:
            model: a `torch.nn.Module`; it travels as data, never as code. `jali.training.shelf` has some.
            training: see `jali.training.wishes.wish`: target, features, epsilon, epochs, and how to step. With
                `held_out=0.2` a fifth of the rows measures the model, at a price of its own.

        Raises:
            NotTransportable: the model cannot travel as data; it names the line.
            UnknownColumn, WrongColumnType, BoundsUnknown: a column will not do; found here, before anything is sent.
            GraphRefused, EpsilonTooSmall, InvalidRequest: what the node refuses.

        Example::

            job = visits.train(model, target="income", features=["age", "site"], epsilon=1.0, epochs=20)
            model = job.wait(timeout_s=3600).model()
        """
        from jali.training import job, wishes  # needs jali[train]

        return job.submitted(self._remote, wishes.wish(*self._place(), model, **training))

    def training_quote(self, model: "Module", **training: Any) -> "QuoteText":
        """Return what `train` with the same arguments would cost; free, and no row is read."""
        from jali.training import quotes, wishes  # needs jali[train]

        form = wishes.wish(*self._place(), model, **training)
        quote = self._remote.transport.post("/v1/jobs/quotes", form, JobQuote)
        return quotes.QuoteText(form.training, {self._remote.info.name: quote})

    def job(self, job_id: str) -> "TrainingJob":
        """Return a training job that was submitted before, to go on with it; free.

        Raises:
            UnknownResource: there is none, or it is somebody else's, or for another dataset.
        """
        from jali.training import job

        return job.found(self._remote, job_id)

    def try_code(
        self,
        fn: "Code",
        *,
        columns: Sequence[str],
        params: Mapping[str, Any] | None = None,
        mock: pd.DataFrame | None = None,
    ) -> Any:
        """Return what a function gives on mock rows, on this machine; free, and nothing is sent.

        Args:
            fn: a plain function `def name(df, **params)` that stands on its own, or its text, or a `.py` file with it.
            columns: which columns it is given, in this order.
            params: what it is called with besides; values that JSON has.
            mock: rows to try it on; 200 of `mock()` if not given.

        Raises:
            NotTransportable: it needs something from outside; the line is named.
            UnknownColumn, InvalidRequest: it does not fit, or fails on mock rows; the line is named.
        """
        return self._tried(fn, columns, params, mock).output

    def run_code(
        self,
        fn: "Code",
        *,
        columns: Sequence[str],
        purpose: str,
        params: Mapping[str, Any] | None = None,
        mock: pd.DataFrame | None = None,
        wall_s: int | None = None,
        memory_mb: int | None = None,
        output_bytes: int | None = None,
    ) -> "CodeRun":
        """Submit a function to be run over the rows, for what neither statistics nor `train` can say.

        It is tried on mock rows first, here; then a person reads it, it runs once in the node's sandbox, and a person
        reads what it gave back before that leaves. No epsilon covers it: with a release, the privacy promise of these
        people ends. It is off unless the dataset's owner has turned it on.

        Args:
            fn, columns, params, mock: as `try_code` takes them. Imports stand inside of the function.
            purpose: what the output is for, at least 10 characters.
            wall_s: seconds that it may run, 300 if not given.
            memory_mb: memory beyond what its libraries take, 2048 if not given.
            output_bytes: how large its output may be, 1,000,000 if not given.

        Returns:
            the job: `wait()`, then `result()`.

        Raises:
            CodeJobsOff: the owner has not turned code jobs on.
            NotTransportable, UnknownColumn, InvalidRequest: as `try_code` does; nothing is sent.
            ExtraMissing: the node lacks a package.

        Example::

            def weights(df, above):
                return df[df.age > above].groupby("site", observed=True).weight.agg(["mean", "count"]).round(1)

            job = visits.run_code(weights, columns=["age", "site", "weight"], params={"above": 50},
                                  purpose="to plan beds by site")
            job.wait(86_400).result()
        """
        from jali.code import job

        if "job:code" not in self._remote.info.capabilities:
            raise errors.NotOffered(f"{self._remote.info.name} runs no code")
        limits = job.limited(wall_s=wall_s, memory_mb=memory_mb, output_bytes=output_bytes)
        return job.submitted(self._remote, self._code_form(fn, columns, purpose, params, mock, limits))

    def code_job(self, job_id: str) -> "CodeRun":
        """Return a code job that was submitted before, to go on with it; free.

        Raises:
            UnknownResource: there is none, or it is somebody else's, or for another dataset.
        """
        from jali.code import job

        return job.found(self._remote, job_id)

    def _tried(
        self, fn: "Code", columns: Sequence[str], params: Mapping[str, Any] | None, mock: pd.DataFrame | None
    ) -> "Tried":
        from jali.code import author

        rows = self.mock(MOCK_ROWS, seed=0) if mock is None else mock
        return author.tried(self._remote.facts, fn, columns, params or {}, rows)

    def _code_form(
        self,
        fn: "Code",
        columns: Sequence[str],
        purpose: str,
        params: Mapping[str, Any] | None,
        mock: pd.DataFrame | None,
        limits: CodeLimits,
    ) -> CodeForm:
        found = self._tried(fn, columns, params, mock)
        return facts.built(
            CodeForm,
            dataset=self.card.id,
            project=self._remote.project(None).id,
            purpose=purpose,
            source=found.source.text,
            columns=tuple(columns),
            params=dict(params or {}),
            limits=limits,
            tryout=found.form,
        )

    def feature_names(self, features: "Sequence[str | Way]") -> tuple[str, ...]:
        """Return the numbers that columns become for a model, in order: as many as its inputs; free.

        Raises:
            UnknownColumn, WrongColumnType, BoundsUnknown: a column cannot be shown; it is named.
        """
        return shown.feature_names(self._remote.facts, features)

    def _place(self) -> tuple[Facts, Dataset, str]:
        return self._remote.facts, self.card, self._remote.project(None).id

    def __repr__(self) -> str:
        return "\n".join([self._title(), *self._facts(), self._budget_text(), "", self._schema_text(), "", _HELP])

    def _repr_html_(self) -> str:
        notes = [*self._facts(), _HELP]
        return markup.card(self._title(), self._budget_html(), markup.table(*self._schema()), notes=notes)

    def _title(self) -> str:
        return f"{self.card.name} · {self.card.title} · at {self._remote.info.name}"

    def _facts(self) -> list[str]:
        description = [self.card.description] if self.card.description else []
        return [self._unit(), *description, *self._promise(), *self._refreshing(), *self._withdrawn(), self._timing()]

    def _promise(self) -> list[str]:
        """Say that the promise has ended, where it has, and that code may be run, where it may."""
        end = self.card.population.promise_ended
        ended = [end.describe()] if end else []
        return [*ended, *(["functions may be submitted with .run_code()"] if self.card.code_jobs else [])]

    def _refreshing(self) -> list[str]:
        """Say that the promise is not for all time, where it is not."""
        days = self.card.population.refresh_days
        if days is None:
            return []
        return [
            f"the cap on what is learned refreshes every {days} days: over k windows at most k times as much is spent "
            "on the same people, and there is no bound for all time"
        ]

    def _withdrawn(self) -> list[str]:
        """Say that entities were taken out, and what that does not undo."""
        if self.card.withdrawn_at is None:
            return []
        said = f"entities withdrew, and were taken out on {self.card.withdrawn_at:%d %B %Y}"
        return [f"{said}; answers and models released before remain as they are"]

    def _unit(self) -> str:
        """Say whom the answers protect, and how many there are."""
        people = self.card.population
        if self.card.entity is None:
            return f"about {people.units:,} rows (the owner's public figure), population {people.name}"
        return (
            f"about {people.units:,} entities (the owner's public figure), population {people.name}; each is protected "
            f"with all its rows: at most {self.card.max_rows} of one {self.card.entity} are read, about "
            f"{self.card.size:,} in all"
        )

    def _timing(self) -> str:
        if not self.card.timed_release:
            return "answers leave when they are ready: how long that takes may tell about rows"
        late = f"; {self.card.late:,} were not ready, which may tell about rows" if self.card.late else ""
        return f"answers leave at times that rows do not decide{late}"

    def _glance(self) -> BudgetView | str:
        """Return the budget, or why it is not known: printing never raises."""
        try:
            return BudgetView(self._remote.budget(_GLANCE_TIMEOUT_S))
        except errors.GrantRequired:
            return "no quota yet: .request_access(purpose=..., epsilon=...)"
        except errors.JaliError as failure:
            return f"budget not known: {failure}"

    def _budget_text(self) -> str:
        return str(self._glance())

    def _budget_html(self) -> str:
        seen = self._glance()
        return seen.bar() if isinstance(seen, BudgetView) else f"<p>{markup.escaped(seen)}</p>"


_HELP = (
    "free: .mock() .dtypes .budget() .quote   charged, with epsilon=: .count .describe .profile .groupby "
    ".crosstab .cov .corr [column].mean .sum .std .var .hist .quantile .median .value_counts .missing .distinct"
)


class AskDesk(Desk[NoisyFigure, NoisyTable]):
    """Asks one node."""

    def __init__(self, remote: Remote, selection: Selection = ALL_ROWS, insist: bool = False) -> None:
        super().__init__(selection)
        self._remote = remote
        self._insist = insist

    @property
    def facts(self) -> Facts:
        """The dataset's public facts."""
        return self._remote.facts.selected(self.selection)

    def selecting(self, selection: Selection) -> Self:
        """Return a desk for other rows."""
        return type(self)(self._remote, selection, self._insist)

    def quoting(self) -> "QuoteDesk":
        """Return the desk that only quotes."""
        return QuoteDesk(self._remote, self.selection)

    def _figure(self, statistic: Statistic, price: Price) -> NoisyFigure:
        receipt = self._paid(statistic, price)
        return NoisyFigure(statistic, self._remote.card.name, _rows(statistic, receipt), receipt)

    def _table(self, statistic: Statistic, price: Price) -> NoisyTable:
        receipt = self._paid(statistic, price)
        return answer.tabled(statistic, self._remote.card.name, _rows(statistic, receipt), receipt)

    def _paid(self, statistic: Statistic, price: Price) -> Receipt:
        release = self._remote.ask(statistic, self.selection, price, insist=self._insist)
        return Receipt((release,), (self._remote.info.name,))


class QuoteDesk(Desk[QuoteView, QuoteView]):
    """Asks one node for the price."""

    def __init__(self, remote: Remote, selection: Selection = ALL_ROWS) -> None:
        super().__init__(selection)
        self._remote = remote

    @property
    def facts(self) -> Facts:
        """The dataset's public facts."""
        return self._remote.facts.selected(self.selection)

    def selecting(self, selection: Selection) -> Self:
        """Return a desk for other rows."""
        return type(self)(self._remote, selection)

    def quoting(self) -> Self:
        """Return this one."""
        return self

    def _figure(self, statistic: Statistic, price: Price) -> QuoteView:
        quote = self._remote.quote(statistic, self.selection, price)
        return QuoteView(statistic, self._remote.card.name, quote, self.selection)

    def _table(self, statistic: Statistic, price: Price) -> QuoteView:
        return self._figure(statistic, price)


def _rows(statistic: Statistic, receipt: Receipt) -> tuple[Row, ...]:
    release = receipt.releases[0]
    return drawn(statistic, release.columns, release.measurements)
