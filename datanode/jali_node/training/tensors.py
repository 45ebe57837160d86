"""Columns become what a model is shown: float32 features and a 0/1 target, each row's from that row and public facts.

Nothing here looks at more than one row at a time: no means, no deviations, no counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jali.wire.dataset import Column, ColumnType, Picture
from jali.wire.features import Hashed, Ids, OneHot, Pixels, Scaled, Way, bucket_of, names_of, way_of
from jali.wire.targets import Aim, Amount, Choice, Count, Member, Threshold, loss_of, outputs_of
from jali_node.training import pictures
from jali_node.training.pictures import Encoded

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """What training reads: features (rows, width), target (rows,) on its own scale, and which rows have a target.

    Where a unit is an entity of several rows, `unit` (rows,) is each row's, as a number from 0 that says nothing else.
    Pictures that are still `encoded` are not among the features yet.
    """

    features: Floats
    target: Floats
    present: NDArray[np.bool_]
    unit: NDArray[np.int64] | None = None
    encoded: tuple[Encoded, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.features) == len(self.target) == len(self.present):
            raise ValueError("expected as many features as targets")
        if self.unit is not None and len(self.unit) != len(self.target):
            raise ValueError("expected a unit for each row")

    def decoded(self) -> "Rows":
        """Return the same with pictures as features, where they belong. For the sandbox alone."""
        features = self.features
        for column in self.encoded:  # in order, so that each finds those before it
            before, after = features[:, : column.at], features[:, column.at :]
            features = np.concatenate([before, pictures.decoded(column), after], axis=1)
        return replace(self, features=features, encoded=())


@dataclass(frozen=True)
class Reading:
    """Which of a card's columns become features, in order and in which way, and which the target."""

    features: tuple[Column | Picture, ...]
    target: Column
    aim: Aim
    ways: tuple[Way | str, ...] = ()

    @property
    def shown(self) -> tuple[tuple[Way, Column | Picture], ...]:
        """Each feature's way and column; in its usual way where none is given."""
        ways = self.ways or tuple(column.name for column in self.features)
        return tuple((way_of(way, column), column) for way, column in zip(ways, self.features, strict=True))

    @property
    def columns(self) -> tuple[Column | Picture, ...]:
        """All that is read of a row."""
        return tuple(dict.fromkeys((*self.features, self.target)))

    @property
    def width(self) -> int:
        """How many numbers a model is shown of a row."""
        return sum(len(names_of(way, column)) for way, column in self.shown)

    def rows(self, values: Mapping[str, NDArray[Any]], unit: NDArray[np.int64] | None = None) -> Rows:
        """Return a model's view of rows, as `Warehouse.rows` returns them, and whose they are if units have several."""
        target, present = aimed(self.aim, self.target, values[self.target.name])
        blocks: list[Floats] = [np.zeros((len(target), 0), np.float32)]
        files, at = [], 0
        for way, column in self.shown:
            if isinstance(column, Picture) and column.encoded:
                files.append(pictures.encoded(column, values[column.name].tolist(), at))
                at += column.pixels
                continue
            if isinstance(column, Picture):
                blocks.append(pictures.laid_out(column, values[column.name].tolist()))
            else:
                blocks.append(block(column, values[column.name], way))
            at += blocks[-1].shape[1]
        return Rows(np.concatenate(blocks, axis=1), target, present, unit, tuple(files))

    def no_rows(self) -> Rows:
        """Return a model's view of an empty table."""
        return Rows(np.zeros((0, self.width), np.float32), np.zeros(0, np.float32), np.zeros(0, np.bool_))


def aimed(aim: Aim, column: Column, values: NDArray[Any]) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the target of each row, and which rows have one."""
    if isinstance(aim, Member | Choice):
        codes, known = values.astype(np.int64), len(column.categories)
        present = (codes >= 0) & (codes < known)
        wanted = codes == column.categories.index(aim.category) if isinstance(aim, Member) else codes
        return np.where(present, wanted, 0).astype(np.float32), present
    present = ~np.isnan(values)
    if isinstance(aim, Threshold):
        return (np.where(present, values, -np.inf) >= aim.at_least).astype(np.float32), present
    lower, upper = _bounds(column)
    within = np.where(present, np.clip(values, lower, upper), lower)
    if isinstance(aim, Count):
        return within.astype(np.float32), present
    return _on_scale(within, lower, upper), present


def aim_facts(aim: Aim, column: Column) -> dict[str, Any]:
    """Return what a plan says of a target: its loss, its outputs, and how far an error can reach."""
    facts: dict[str, Any] = {"loss": str(loss_of(aim)), "outputs": outputs_of(aim, column)}
    if isinstance(aim, Amount | Count):
        lower, upper = _bounds(column)
        facts |= {"target_span": 2.0 if isinstance(aim, Amount) else upper - lower, "target_unit": upper - lower}
    return facts


def block(column: Column, values: NDArray[Any], way: Way | str = "") -> Floats:
    """Return a column's features, shape (rows, its numbers)."""
    chosen = way_of(way or column.name, column)
    match chosen:
        case Scaled():
            shown = [_scaled(column, values, chosen.log)]
            missing = np.isnan(values)
        case OneHot():
            shown = [_chosen(values, np.arange(len(column.categories)))]
            missing = ~_known(column, values)
        case Hashed():
            return _chosen(_bucketed(column, values, chosen.buckets), np.arange(chosen.buckets))
        case Ids():
            return _identified(column, values, chosen.buckets)[:, None]
        case Pixels():
            raise ValueError(f"column {column.name} holds no pictures")
    return np.concatenate([*shown, missing.astype(np.float32)[:, None]], axis=1) if chosen.missing else shown[0]


def _scaled(column: Column, values: NDArray[Any], log: bool) -> Floats:
    lower, upper = _bounds(column)
    within = np.clip(values, lower, upper)
    if log:
        share = np.log1p(within - lower) / np.log1p(upper - lower)
        return np.where(np.isnan(share), 0.0, 2 * share - 1).astype(np.float32)[:, None]
    return _on_scale(within, lower, upper)[:, None]


def _on_scale(within: NDArray[Any], lower: float, upper: float) -> Floats:
    share = (within - lower) / (upper - lower)
    return np.where(np.isnan(share), 0.0, 2 * share - 1).astype(np.float32)


def _chosen(codes: NDArray[Any], known: NDArray[Any]) -> Floats:
    found: Floats = (codes[:, None] == known).astype(np.float32)
    return found


def _known(column: Column, codes: NDArray[Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (codes >= 0) & (codes < len(column.categories))
    return found


def _bucketed(column: Column, codes: NDArray[Any], buckets: int) -> NDArray[Any]:
    """Return each category's bucket, -1 where it is missing or undeclared."""
    table = np.array([*(bucket_of(category, buckets) for category in column.categories), -1])
    return table[np.where(_known(column, codes), codes, len(column.categories)).astype(np.int64)]


def _identified(column: Column, values: NDArray[Any], buckets: int | None) -> Floats:
    if column.type is not ColumnType.CATEGORY:
        lower, upper = _bounds(column)
        return np.where(np.isnan(values), 0.0, np.clip(values, lower, upper) - lower + 1).astype(np.float32)
    if buckets is not None:
        return (_bucketed(column, values, buckets) + 1).astype(np.float32)
    return np.where(_known(column, values), values + 1, 0).astype(np.float32)


def _bounds(column: Column) -> tuple[float, float]:
    if column.bounds is None:
        raise ValueError(f"column {column.name} has no bounds")
    return column.bounds
