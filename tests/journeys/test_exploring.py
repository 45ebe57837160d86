"""What a data scientist writes, against a real node: filters, derived columns, classes, errors instead of prices.

Noise is far below what is asserted: at epsilon 5 on 2000 rows an interval missed by so much has probability below 1e-9.
"""

from typing import Any

import pandas as pd
import pytest

from jali import errors
from jali.dataset import RemoteDataset

COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "type": "integer", "lower": 0, "upper": 100, "complete": True},
    {"name": "weight", "type": "number", "lower": 0, "upper": 200, "unit": "kg"},
    {"name": "height", "type": "number", "lower": 1, "upper": 2.2, "unit": "m"},
    {"name": "sex", "type": "category", "categories": ["F", "M"]},
    {"name": "site", "type": "category", "categories": ["north", "south", "east"]},
    {"name": "note", "type": "number"},
    {"name": "drug", "type": "text"},
]
TYPES = {
    "age": "BIGINT", "weight": "DOUBLE", "height": "DOUBLE", "sex": "VARCHAR", "site": "VARCHAR", "note": "DOUBLE",
    "drug": "VARCHAR",
}  # fmt: skip
ROWS = [
    {
        "age": (7 * i) % 101,
        "weight": None if i % 10 == 0 else 50 + (i * 37 % 1000) / 20,
        "height": 1.5 + (i * 53 % 100) / 200,
        "sex": ("F", "M", None)[i % 3],
        "site": ("north", "south", "east", "west")[i % 4],
        "note": float(i % 500) if i % 2 else None,
        "drug": ("aspirin", "ibuprofen", "rare")[min(2, i % 7)],
    }
    for i in range(2000)
]
TRUE = pd.DataFrame(ROWS)


@pytest.fixture
def visits(build_house: Any) -> RemoteDataset:
    house = build_house(rows=ROWS, types=TYPES, columns=COLUMNS, cap=100.0)
    house.grant(epsilon=80.0)
    found: RemoteDataset = house.sdk()["visits"]
    return found


def test_a_filter_counts_the_rows_that_pandas_finds(visits: RemoteDataset) -> None:
    chosen = visits[(visits.age > 50) & visits.sex.isin(["F"])]
    true = int(((TRUE.age > 50) & TRUE.sex.isin(["F"])).sum())
    assert float(chosen.count(epsilon=5.0)) == pytest.approx(true, abs=10)
    assert "age > 50" in str(chosen.count(epsilon=5.0))


def test_conditions_turn_round_and_treat_missing_values_as_pandas_does(visits: RemoteDataset) -> None:
    conditions = [
        (~(visits.weight > 75), ~(TRUE.weight > 75)),
        (visits.weight != 75, TRUE.weight != 75),
        (visits.weight.isna() | (visits.age == 7), TRUE.weight.isna() | (TRUE.age == 7)),
        (visits.site.isna(), ~TRUE.site.isin(["north", "south", "east"])),
        (visits.age.between(10, 20), TRUE.age.between(10, 20)),
        (visits.drug == "aspirin", TRUE.drug == "aspirin"),
        (visits.sex != "F", TRUE.sex != "F"),
        (visits.age.isin([3, 4]), TRUE.age.isin([3, 4])),
    ]
    for remote, true in conditions:
        assert float(visits[remote].count(epsilon=5.0)) == pytest.approx(int(true.sum()), abs=10), repr(remote)


def test_a_derived_column_has_bounds_of_its_own_and_a_mean_near_the_true_one(visits: RemoteDataset) -> None:
    bmi = visits["weight"] / (visits["height"] ** 2)
    assert bmi.bounds == (0.0, 200.0)
    true = TRUE.weight / TRUE.height**2
    assert float(bmi.mean(epsilon=5.0)) == pytest.approx(true.mean(), abs=1.5)
    found = bmi.quantile([0.25, 0.5, 0.75], epsilon=5.0).to_pandas()["quantile"]
    assert found.tolist() == pytest.approx(true.quantile([0.25, 0.5, 0.75]).tolist(), abs=1.5)


def test_a_column_without_bounds_is_given_some_by_clip(visits: RemoteDataset) -> None:
    with pytest.raises(errors.BoundsUnknown):
        visits["note"].mean(epsilon=1.0)
    clipped = visits["note"].clip(0, 100)
    assert float(clipped.mean(epsilon=5.0)) == pytest.approx(TRUE.note.clip(0, 100).mean(), abs=2)
    assert float(visits[visits.note > 250].count(epsilon=5.0)) == pytest.approx((TRUE.note > 250).sum(), abs=10)


def test_a_share_is_the_mean_of_a_condition(visits: RemoteDataset) -> None:
    assert float((visits.age > 50).mean(epsilon=5.0)) == pytest.approx((TRUE.age > 50).mean(), abs=0.02)


def test_classes_are_keys_to_group_by(visits: RemoteDataset) -> None:
    table = visits.groupby(visits.age.cut([0, 18, 65, 100])).count(epsilon=5.0).to_pandas()
    true = pd.cut(TRUE.age, [0, 18, 65, 101], right=False).value_counts(sort=False)
    assert table.index.tolist() == ["[0, 18)", "[18, 65)", "[65, 100]"]
    assert table["count"].tolist() == pytest.approx(true.tolist(), abs=10)
    means = visits[visits.sex == "F"].groupby("site")["weight"].mean(epsilon=5.0).to_pandas()["mean"]
    true_means = TRUE[TRUE.sex == "F"].groupby("site").weight.mean()
    assert means.loc["south"] == pytest.approx(true_means.loc["south"], abs=6)


def test_an_error_is_bought_at_its_price_and_named_where_it_cannot_be_promised(visits: RemoteDataset) -> None:
    mean = visits["age"].mean(error=1.0)
    assert (mean.high - mean.low) / 2 <= 1.0
    old = visits[visits.age > 50]
    before = visits.budget().spent
    with pytest.raises(errors.NotPromised, match="Ask first"):
        old["weight"].mean(error=2.0)
    assert visits.budget().spent == before
    with pytest.raises(errors.InvalidRequest, match="cannot be promised"):
        visits["age"].median(error=1.0)


def test_a_quote_says_of_which_rows_and_costs_nothing(visits: RemoteDataset) -> None:
    before = visits.budget().spent
    old = visits.quote[visits.quote["age"] > 50]
    assert "where age > 50" in str(old["weight"].mean(epsilon=1.0))
    assert visits.budget().spent == before


def test_what_does_not_fit_the_card_is_refused_before_anything_is_sent(visits: RemoteDataset) -> None:
    with pytest.raises(errors.InvalidRequest, match="dividing by 0"):
        visits["weight"] / visits["age"]
    with pytest.raises(errors.WrongColumnType):
        visits["site"] + 1
    with pytest.raises(errors.InvalidRequest, match="no category 'f'"):
        visits[visits.sex == "f"]
    with pytest.raises(TypeError, match="private"):
        bool(visits.age > 50)
    with pytest.raises(TypeError, match="private"):
        len(visits[visits.age > 50])
    with pytest.raises(errors.NotOffered, match="ask the owner for a view"):
        visits.merge(visits)


def test_a_derived_question_asked_again_is_free(visits: RemoteDataset) -> None:
    first = (visits["weight"] * 2).mean(epsilon=1.0)
    again = (visits["weight"] * 2).mean(epsilon=1.0)
    assert (again.id, again.release.repeated) == (first.id, True)
    assert not (2 * visits["weight"]).mean(epsilon=1.0).release.repeated, "another text is another column"
