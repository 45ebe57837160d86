"""A price asked beforehand."""

from dataclasses import dataclass

import pandas as pd

from jali.eda import markup
from jali.wire.quote import Quote
from jali.wire.selection import ALL_ROWS, Selection
from jali.wire.statistics import Statistic


@dataclass(frozen=True, repr=False)
class QuoteView:
    """What a question would cost and how exact its answer would be. It cost nothing and read no row.

    Attributes:
        statistic: what would be asked.
        dataset: the dataset's name.
        quote: as the node gave it.
        selection: of which rows.
    """

    statistic: Statistic
    dataset: str
    quote: Quote
    selection: Selection = ALL_ROWS

    @property
    def price(self) -> float:
        """The stand-alone price (epsilon); 0 if the project has this answer already."""
        return self.quote.price

    @property
    def epsilon(self) -> float:
        """What to ask with: the price that was named, or the smallest that gives the error that was."""
        return self.quote.epsilon

    @property
    def promised(self) -> bool:
        """Whether the named error can be promised from what is public and what has been paid for."""
        return not self.quote.first

    @property
    def fits(self) -> bool:
        """Whether the quota has room for it."""
        return self.quote.fits

    def to_pandas(self) -> pd.DataFrame:
        """Return the forecast: half the width of each figure's expected 95 % noise interval.

        `expected` is what the figure would be if the values were spread evenly over the public range.
        """
        forecast = self.quote.forecast
        index = pd.MultiIndex.from_arrays(
            [[" · ".join(line.key) for line in forecast], [line.figure for line in forecast]],
            names=["key", "figure"],
        )
        columns = {name: [getattr(line, name) for line in forecast] for name in ("expected", "half_width")}
        return pd.DataFrame(columns, index=index)

    def __repr__(self) -> str:
        title, lines = self._title(), self._forecast()
        shown = [f"  {where}: ± {half}" for where, half in lines[:12]]
        more = [f"  and {len(lines) - 12} more: .to_pandas()"] if len(lines) > 12 else []
        return "\n".join([title, self.bill, *shown, *more, *self._notes()])

    def _repr_html_(self) -> str:
        lines = [(where, f"± {half}") for where, half in self._forecast()]
        table = markup.table(["figure", "expected noise, 95 %"], lines)
        return markup.card(self._title(), f"<p>{markup.escaped(self.bill)}</p>", table, notes=self._notes())

    @property
    def bill(self) -> str:
        """Price and what would be left, in words."""
        before = self.quote.left_before
        if self.quote.repeated:
            return f"repeated: free · left ε {before:.4g}"
        if not self.fits:
            return f"would cost ε {self.price:.4g}, which does not fit your quota · left ε {before:.4g}"
        return f"would cost ε {self.price:.4g} · left ε {before:.4g} before, ε {self.quote.left_after:.4g} after"

    def _title(self) -> str:
        return f"quote: {self.statistic.describe()}{self.selection.describe()} · {self.dataset}"

    def _forecast(self) -> list[tuple[str, str]]:
        return [(" · ".join((*f.key, f.figure)), f"{f.half_width:,.3g}") for f in self.quote.forecast]

    def _notes(self) -> list[str]:
        first = [
            f"not promised: {step.why}. Ask first: {step.statistic.describe()}, epsilon={step.epsilon:.3g}"
            for step in self.quote.first
        ]
        return [*first, *([self.quote.split] if self.quote.split else []), *self.quote.warnings]
