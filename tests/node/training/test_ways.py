"""Columns become numbers by declared rules alone, whichever way is asked for; targets and their losses too."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from torch.func import grad, vmap
from torch.nn import functional

from jali.wire.dataset import Column
from jali.wire.features import Feature, Hashed, Ids, OneHot, Scaled, bucket_of, column_of, id_count, names_of
from jali.wire.targets import Amount, Choice, Count, Loss, Member, Target, Threshold, usual
from jali_node.training import parts, tensors
from jali_node.training.losses import LOSSES, losses_of

AGE = Column.model_validate({"name": "age", "type": "integer", "lower": 10, "upper": 30})
TAIL = Column.model_validate({"name": "tail", "type": "number", "lower": 0, "upper": math.e**4 - 1})
SITE = Column.model_validate({"name": "site", "type": "category", "categories": ["north", "south", "east"]})
NOTE = Column.model_validate({"name": "note", "type": "text"})
FREE = Column.model_validate({"name": "free", "type": "number"})
NUMBERS = np.array([10.0, 20.0, 30.0, -5.0, 99.0, math.nan, math.inf, -math.inf])
CODES = np.array([0, 1, 2, 3], dtype=np.int64)  # the last stands for missing or undeclared

WAYS: list[tuple[Any, Column, Any, list[list[float]]]] = [
    (Scaled(column="age"), AGE, NUMBERS, [[-1], [0], [1], [-1], [1], [0], [1], [-1]]),
    (Scaled(column="age", missing=True), AGE, NUMBERS[[1, 5]], [[0, 0], [0, 1]]),
    (Scaled(column="tail", log=True), TAIL, np.array([0.0, math.e**2 - 1, 1e9, math.nan]), [[-1], [0], [1], [0]]),
    (OneHot(column="site"), SITE, CODES, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]),
    (OneHot(column="site", missing=True), SITE, CODES, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    (Ids(column="site"), SITE, CODES, [[1], [2], [3], [0]]),
    (Ids(column="age"), AGE, NUMBERS, [[1], [11], [21], [1], [21], [0], [21], [1]]),
]  # fmt: skip


@pytest.mark.parametrize(("way", "column", "values", "expected"), WAYS, ids=[repr(way[0]) for way in WAYS])
def test_a_way_gives_its_numbers_whatever_the_row_holds(way: Any, column: Column, values: Any, expected: Any) -> None:
    found = tensors.block(column, values, way)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array(expected), abs=1e-6)
    assert found.shape[1] == len(names_of(way, column))


def test_hashing_is_public_and_a_missing_category_is_in_no_bucket() -> None:
    found = tensors.block(SITE, CODES, Hashed(column="site", buckets=5))
    for code, category in enumerate(SITE.categories):
        assert found[code].tolist() == [float(bucket == bucket_of(category, 5)) for bucket in range(5)]
    assert found[3].tolist() == [0] * 5
    ids = tensors.block(SITE, CODES, Ids(column="site", buckets=5))[:, 0]
    assert ids.tolist() == [*(1 + bucket_of(category, 5) for category in SITE.categories), 0]
    assert id_count(Ids(column="site", buckets=5), SITE) == 6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=64), min_size=1, max_size=5), st.booleans(), st.booleans())
def test_every_number_that_a_double_can_hold_stays_within_the_scale(
    values: list[float], log: bool, missing: bool
) -> None:
    for column in (AGE, TAIL):
        found = tensors.block(column, np.array(values), Scaled(column=column.name, log=log, missing=missing))
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= 1
        alone = [tensors.block(column, np.array([value]), Scaled(column=column.name, log=log, missing=missing))[0]
                 for value in values]  # fmt: skip
        assert np.array_equal(found, np.stack(alone)), "a row's features are of that row alone"


@pytest.mark.parametrize(
    ("feature", "column", "why"),
    [
        ("note", NOTE, "only integers and numbers have a scale"), (Scaled(column="site"), SITE, "type category"),
        ("free", FREE, "no bounds"), (OneHot(column="age"), AGE, "needs a category"),
        (Hashed(column="age", buckets=4), AGE, "needs a category"), (Ids(column="tail"), TAIL, "ids are of categories"),
        (Ids(column="age", buckets=4), AGE, "integers as they are"),
        (Ids(column="id"), Column(name="id", type="integer", lower=0, upper=10_000), "10,002 ids, expected at most"),
    ],
)  # fmt: skip
def test_a_way_that_a_column_cannot_be_shown_in_is_refused(feature: Any, column: Column, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        names_of(feature, column)


@pytest.mark.parametrize("wrong", [{"kind": "eval", "column": "a"}, {"kind": "hashed", "column": "a", "buckets": 1},
                                   {"kind": "scaled"}, {"kind": "scaled", "column": "a", "mean": 1.0}, 7, None, [],
                                   {"kind": "hashed", "column": "a", "buckets": 10**9}, {"column": "a"}])  # fmt: skip
def test_a_feature_is_one_of_the_ways(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Feature).validate_python(wrong)


def test_a_feature_and_a_target_go_through_json() -> None:
    for feature in ("age", *(way for way, *_ in WAYS)):
        adapter: TypeAdapter[Any] = TypeAdapter(Feature)
        assert adapter.validate_json(adapter.dump_json(feature)) == feature
        assert column_of(feature) in ("age", "tail", "site")
    aim: TypeAdapter[Any] = TypeAdapter(Target)
    assert aim.validate_python({"column": "age", "at_least": 3.0}) == Threshold(column="age", at_least=3.0)


AIMS: list[tuple[Any, Column, Any, list[float], list[bool]]] = [
    (Amount(column="age"), AGE, NUMBERS[:6], [-1, 0, 1, -1, 1, -1], [True] * 5 + [False]),
    (Count(column="age"), AGE, NUMBERS[:6], [10, 20, 30, 10, 30, 10], [True] * 5 + [False]),
    (Member(column="site", category="south"), SITE, CODES, [0, 1, 0, 0], [True, True, True, False]),
    (Choice(column="site"), SITE, CODES, [0, 1, 2, 0], [True, True, True, False]),
]


@pytest.mark.parametrize(("aim", "column", "values", "target", "present"), AIMS, ids=[repr(aim[0]) for aim in AIMS])
def test_a_target_is_on_its_scale_and_masked_where_missing(
    aim: Any, column: Column, values: Any, target: list[float], present: list[bool]
) -> None:
    found, there = tensors.aimed(aim, column, values)
    assert found.tolist() == target
    assert there.tolist() == present


def test_a_column_by_its_name_is_the_usual_target() -> None:
    two = Column.model_validate({"name": "two", "type": "category", "categories": ["no", "yes"]})
    bit = Column.model_validate({"name": "bit", "type": "integer", "lower": 0, "upper": 1})
    assert usual(two, 1) == Member(column="two", category="yes")
    assert usual(two, 2) == Choice(column="two")
    assert usual(SITE, 3) == Choice(column="site")
    assert usual(bit, 1) == Threshold(column="bit", at_least=1.0)
    assert usual(AGE, 1) == Amount(column="age")


@pytest.mark.parametrize("loss", Loss)
def test_a_loss_is_each_rows_own(loss: Loss) -> None:
    output = torch.randn(6, 3 if loss is Loss.CHOICE else 1, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0.0, 1, 1, 0, 1, 0])

    def one(row: torch.Tensor, aim: torch.Tensor) -> torch.Tensor:
        return LOSSES[loss](row.unsqueeze(0), aim.unsqueeze(0))[0]

    whole = grad(lambda given: losses_of(loss, target, given.shape[1])(given).sum())(output)
    assert torch.allclose(whole, vmap(grad(one))(output, target), atol=1e-6)
    with pytest.raises(ValueError, match="expected an output of shape"):
        losses_of(loss, target, 2)(torch.zeros(6, 5))
    if loss is Loss.POISSON:
        expected = functional.poisson_nll_loss(output[:, 0], target, reduction="none")
        assert torch.allclose(LOSSES[loss](output, target), expected)


def test_the_parts_are_of_each_rows_content_and_the_key_alone() -> None:
    random = np.random.default_rng(1)
    ages, codes = random.integers(0, 100, 4000).astype(float), random.integers(0, 4, 4000)
    ages[::7] = math.nan
    key = b"k" * 32
    aside = parts.held_out([ages, codes], 0.2, key)
    order = random.permutation(4000)[:3000]
    assert np.array_equal(parts.held_out([ages[order], codes[order]], 0.2, key), aside[order]), "others have no say"
    assert not np.array_equal(parts.held_out([ages, codes], 0.2, b"q" * 32), aside)
    zeros = parts.held_out([np.array([0.0, -0.0])], 0.5, key)
    assert zeros[0] == zeros[1]
    assert parts.held_out([ages], 0.0, key).sum() == 0
    spread = parts.held_out([np.arange(20_000.0)], 0.2, key).mean()
    assert abs(spread - 0.2) < 5 * math.sqrt(0.16 / 20_000), "false alarms: 1 in a million keys; this key is fixed"
