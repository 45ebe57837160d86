"""How a model is walked is said from the notebook to the owner's page and the model's card; and what it takes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from torch import nn

from jali import errors
from jali.training import card, columns
from jali.training.card import Origin
from jali.training.schedules import Cosine, Stairs
from jali.wire.descent import Constant, Linear, Optimizer
from jali_portal.viewmodels import training as view

WHAT: dict[str, Any] = {"target": ("age", 50), "features": ["weight", "site"], "epsilon": 1.0}


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 1))


def test_a_walk_is_read_in_the_quote_on_the_owners_page_and_in_the_card(build_house: Any) -> None:
    house = build_house(cap=3.0)
    dataset = house.sdk()[house.card.name]
    how = {**WHAT, "batch": "all", "optimizer": "adam", "schedule": Cosine(warm_up=2), "epochs": 30,
           "average": 0.5}  # fmt: skip
    quote = dataset.training_quote(model(), **how)
    for said in ("full batch, Adam, learning rate falling as a cosine to 0% after 2 steps of warm-up, averaged over",
                 "30 steps in all, 5 parameters, 9 operations a row", "s of 600 on a slow core"):  # fmt: skip
        assert said in repr(quote)
    assert quote.warnings == ()
    job = dataset.train(model(), **how)
    assert (job.record.training.batch, job.record.training.learning_rate) == ("all", 0.05)
    shown = dict(view.page(job.record, datetime.now(UTC), UTC).how)
    assert shown["Walks by"] == "Adam, learning rate 0.05, falling as a cosine to 0% after 2 steps of warm-up"
    assert shown["Rounds"] == "1, after each of which the weights, averaged over its last 15 steps, leave"
    assert shown["Steps in a round"] == "30, each over all rows (full batch)"
    assert "30 steps in all" in shown["What it takes"]
    assert "Mind" not in shown
    text = card.card(job.record.training, {"a": Origin("node_1", job.record, dataset.card, [])})
    assert "by Adam, all rows (full batch) a step, learning rate 0.05, falling as a cosine" in text
    assert "after each round the weights, averaged over its last 15 steps, left." in text
    slow = job.record.quote.effort.model_copy(update={"warnings": ("A round may take long.",)})
    quoted = job.record.quote.model_copy(update={"effort": slow})
    warned = view.page(job.record.model_copy(update={"quote": quoted}), datetime.now(UTC), UTC)
    assert dict(warned.how)["Mind"] == "A round may take long."

    plain = dataset.train(model(), **WHAT, batch=200).record.training
    assert (plain.optimizer, plain.schedule, plain.learning_rate) == (Optimizer.SGD, Constant(), 0.5)
    assert dataset.train(model(), **WHAT, schedule="linear", epochs=30).record.training.schedule == Linear()
    with pytest.raises(errors.InvalidRequest, match="schedule"):
        dataset.training_quote(model(), **WHAT, schedule="cyclic")
    with pytest.raises(errors.InvalidRequest, match=r"warm_up < 30, the steps of all rounds together, got 40"):
        dataset.training_quote(model(), **WHAT, epochs=30, batch="all", schedule=Stairs(every=5, warm_up=40))


def test_strict_numerics_are_read_wherever_the_promise_is(build_house: Any) -> None:
    house = build_house(cap=3.0)
    dataset = house.sdk()[house.card.name]
    job = dataset.train(model(), **WHAT, batch="all", epochs=5, numerics="strict", average=0.5)
    usual = dataset.training_quote(model(), **WHAT, batch="all", epochs=5)
    assert job.record.quote.numerics == "exact arithmetic"
    (other,) = usual.quotes.values()
    assert other.numerics == "idealised numerics"
    assert job.record.quote.noise_multiplier == other.noise_multiplier, "at the same price"
    assert "in exact arithmetic" in job.record.training.describe()
    assert dict(view.page(job.record, datetime.now(UTC), UTC).how)["Arithmetic"] == "exact arithmetic"
    text = card.card(job.record.training, {"a": Origin("node_1", job.record, dataset.card, [])})
    assert "full batch, exact arithmetic" in text
    assert "numerics" not in dataset.train(model(), **WHAT, batch="all", epochs=5).record.training.model_dump()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"batch": 200}, "strict ones take batch='all', got 200"),
        ({"model": nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 1))}, "one linear layer with one output"),
        ({"target": columns.Count(column="age")}, "two classes or an amount, not of the count of age"),
        ({"features": [columns.Scaled(column="weight", log=True), "site"]}, "weight is shown as one"),
        ({"epochs": 20_000, "model": nn.Linear(64, 1),
          "features": ["weight", columns.Hashed(column="site", buckets=63)]},
         "at most 524,288 draws a round, got 20,000 steps of 65 parameters, which is 1,300,000"),
    ],
)  # fmt: skip
def test_what_whole_numbers_do_not_say_is_refused_before_it_is_sent(build_house: Any, how: Any, said: str) -> None:
    house = build_house(cap=3.0)
    dataset = house.sdk()[house.card.name]
    asked = {"model": model(), **WHAT, "batch": "all", "epochs": 5, **how}
    with pytest.raises(errors.InvalidRequest, match=said):
        dataset.training_quote(asked.pop("model"), **asked, numerics="strict")
