"""What a model is shown of a row follows from that row and the card, whatever the row holds."""

import math
from pathlib import Path

import duckdb
import numpy as np
import pytest
from pydantic import ValidationError

from jali.wire.dataset import Column
from jali.wire.features import feature_count, feature_names
from jali.wire.money import to_fixed
from jali.wire.targets import Threshold
from jali_node.engine.warehouse import Warehouse
from jali_node.errors import InvalidRequest
from jali_node.ledger import accountant
from jali_node.ledger.event import Gaussian, PoissonSampled, SelfComposed
from jali_node.ledger.terms import terms_for
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Reading, Rows

AGE = Column.model_validate({"name": "age", "type": "integer", "lower": 0, "upper": 100})
WEIGHT = Column.model_validate({"name": "weight", "type": "number", "lower": -1e300, "upper": 1e300})
SITE = Column.model_validate({"name": "site", "type": "category", "categories": ["north", "south"]})
VISITS = Column.model_validate({"name": "visits", "type": "integer"})
READING = Reading((AGE, SITE, WEIGHT), VISITS, Threshold(column="visits", at_least=3.0))
TABLE = """
    (0, -1e300, 'north', 2), (100, 1e300, 'south', 3), (50, 0, 'west', 4), (NULL, NULL, NULL, NULL),
    (-7, 'nan'::DOUBLE, 'NORTH', 9223372036854775807), (9000000000000000000, 'inf'::DOUBLE, '', -5),
    (25, '-inf'::DOUBLE, 'north', 3)
"""


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    """Return hostile rows as a model sees them, read by the real engine."""
    path = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (age BIGINT, weight DOUBLE, site VARCHAR, visits BIGINT)")
        connection.execute(f"INSERT INTO t VALUES {TABLE}")  # noqa: S608 - the constant above
        connection.table("t").write_parquet(str(path))
    warehouse = Warehouse(tmp_path, "1GB", 2)
    snapshot = warehouse.register("ver_1", path, (AGE, WEIGHT, SITE, VISITS))
    found = READING.rows(warehouse.rows(snapshot, READING.columns))
    warehouse.close()
    return found


def test_rows_are_clamped_scaled_and_one_hot(rows: Rows) -> None:
    expected = [
        [-1.0, 1, 0, -1], [1.0, 0, 1, 1], [0.0, 0, 0, 0], [0.0, 0, 0, 0],
        [-1.0, 0, 0, 0], [1.0, 0, 0, 1], [-0.5, 1, 0, -1],
    ]  # fmt: skip
    assert rows.features.dtype == np.float32
    assert rows.features.tolist() == expected


def test_a_target_is_0_or_1_and_a_missing_one_is_masked(rows: Rows) -> None:
    assert rows.target.tolist() == [0, 1, 1, 0, 1, 0, 1]
    assert rows.present.tolist() == [True, True, True, False, True, True, True]


def test_the_width_is_known_from_the_card_alone(rows: Rows) -> None:
    assert feature_names(READING.features) == ("age", "site=north", "site=south", "weight")
    assert rows.features.shape[1] == feature_count(READING.features) == READING.width
    assert READING.no_rows().features.shape == (0, 4)


def test_a_feature_without_bounds_has_no_scale() -> None:
    with pytest.raises(ValueError, match="column visits has no bounds"):
        feature_names((VISITS,))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, "3"])
def test_a_threshold_is_a_number(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Threshold.model_validate({"column": "visits", "at_least": wrong})


def test_a_threshold_says_what_is_predicted() -> None:
    assert Threshold(column="visits", at_least=3.0).describe() == "visits >= 3"


TERMS = terms_for(to_fixed(2.0), 10**12)


def plan_of(units: int = 20_000, clip_norm: float = 1.0, batch: int = 500) -> TrainingPlan:
    return TrainingPlan.of(
        epsilon=to_fixed(0.9), terms=TERMS, units=units, batch=batch, rounds=4, steps=25,
        clip_norm=clip_norm, learning_rate=0.5,
    )  # fmt: skip


def test_rate_divisor_noise_and_event_come_from_public_figures_and_agree() -> None:
    plan = plan_of()
    assert (plan.q, plan.expected_batch) == (0.025, 500.0)
    assert plan.round_event == SelfComposed(PoissonSampled(0.025, Gaussian(plan.noise_multiplier)), 25)
    cost = accountant.repeated(accountant.charge(plan.round_event, TERMS), 4)
    assert 0 <= to_fixed(0.9) - accountant.price(cost, TERMS) <= to_fixed(0.9) / 10_000


def test_a_batch_of_everyone_or_more_is_a_full_batch() -> None:
    plan = plan_of(units=400)
    assert (plan.q, plan.expected_batch) == (1.0, 400.0)


def test_a_plan_goes_through_json_unchanged() -> None:
    assert TrainingPlan(**plan_of().record()) == plan_of()


@pytest.mark.parametrize("clip_norm", [0.0, 1e-9, -1.0, math.inf, math.nan])
def test_a_clip_norm_below_what_floats_resolve_is_refused(clip_norm: float) -> None:
    with pytest.raises(InvalidRequest, match="clip_norm"):
        plan_of(clip_norm=clip_norm)
