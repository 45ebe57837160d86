"""One frozen plan holds measurements, noise and the event they cost, so that noise and price cannot disagree.

It is built from public facts alone: the statistic, the card, the account's terms, the price. No row is touched.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from jali import estimates
from jali.wire.dataset import Column
from jali.wire.expression import ExpressionRefused
from jali.wire.money import from_fixed, to_fixed
from jali.wire.quote import Forecast
from jali.wire.release import Noised
from jali.wire.selection import ALL_ROWS, Selection
from jali.wire.statistics import Statistic
from jali_node.engine.tally import Asked, KeyCounts
from jali_node.errors import BoundsUnknown, EpsilonTooSmall, InvalidRequest, UnknownColumn, WrongColumnType
from jali_node.ledger import accountant
from jali_node.ledger.event import Composed, Gaussian
from jali_node.ledger.terms import Terms
from jali_node.mechanisms import gaussian
from jali_node.statistics import BY_KIND
from jali_node.statistics.keys import Keys, KeysPart
from jali_node.statistics.measurement import Integers, Measurement

REFUSALS = {kind.code: kind for kind in (BoundsUnknown, InvalidRequest, UnknownColumn, WrongColumnType)}


@dataclass(frozen=True)
class Part:
    """One measurement with its noise.

    `sensitivity` is how far one privacy unit moves the vector; the event's noise multiplier is relative to it.
    """

    measurement: Measurement
    sensitivity: int
    event: Gaussian

    @property
    def noise_stddev(self) -> float:
        """The noise's standard deviation, in units of the measurement."""
        return gaussian.scale(self.event.noise_multiplier, self.sensitivity)

    def noised(self, tallied: Integers) -> Noised:
        """Return the measurement, read off its tally, with fresh noise."""
        exact = self.measurement.read(tallied)
        values = gaussian.noised(exact.tolist(), self.sensitivity, self.event.noise_multiplier)
        return Noised(values=tuple(values), noise_stddev=self.noise_stddev)

    def imagined(self, values: Sequence[int]) -> Noised:
        """Return the measurement as it might be, from values made of public facts."""
        return Noised(values=tuple(values), noise_stddev=self.noise_stddev)


@dataclass(frozen=True)
class Plan:
    """What will be measured, with which noise, for which event."""

    statistic: Statistic
    selection: Selection
    columns: tuple[Column, ...]
    parts: tuple[Part | KeysPart, ...]
    split: str

    @property
    def event(self) -> Composed:
        """What is charged."""
        return Composed(tuple(part.event for part in self.parts))

    @property
    def noise(self) -> dict[str, float]:
        """Each measurement's noise, as a standard deviation."""
        return {part.measurement.name: part.noise_stddev for part in self.parts}

    @property
    def tallies(self) -> tuple[Asked, ...]:
        """The distinct aggregates to compute, each once."""
        return tuple(dict.fromkeys(part.measurement.tally for part in self.parts))

    def noised(self, exact: Mapping[Asked, Any]) -> dict[str, Noised]:
        """Return the measurements with fresh noise. May be called once for each charged event, and no more."""
        return {part.measurement.name: part.noised(exact[part.measurement.tally]) for part in self.parts}

    def of_nothing(self) -> dict[str, Noised]:
        """Return the noise of an empty table: the answer where rows could not be read."""
        return self.noised(
            {
                asked: {} if isinstance(asked, KeyCounts) else np.zeros(asked.shape, dtype=np.int64)
                for asked in self.tallies
            }
        )

    def forecast(self, rows: int) -> tuple[Forecast, ...]:
        """Return how wide the answer's noise intervals will be, were it what public facts suggest of so many rows."""
        imagined = estimates.imagined(self.statistic, self.columns, rows)
        expected = {part.measurement.name: part.imagined(imagined[part.measurement.name]) for part in self.parts}
        return tuple(
            Forecast(key=row.key, figure=row.figure, expected=row.value, half_width=(row.high - row.low) / 2)
            for row in estimates.rows(self.statistic, self.columns, expected)
        )


def plan(
    statistic: Statistic,
    columns: tuple[Column, ...],
    epsilon: float,
    terms: Terms,
    *,
    selection: Selection = ALL_ROWS,
    max_rows: int | None = None,
    entity: str | None = None,
) -> Plan:
    """Return the plan whose stand-alone price is at most epsilon, with as little noise as that allows.

    Args:
        statistic: what is asked.
        columns: the card's.
        epsilon: the stand-alone price.
        terms: the account's.
        selection: of which rows, and with which derived columns.
        max_rows: how many rows one privacy unit may have; None where a row is the unit.
        entity: the column that identifies entities, where one is the unit.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest: the question does not fit the card.
        EpsilonTooSmall: no noise is large enough.
    """
    module: Any = BY_KIND[statistic.kind]
    by_name = {column.name: column for column in selected(selection, columns)}
    parts: tuple[Measurement | Keys, ...] = module.measurements(statistic, by_name)
    rho = accountant.concentrated_for(to_fixed(epsilon), terms, len(parts))
    if rho <= 0:
        least = from_fixed(terms.floor)
        raise EpsilonTooSmall(
            f"expected epsilon > {least:.4g} at this delta, got {epsilon:.4g}", field="epsilon", least=least
        )
    whole = sum(part.weight for part in parts)
    events = [Gaussian(multiplier(rho * Fraction(part.weight, whole))) for part in parts]
    priced = tuple(
        part.priced(event, max_rows or 1, terms.pool)
        if isinstance(part, Keys)
        else Part(part, part.reach(max_rows, entity), event)
        for part, event in zip(parts, events, strict=True)
    )
    read = tuple(by_name[name] for name in dict.fromkeys(statistic.reads))
    split = "; ".join([module.SPLIT, *(part.note for part in priced if isinstance(part, KeysPart))])
    return Plan(statistic, selection, read, priced, split)


def selected(selection: Selection, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the card's columns and the selection's derived ones.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest: an expression does not fit the card.
    """
    try:
        return selection.columns(columns)
    except ExpressionRefused as error:
        raise REFUSALS[error.code](error.detail, field=error.field) from error


def multiplier(rho: Fraction) -> float:
    """Return the smallest double z with 1 / (2 z^2) <= rho."""
    z = math.sqrt(1 / (2 * rho))
    while 2 * rho * Fraction(z) ** 2 < 1:
        z = math.nextafter(z, math.inf)
    return z
