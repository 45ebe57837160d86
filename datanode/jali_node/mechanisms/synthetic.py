"""Made-up rows from noised marginals: OpenDP's MST over columns of public codes. Needs `jali[synthetic]`.

McKenna, Miklau and Sheldon (2021, "Winning the NIST contest: a scalable and general approach to differentially private
synthetic data") measure every column and a tree of pairs, chosen privately, and draw rows from the graphical model that
fits best. OpenDP measures with its own exact mechanisms and accounts for all of it as one zero-concentrated release;
its private-PGM half only sees what has been released.
"""

from collections.abc import Mapping
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import numpy as np
import opendp.prelude as dp
from numpy.typing import NDArray
from opendp.extras.mbi import MST, make_contingency_table
from opendp.extras.polars import Bound

dp.enable_features("contrib")

NEEDED = ("mbi", "polars")
Codes = Mapping[str, NDArray[np.int64]]


def missing() -> str:
    """Return the first package that is not installed, or nothing."""
    return next((name for name in NEEDED if find_spec(name) is None), "")


def mechanism(sizes: Mapping[str, int], rho: float, rows_each: int = 1) -> Any:
    """Return the mechanism over rows of codes; it is made of public facts alone.

    Args:
        sizes: how many codes each column has, counted from 0.
        rho: the charged `Concentrated` event's, for one privacy unit more or less.
        rows_each: how many rows a privacy unit has at most: so far apart, in rows added and removed, are neighbours.

    Raises:
        RuntimeError: OpenDP's own map finds the mechanism dearer than the event.
    """
    columns = [dp.series_domain(name, dp.atom_domain(T="i64")) for name in sizes]
    one_unit = [Bound(per_group=rows_each)]
    made, _, _ = make_contingency_table(
        dp.lazyframe_domain(columns),
        dp.frame_distance(dp.symmetric_distance()),
        dp.zero_concentrated_divergence(),
        one_unit,
        rho,
        keys={name: list(range(size)) for name, size in sizes.items()},
        algorithm=MST(),
    )
    cost: float = made.map(one_unit)  # type: ignore[no-untyped-call]
    if Fraction(cost) > Fraction(rho):
        raise RuntimeError("the mechanism costs more than the event that was charged for it")
    return made


def drawn(made: Any, codes: Codes, sizes: Mapping[str, int], rows: int) -> dict[str, NDArray[np.int64]]:
    """Release the mechanism's table once, and return rows drawn from it, in no order.

    Args:
        made: as `mechanism` returned it.
        codes: the rows' codes by column.
        sizes: how many codes each column has.
        rows: how many rows to draw.

    Returns:
        codes by column; what is none of a column's codes is its last one.
    """
    import polars as pl  # jali[synthetic]

    frame = pl.DataFrame({name: np.asarray(codes[name], dtype=np.int64) for name in sizes})
    table = made(frame.lazy()).synthesize(rows=rows)
    order = np.random.default_rng().permutation(len(table))
    found = {name: table[name].fill_null(size - 1).to_numpy().astype(np.int64) for name, size in sizes.items()}
    return {name: np.clip(found[name], 0, sizes[name] - 1)[order] for name in sizes}
