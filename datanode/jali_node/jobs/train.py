"""The job kind `train`: a model as data, trained with DP-SGD in a process of its own."""

import base64
import importlib.util

from jali.wire.dataset import Column, ColumnType
from jali.wire.features import feature_count
from jali.wire.jobs.train import JobForm, Training
from jali.wire.money import to_fixed
from jali_node.engine.warehouse import Snapshot, Warehouse
from jali_node.errors import BoundsUnknown, ExtraMissing, InvalidRequest
from jali_node.ledger.terms import Terms
from jali_node.statistics.columns import bounded, named
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Reading

NEEDS = ("torch", "opacus", "safetensors", "dbos")


def plan(training: Training, columns: tuple[Column, ...], units: int, terms: Terms) -> TrainingPlan:
    """Return noise, sampling and price of a training, from public facts alone.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest: it does not fit the card; the field is named.
        EpsilonTooSmall: no noise is large enough.
    """
    by_name = {column.name: column for column in columns}
    features = [named(by_name, name, f"training.features.{i}") for i, name in enumerate(training.features)]
    for i, column in enumerate(features):
        if column.type is not ColumnType.CATEGORY and column.bounds is None:
            raise BoundsUnknown(
                f"column {column.name} has no public bounds; ask its owner to declare them",
                field=f"training.features.{i}",
            )
    bounded(by_name, training.target.column, "training.target.column")
    if len(set(training.features)) != len(training.features) or training.target.column in training.features:
        raise InvalidRequest(
            "each feature may be given once, and the target is not one of them", field="training.features"
        )
    width = feature_count(features)
    if training.graph.features != width:
        raise InvalidRequest(
            f"expected a graph of {width} inputs for these features, got {training.graph.features}",
            field="training.graph.features",
        )
    if training.batch > units:
        raise InvalidRequest(
            f"expected batch <= {units}, the population's public figure, got {training.batch}", field="training.batch"
        )
    return TrainingPlan.of(
        epsilon=to_fixed(training.epsilon),
        terms=terms,
        units=units,
        batch=training.batch,
        rounds=training.rounds,
        steps=training.steps,
        clip_norm=training.clip_norm,
        learning_rate=training.learning_rate,
    )


def refuse_if_this_node_cannot_train() -> None:
    """Say what is missing on a node that was installed for exploration alone.

    Raises:
        ExtraMissing: it names the extra.
    """
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraMissing(
            f"this node explores but cannot train: pip install 'jali[train]' there (missing: {', '.join(missing)})"
        )


def review(form: JobForm, columns: tuple[Column, ...]) -> None:
    """Check model and weights as far as this node can; without `jali[train]` the graph's form alone was checked.

    Raises:
        GraphRefused: the reason is named.
    """
    if all(importlib.util.find_spec(name) for name in NEEDS):
        check_weights(form.training.model_dump_json(), form.weights)


def check_weights(training: str, weights: str) -> None:
    """Hold weights against a stored training's graph.

    Raises:
        GraphRefused: the reason is named.
    """
    from jali_node.training import graph_check

    graph_check.check(Training.model_validate_json(training).graph, base64.b64decode(weights))


def rounds_of(training: str) -> int:
    """Return how many rounds a stored training has."""
    return Training.model_validate_json(training).rounds


def run(
    warehouse: Warehouse,
    source: Snapshot,
    training: Training,
    plan: TrainingPlan,
    weights: bytes,
) -> bytes:
    """Train one charged round in a process of its own, and return the new weights. Whatever fails, raises."""
    from jali_node.sandbox.limits import Limits
    from jali_node.sandbox.round import run_round

    by_name = {column.name: column for column in source.columns}
    reading = Reading(
        tuple(by_name[name] for name in training.features), by_name[training.target.column], training.target
    )
    return run_round(training.graph, weights, plan, reading.rows(warehouse.rows(source, reading.columns)), Limits())


def run_of_nothing(training: Training, plan: TrainingPlan, weights: bytes) -> bytes:
    """Return the noised update of an empty table: the round's reply where its rows could not be trained on."""
    from jali_node.sandbox.round import run_round_of_nothing

    return run_round_of_nothing(training.graph, weights, plan)
