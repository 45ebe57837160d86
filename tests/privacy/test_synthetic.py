"""OpenDP's MST itself, where jali[synthetic] is installed: what it costs, and what its rows keep of the data."""

import numpy as np
import pytest

from jali_node.mechanisms import synthetic

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(synthetic.missing()), reason="needs jali[synthetic]"),
    pytest.mark.filterwarnings("default"),
]
SIZES = {"age": 21, "ward": 5, "ill": 3}
RHO = 0.05


@pytest.mark.parametrize("rows_each", [1, 5])
def test_the_mechanism_costs_no_more_than_the_event(rows_each: int) -> None:
    made = synthetic.mechanism(SIZES, RHO, rows_each)
    assert 0.99 * RHO < made.map([synthetic.Bound(per_group=rows_each)]) <= RHO


def test_rows_keep_what_hangs_together_and_stay_within_the_codes() -> None:
    """Noise has a deviation of some 10 rows in 5,000: a share is off by 0.05 with probability below 1e-9."""
    draw = np.random.default_rng(7)
    ward = draw.integers(0, 4, 5000)
    codes = {"age": np.clip(5 * ward + draw.integers(0, 3, 5000), 0, 19), "ward": ward, "ill": (ward > 1).astype(int)}
    rows = synthetic.drawn(synthetic.mechanism(SIZES, RHO), codes, SIZES, 2000)
    for name, size in SIZES.items():
        assert len(rows[name]) == 2000
        assert 0 <= rows[name].min() <= rows[name].max() < size
        shares = [np.bincount(values, minlength=size) / len(values) for values in (rows[name], codes[name])]
        assert np.abs(shares[0] - shares[1]).max() < 0.05
    assert np.mean((rows["ward"] > 1) == (rows["ill"] == 1)) > 0.9


def test_an_empty_table_gives_rows_too() -> None:
    nothing = {name: np.zeros(0, dtype=np.int64) for name in SIZES}
    rows = synthetic.drawn(synthetic.mechanism(SIZES, RHO), nothing, SIZES, 100)
    assert {len(values) for values in rows.values()} == {100}
