"""A laboratory: the real engine over small hostile tables, and the arithmetic of discrete Gaussian noise."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import stats

from jali.wire.dataset import Column
from jali.wire.money import to_fixed
from jali.wire.statistics import Statistic
from jali_node.engine.tally import Tally
from jali_node.engine.warehouse import Snapshot, Warehouse
from jali_node.ledger.terms import Terms, terms_for
from jali_node.statistics import BY_KIND

Integers = NDArray[np.int64]
_STATISTIC: TypeAdapter[Any] = TypeAdapter(Statistic)


@dataclass
class Laboratory:
    """Writes tables with any physical types, and tallies them with the engine that a node uses."""

    folder: Path
    warehouse: Warehouse
    writer: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def write(self, rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> Path:
        """Write rows as Parquet, whatever a card may say of them."""
        path = self.folder / f"{next(self.numbers)}.parquet"
        self.writer.execute(
            f"CREATE OR REPLACE TABLE t ({', '.join(f'{name} {kind}' for name, kind in types.items())})"
        )
        if rows:
            marks = ", ".join([f"({', '.join('?' for _ in types)})"] * len(rows))
            self.writer.execute(f"INSERT INTO t VALUES {marks}", [row[name] for row in rows for name in types])  # noqa: S608 - marks only
        self.writer.table("t").write_parquet(str(path))
        return path

    def table(self, rows: Sequence[Mapping[str, Any]], types: Mapping[str, str], columns: Sequence[Column]) -> Snapshot:
        """Register rows under their declared columns."""
        path = self.write(rows, types)
        return self.warehouse.register(f"ver_{path.stem}", path, tuple(columns))

    def tallies(self, table: Snapshot, tallies: Sequence[Tally]) -> dict[Tally, Integers]:
        """Return exact aggregates."""
        return self.warehouse.tallies(table, tallies)

    def measured(self, statistic: Statistic, table: Snapshot) -> dict[str, tuple[list[int], int]]:
        """Return each measurement's exact vector, and the sensitivity that is claimed for it."""
        parts = BY_KIND[statistic.kind].measurements(statistic, {column.name: column for column in table.columns})
        exact = self.tallies(table, list(dict.fromkeys(part.tally for part in parts)))
        return {part.name: (part.read(exact[part.tally]).tolist(), part.sensitivity) for part in parts}


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return a laboratory for a module's tests."""
    folder = tmp_path_factory.mktemp("laboratory")
    built = Laboratory(folder, Warehouse(folder, "1GB", 2))
    yield built
    built.writer.close()
    built.warehouse.close()


class DiscreteGaussian:
    """The law that the noise is meant to follow: P(x) proportional to exp(-x^2 / (2 scale^2)) on the integers.

    Below `EXACT` it is summed up in doubles; above, the rounded normal law is the same to more digits than a double
    holds (by Poisson summation the difference is of the order exp(-2 pi^2 scale^2)).
    """

    EXACT = 500.0

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.reach = int(14 * scale) + 14

    def mass(self) -> tuple[Integers, NDArray[np.float64]]:
        """Return the integers within reach and their probabilities."""
        support = np.arange(-self.reach, self.reach + 1)
        weights = np.exp(-((support / self.scale) ** 2) / 2)
        return support, weights / weights.sum()

    def below(self, cuts: Integers) -> NDArray[np.float64]:
        """Return P(x < cut)."""
        if self.scale >= self.EXACT:
            return np.asarray(stats.norm.cdf((cuts - 0.5) / self.scale))
        support, mass = self.mass()
        return np.concatenate([[0.0], np.cumsum(mass)])[np.searchsorted(support, cuts)]

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Integers:
        """Return seeded draws; a stand-in for the sampler where a test must give the same result each time."""
        if self.scale >= self.EXACT:
            return np.rint(rng.normal(0.0, self.scale, shape)).astype(np.int64)
        support, mass = self.mass()
        return np.asarray(support[np.searchsorted(np.cumsum(mass), rng.random(shape))], dtype=np.int64)


@pytest.fixture(scope="session")
def discrete_gaussian() -> type[DiscreteGaussian]:
    """Return the law of the noise."""
    return DiscreteGaussian


@pytest.fixture(scope="session")
def terms() -> Terms:
    """Return the terms of an ordinary account: a cap of 10 at a delta of 1e-6."""
    return terms_for(to_fixed(10.0), 10**12, 10**11)


@pytest.fixture(scope="session")
def statistic() -> Any:
    """Return a reader of statistics from their wire form."""
    return _STATISTIC.validate_python
