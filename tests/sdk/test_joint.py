from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jali import errors
from jali.eda import joint
from jali.estimates import noise, rows
from jali.wire.dataset import Column, ColumnType
from jali.wire.release import Noised
from jali.wire.statistics import ValueCounts


def test_joint_intervals_are_wider_and_say_the_same_counts(visits: Any) -> None:
    for answer in (
        visits["age"].hist(bins=20, epsilon=0.1),
        visits.groupby("site").count(epsilon=0.1),
        visits.crosstab("site", "site", epsilon=0.1),
    ):
        alone, together = answer.to_pandas(), answer.to_pandas(joint=True)
        assert (alone["count"] == together["count"]).to_numpy().all()
        assert (together["count_low"] <= alone["count_low"]).to_numpy().all()
        assert (together["count_high"] > alone["count_high"]).to_numpy().all()


def test_what_is_no_table_of_counts_has_none(visits: Any) -> None:
    for answer in (
        visits["age"].mean(epsilon=0.1),
        visits.describe(epsilon=0.5),
        visits.profile(epsilon=0.5),
        visits["age"].quantile([0.5, 0.9], epsilon=0.1),
    ):
        with pytest.raises(errors.NotOffered, match="tables of counts"):
            answer.to_pandas(joint=True)


def test_joint_intervals_hold_all_at_once_in_95_of_100_tables() -> None:
    """4,000 tables of 40 counts; Bonferroni covers 95.1 % of them: below 93.5 % by chance with probability 2e-6."""
    draw, stddev, names, tables = np.random.default_rng(5), 60.0, tuple(f"c{n}" for n in range(39)), 4000
    ask, column = ValueCounts(column="x"), Column(name="x", type=ColumnType.CATEGORY, categories=names)

    release: Any = SimpleNamespace(measurements={"categories:x": Noised(values=(0,) * 40, noise_stddev=stddev)})
    further = noise.half_width(stddev, 1 - 0.05 / 40) - noise.half_width(stddev)
    held = 0
    for _ in range(tables):
        values = tuple(int(v) for v in np.rint(1000 + draw.normal(0, stddev, 40)))
        held += all(abs(value - 1000) <= noise.half_width(stddev) + further for value in values)
    assert 0.935 <= held / tables <= 0.97
    noised = {"categories:x": Noised(values=(1000,) * 40, noise_stddev=stddev)}
    wide = joint.widened(ask, rows(ask, (column,), noised), (release,))
    assert {(row.low, row.high) for row in wide} == {
        (1000.0 - noise.half_width(stddev) - further, 1000.0 + noise.half_width(stddev) + further)
    }
