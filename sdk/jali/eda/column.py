"""A remote column."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NoReturn, TypeVar, overload

from jali.eda import facts, markup
from jali.eda.desk import Desk
from jali.wire import dataset
from jali.wire.statistics import Histogram, Mean, Quantiles, ValueCounts

F = TypeVar("F")
T = TypeVar("T")


class Column(Generic[F, T]):
    """A column that stays where it is. Its facts are free; its statistics cost `epsilon=`.

    Every answer is differentially private for the population's privacy unit: exact discrete Gaussian noise on
    integer aggregates of values clamped to the public bounds. The same question again is free within the
    project.

    Example::

        visits["age"].mean(epsilon=0.1)
        visits.quote["age"].hist(bins=20, epsilon=0.2)  # free: the price and the expected noise

    Raises, each of the methods below:
        BoundsUnknown, WrongColumnType, InvalidRequest, NotOffered: found here, before anything is sent.
        GrantRequired, ApprovalRequired, BudgetExhausted, EpsilonTooSmall: the node's word.
    """

    def __init__(self, desk: Desk[F, T], card: dataset.Column) -> None:
        self._desk = desk
        self.card = card

    @property
    def name(self) -> str:
        """The column's name."""
        return self.card.name

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The public bounds; values beyond them are clamped. None where the owner declared none."""
        return self.card.bounds

    @property
    def categories(self) -> tuple[str, ...]:
        """The public categories."""
        return self.card.categories

    def mean(self, *, epsilon: float) -> F:
        """Release the mean of the present values, and with it how many are present and missing.

        Args:
            epsilon: the stand-alone price.
        """
        return self._desk.figure(facts.built(Mean, column=self.name), epsilon)

    def hist(self, bins: int = 10, *, epsilon: float) -> T:
        """Release the counts in `bins` equal bins over the public bounds, and the count of missing values.

        Args:
            bins: 1 to 512.
            epsilon: the stand-alone price.
        """
        return self._desk.table(facts.built(Histogram, column=self.name, bins=bins), epsilon)

    @overload
    def quantile(self, q: float = 0.5, *, epsilon: float) -> F: ...
    @overload
    def quantile(self, q: Sequence[float], *, epsilon: float) -> T: ...
    def quantile(self, q: float | Sequence[float] = 0.5, *, epsilon: float) -> F | T:
        """Release one quantile or several, all from one noised tree of counts: more levels cost nothing more.

        Args:
            q: a share between 0 and 1, or several.
            epsilon: the stand-alone price.
        """
        if isinstance(q, Iterable):
            levels = tuple(dict.fromkeys(q))
            return self._desk.table(facts.built(Quantiles, column=self.name, levels=levels), epsilon)
        return self._desk.figure(facts.built(Quantiles, column=self.name, levels=(q,)), epsilon)

    def median(self, *, epsilon: float) -> F:
        """Release the value below which half of the present values lie; the same release as `quantile`.

        Args:
            epsilon: the stand-alone price.
        """
        return self.quantile(0.5, epsilon=epsilon)

    def value_counts(self, *, epsilon: float) -> T:
        """Release the count of each public category, and of missing or undeclared values.

        Args:
            epsilon: the stand-alone price.
        """
        return self._desk.table(facts.built(ValueCounts, column=self.name), epsilon)

    def __len__(self) -> NoReturn:
        raise TypeError("the number of rows is private: use count(epsilon=...) of the dataset")

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[NoReturn]:
        raise TypeError("values stay with their owner: use mock() of the dataset for rows of the same form")

    def __repr__(self) -> str:
        return f"{self._desk.facts.dataset}[{self.name!r}]: {self._words()}"

    def _repr_html_(self) -> str:
        title = f"{self._desk.facts.dataset} · {self.name}"
        return markup.card(title, notes=[self._words(), self.card.meaning])

    def _words(self) -> str:
        return ", ".join(part for part in (self.card.type.value, public_range(self.card)) if part)


def public_range(card: dataset.Column) -> str:
    """Return a column's bounds with their unit, or its first categories, in words."""
    if card.bounds is not None:
        return f"{card.bounds[0]:g} to {card.bounds[1]:g} {card.unit}".rstrip()
    shown = ", ".join(card.categories[:6])
    more = f" and {len(card.categories) - 6} more" if len(card.categories) > 6 else ""
    return shown + more or "no public bounds"
