"""One question: a statistic of one dataset, at one price, for one project."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from jali.wire.base import Request
from jali.wire.money import Epsilon, digest
from jali.wire.selection import ALL_ROWS, Selection
from jali.wire.statistics import Statistic

Id = Annotated[str, Field(min_length=4, max_length=64, pattern=r"^[a-z]+_[0-9a-f]+$")]


class Question(Request):
    """A statistic of the selected rows of one dataset, asked for one project."""

    dataset: Id
    project: Id
    statistic: Statistic
    selection: Selection = ALL_ROWS

    @property
    def digest(self) -> str:
        """The same for questions that one release answers, whatever their price."""
        return digest([self.statistic.measured, self.selection.digest])

    @property
    def reads(self) -> tuple[str, ...]:
        """The card's columns that the answer is computed from."""
        return self.selection.behind(self.statistic.reads)

    def describe(self) -> str:
        """Say what is asked, of which rows."""
        return f"{self.statistic.describe()}{self.selection.describe()}"


class Query(Question):
    """What is asked, and the stand-alone price that the asker is ready to pay.

    An answer that could tell nothing is refused before anything is spent, unless somebody insists: parts of a federated
    answer may each say little and much together.
    """

    epsilon: Epsilon
    insist: bool = False


class Wish(Question):
    """What a quote is wanted for: a price, or the half width that the 95 % noise interval should have at most."""

    epsilon: Epsilon | None = None
    error: float | None = Field(default=None, gt=0, le=1e300)

    @model_validator(mode="after")
    def _a_price_or_an_error(self) -> Self:
        if (self.epsilon is None) == (self.error is None):
            raise ValueError("expected epsilon or error, one of them")
        return self
