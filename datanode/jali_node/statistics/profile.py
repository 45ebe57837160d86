"""The whole first look: for each column what `describe`, `value_counts` or `missing` would measure, all at one price.

Sensitivity: as in those three; the measurements of all columns are released together and compose (zero-concentrated:
Bun and Steinke 2016, Lemma 1.7). They carry the names of the single questions, so that each of those that is asked
later, more cheaply, has its answer already.
"""

from jali.wire.dataset import Column, ColumnType
from jali.wire.statistics import Profile
from jali_node.engine.tally import Categories, Presence, Tally
from jali_node.errors import InvalidRequest
from jali_node.statistics import describe
from jali_node.statistics.columns import Columns, named
from jali_node.statistics.measurement import Measurement, only_counts

KIND = "profile"
SPLIT = (
    "the same noise in all columns' counts: one part on each, and for a bounded column two more on the sum, one on the "
    "squares, four on the quantiles"
)


def measurements(ask: Profile, columns: Columns) -> tuple[Measurement, ...]:
    """Return the measurements of all columns."""
    if len(set(ask.columns)) != len(ask.columns):
        raise InvalidRequest("each column may be given once", field="statistic.columns")
    fields = [(name, f"statistic.columns.{i}") for i, name in enumerate(ask.columns)]
    return tuple(part for name, field in fields for part in _of(named(columns, name, field)))


def _of(column: Column) -> tuple[Measurement, ...]:
    if column.bounds is not None:
        return describe.of_column(column)
    if column.type is ColumnType.CATEGORY:
        return (Measurement(f"categories:{column.name}", Tally((Categories(column),)), only_counts, 1, 1),)
    return (Measurement(f"count:{column.name}", Tally((Presence(column),)), only_counts, 1, 1),)
