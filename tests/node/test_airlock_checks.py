"""What the airlock's checks find in outputs that carry rows, and what they let pass."""

from typing import Any

import numpy as np
import pytest

from jali.running.encode import encoded
from jali.wire.dataset import Column
from jali.wire.jobs.code import Level
from jali.wire.output import Failure
from jali_node.airlock import checks
from jali_node.airlock.checks import Data

pd = pytest.importorskip("pandas")
COUNT = 500
COLUMNS = tuple(
    Column.model_validate(fields)
    for fields in (
        {"name": "age", "type": "integer", "lower": 0, "upper": 100},
        {"name": "weight", "type": "number", "lower": 0, "upper": 200},
        {"name": "site", "type": "category", "categories": ["north", "south"]},
        {"name": "name", "type": "text"},
    )
)
RANDOM = np.random.default_rng(3)
ROWS: dict[str, Any] = {
    "age": RANDOM.integers(0, 100, COUNT).astype(float),
    "weight": RANDOM.uniform(40, 120, COUNT),
    "site": RANDOM.integers(0, 2, COUNT),
    "name": np.array([f"person {i}" for i in range(COUNT)], dtype=object),
}
FRAME = pd.DataFrame({**ROWS, "site": pd.Categorical.from_codes(ROWS["site"], ["north", "south"])})


def levels(found: Any) -> dict[str, Level]:
    output = found if isinstance(found, Failure) else encoded(found)
    return {check.name: check.level for check in checks.checked(output, Data(COLUMNS, ROWS, COUNT))}


def worst(found: Any) -> set[str]:
    return {name for name, level in levels(found).items() if level is Level.FAIL}


@pytest.mark.parametrize(
    "harmless",
    [
        FRAME.groupby("site", observed=True).weight.agg(["mean", "count"]).round(1),
        {"mean": 80.1, "n": 500},
        1234,
        FRAME.groupby("site", observed=True).age.mean().round(2),
        pd.DataFrame({"bin": range(10), "count": [50] * 10}),
    ],
)
def test_summaries_pass_all_checks(harmless: Any) -> None:
    assert set(levels(harmless).values()) == {Level.PASS}


@pytest.mark.parametrize(
    ("leak", "found"),
    [
        (FRAME, {"rows", "whole_rows", "verbatim", "texts"}),
        (FRAME[["age", "weight"]].head(60), {"whole_rows", "verbatim"}),
        (FRAME.weight.head(40), {"verbatim"}),
        (list(FRAME.weight.head(40)), {"verbatim"}),
        ({str(i): float(weight) for i, weight in enumerate(FRAME.weight.head(40))}, {"verbatim", "texts"}),
        (FRAME.set_index("name").age.head(60), {"whole_rows", "verbatim", "texts"}),
        (pd.DataFrame({"site": ["north"], "n": [3]}), {"small_groups"}),
        ({"north": {"count": 4, "mean": 1.5}}, {"small_groups"}),
        (FRAME.weight.sort_values().rename("sorted"), {"rows", "verbatim"}),
        (pd.Series(["x" * 5_000] * 30), {"size"}),
    ],
)
def test_outputs_that_carry_rows_fail_for_the_reason(leak: Any, found: set[str]) -> None:
    assert worst(leak) == found


def test_full_precision_and_a_message_are_pointed_out() -> None:
    assert levels({"mean": float(FRAME.weight.mean())})["precision"] is Level.WARN
    assert levels(Failure(type="KeyError", message="'person 7'")) == {"failure": Level.WARN}


def test_words_hold_counts_and_no_value_of_the_data() -> None:
    told = " ".join(check.text for check in checks.checked(encoded(FRAME), Data(COLUMNS, ROWS, COUNT)))
    assert "person" not in told
    assert "100% of the values of name are values of name" in told
