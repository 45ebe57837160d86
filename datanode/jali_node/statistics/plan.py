"""One frozen plan holds measurements, noise and the event they cost, so that noise and price cannot disagree.

It is built from public facts alone: the statistic, the card, the account's terms, the price. No row is touched.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from jali import estimates
from jali.wire.dataset import Column
from jali.wire.money import from_fixed, to_fixed
from jali.wire.quote import Forecast
from jali.wire.release import Noised
from jali.wire.statistics import Statistic
from jali_node.engine.tally import Tally
from jali_node.errors import EpsilonTooSmall
from jali_node.ledger import accountant
from jali_node.ledger.event import Composed, Gaussian
from jali_node.ledger.terms import Terms
from jali_node.mechanisms import gaussian
from jali_node.statistics import BY_KIND
from jali_node.statistics.measurement import Integers, Measurement


@dataclass(frozen=True)
class Plan:
    """What will be measured, with which noise, for which event."""

    statistic: Statistic
    columns: tuple[Column, ...]
    measurements: tuple[Measurement, ...]
    event: Composed
    split: str

    @property
    def tallies(self) -> tuple[Tally, ...]:
        """The distinct aggregates to compute, each once."""
        return tuple(dict.fromkeys(part.tally for part in self.measurements))

    def noised(self, exact: Mapping[Tally, Integers]) -> dict[str, Noised]:
        """Return the measurements with fresh noise. May be called once for each charged event, and no more."""
        return {
            part.name: Noised(
                values=tuple(
                    gaussian.noised(part.read(exact[part.tally]).tolist(), part.sensitivity, event.noise_multiplier)
                ),
                noise_stddev=gaussian.scale(event.noise_multiplier, part.sensitivity),
            )
            for part, event in zip(self.measurements, self.event.events, strict=True)
        }

    def of_nothing(self) -> dict[str, Noised]:
        """Return the noise of an empty table: the answer where rows could not be read."""
        return self.noised({tally: np.zeros(tally.shape, dtype=np.int64) for tally in self.tallies})

    def forecast(self, units: int) -> tuple[Forecast, ...]:
        """Return how wide the answer's noise intervals will be, were it what public facts suggest."""
        imagined = estimates.imagined(self.statistic, self.columns, units)
        expected = {
            part.name: Noised(
                values=tuple(imagined[part.name]),
                noise_stddev=gaussian.scale(event.noise_multiplier, part.sensitivity),
            )
            for part, event in zip(self.measurements, self.event.events, strict=True)
        }
        return tuple(
            Forecast(key=row.key, figure=row.figure, expected=row.value, half_width=(row.high - row.low) / 2)
            for row in estimates.rows(self.statistic, self.columns, expected)
        )


def plan(statistic: Statistic, columns: tuple[Column, ...], epsilon: float, terms: Terms) -> Plan:
    """Return the plan whose stand-alone price is at most epsilon, with as little noise as that allows.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest: the statistic does not fit the card.
        EpsilonTooSmall: no noise is large enough.
    """
    module: Any = BY_KIND[statistic.kind]
    by_name = {column.name: column for column in columns}
    parts: tuple[Measurement, ...] = module.measurements(statistic, by_name)
    rho = accountant.concentrated_for(to_fixed(epsilon), terms, len(parts))
    if rho <= 0:
        least = from_fixed(terms.floor)
        raise EpsilonTooSmall(
            f"expected epsilon > {least:.4g} at this delta, got {epsilon:.4g}", field="epsilon", least=least
        )
    whole = sum(part.weight for part in parts)
    event = Composed(tuple(Gaussian(multiplier(rho * Fraction(part.weight, whole))) for part in parts))
    read = tuple(by_name[name] for name in dict.fromkeys(statistic.reads))
    return Plan(statistic, read, parts, event, module.SPLIT)


def multiplier(rho: Fraction) -> float:
    """Return the smallest double z with 1 / (2 z^2) <= rho."""
    z = math.sqrt(1 / (2 * rho))
    while 2 * rho * Fraction(z) ** 2 < 1:
        z = math.nextafter(z, math.inf)
    return z
