"""From the error that somebody can live with to the smallest price that keeps it: public facts and paid releases."""

import math
from dataclasses import dataclass

from sqlalchemy.orm import Session

from jali.estimates import noise, promise
from jali.wire.money import EPSILON_MAX
from jali.wire.query import Wish
from jali.wire.quote import Step
from jali.wire.statistics import Count, Missing, Statistic
from jali_node.actions.queries import paid
from jali_node.errors import EpsilonTooSmall, InvalidRequest
from jali_node.ledger import book
from jali_node.statistics.plan import Plan, plan
from jali_node.store.catalog import Registered
from jali_node.tables import AccountRow

ROUNDING = 0.95
"""A public figure is rounded to two digits: there are at least so many of what it says."""
COUNTED_TO = 0.05
"""A count that is asked first should be exact to this share of the public number of rows."""


@dataclass(frozen=True)
class Accuracy:
    """The price that gives an error, and what has to be asked before that is a promise."""

    epsilon: float
    first: tuple[Step, ...] = ()


def solved(session: Session, registered: Registered, wish: Wish) -> Accuracy:
    """Return the smallest price at which every noise interval of the answer stays within +-`wish.error`.

    Raises:
        InvalidRequest: it cannot be promised for this statistic, or at no price.
        Refused: as planning would.
    """
    if wish.error is None:
        raise ValueError("expected a wish with an error")
    planner = Planner(session, registered, wish)
    planner.at(EPSILON_MAX)  # refuses what does not fit the card
    try:
        column = promise.column_counted(wish.statistic)
    except promise.NotPromisable as error:
        raise InvalidRequest(str(error), field="error") from error
    rows = planner.rows_at_least(column)
    if rows is not None:
        return Accuracy(planner.cheapest(wish.statistic, wish.error, rows))
    guessed = planner.cheapest(wish.statistic, wish.error, planner.public_rows)
    return Accuracy(guessed, (planner.count_first(column or ""),))


@dataclass(frozen=True)
class Planner:
    """Plans one question at any price."""

    session: Session
    registered: Registered
    wish: Wish

    @property
    def public_rows(self) -> int:
        """How many rows there are at least, by the owner's figure."""
        return int(self.registered.shown().size * ROUNDING)

    def at(self, epsilon: float, statistic: Statistic | None = None) -> Plan:
        """Return the plan at a price."""
        card = self.registered.card
        account = self.session.get_one(AccountRow, self.registered.population.account_id)
        return plan(
            statistic or self.wish.statistic,
            card.columns,
            epsilon,
            book.terms(account),
            selection=self.wish.selection,
            max_rows=card.max_rows,
            entity=card.entity,
        )

    def cheapest(self, statistic: Statistic, error: float, rows: int) -> float:
        """Return the smallest price (to a thousandth of itself) that keeps an error."""

        def reach(epsilon: float) -> float:
            planned = self.at(epsilon, statistic)
            columns = {column.name: column for column in planned.columns}
            return promise.reach(statistic, columns, planned.noise, rows)

        low, high = self._floor(), EPSILON_MAX
        if reach(high) > error:
            raise InvalidRequest(
                f"expected an error of at least {reach(high):.3g}, which takes epsilon {EPSILON_MAX:g}, got {error:g}",
                field="error",
            )
        while high > low * 1.001:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if reach(middle) <= error else (middle, high)
        return high

    def rows_at_least(self, column: str | None) -> int | None:
        """Return how many rows have a value at least; None where only a count could tell."""
        if column is None:
            return self.public_rows
        counted = paid.measured(self.session, self.registered, self.wish, f"count:{column}")
        if counted is not None:
            # The answer counts anew, so its own noise comes on top; the interval is taken twice.
            return max(0, counted.values[0] - 2 * noise.half_width(counted.noise_stddev))
        facts = next((c for c in self.at(EPSILON_MAX).columns if c.name == column), None)
        if self.wish.selection.where is None and facts is not None and facts.complete:
            return self.public_rows
        return None

    def count_first(self, column: str) -> Step:
        """Return the count that would make a promise possible, with a price."""
        statistic = Missing(column=column)
        reach = max(1.0, COUNTED_TO * self.public_rows)
        which = "how many rows match" if self.wish.selection.where is not None else "how many rows have a value"
        return Step(
            statistic=statistic,
            epsilon=self.cheapest_count(statistic, reach),
            why=f"{which} is not public, and the noise is divided by it",
        )

    def cheapest_count(self, statistic: Missing, reach: float) -> float:
        """Return the smallest price at which counts reach no further than this; that of a plain count at least."""
        name = f"count:{statistic.column}"
        low, high = self._floor(), EPSILON_MAX
        while high > low * 1.001:
            middle = math.sqrt(low * high)
            widest = noise.half_width(self.at(middle, statistic).noise[name])
            low, high = (low, middle) if widest <= reach else (middle, high)
        return high

    def _floor(self) -> float:
        try:
            self.at(1e-12, Count())
        except EpsilonTooSmall as error:
            return float(error.facts["least"]) * 1.000001 + 1e-9
        return 1e-9
