"""The job kind `train`: a model as data, trained with DP-SGD in a process of its own."""

import base64
import importlib.util
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jali.wire.dataset import Column, ColumnType, Picture
from jali.wire.features import Ids, Way, column_of, id_count, names_of, way_of
from jali.wire.jobs.train import JobForm, Training
from jali.wire.money import to_fixed
from jali.wire.targets import Aim, misfit, outputs_of
from jali_node.engine.warehouse import Snapshot, Warehouse
from jali_node.errors import BoundsUnknown, ExtraMissing, InvalidRequest, WrongColumnType
from jali_node.ledger.terms import Terms
from jali_node.statistics.columns import named
from jali_node.training import parts
from jali_node.training.plan import ENTITY_VALUES_MAX, TrainingPlan
from jali_node.training.tensors import Reading, Rows, aim_facts

NEEDS = ("torch", "opacus", "safetensors", "dbos", "PIL")


def plan(
    training: Training, columns: tuple[Column | Picture, ...], units: int, terms: Terms, max_rows: int | None = None
) -> TrainingPlan:
    """Return noise, sampling and price of a training, from public facts alone.

    Where a unit is an entity, `units` and the batch count entities, and `max_rows` rows of each are read at most.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest: it does not fit the card; the field is named.
        EpsilonTooSmall: no noise is large enough.
    """
    by_name = {column.name: column for column in columns}
    shown = [_shown(by_name, feature, f"training.features.{i}") for i, feature in enumerate(training.features)]
    target = _target(by_name, training.target)
    if len(training.columns) <= len(training.features):
        raise InvalidRequest(
            "each feature may be given once, and the target is not one of them", field="training.features"
        )
    _refuse_other_shape(training, shown, target)
    _refuse_large_entities(training, max_rows)
    _refuse_what_is_not_exact(training, shown, max_rows)
    taught = int(units * (1 - training.held_out))
    if training.batch != "all" and training.batch > taught:
        held = f" less those held out ({training.held_out:.0%})" if training.held_out else ""
        raise InvalidRequest(
            f"expected batch <= {taught}, the population's public figure{held}, got {training.batch}",
            field="training.batch",
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
        held_out=training.held_out,
        metrics_epsilon=to_fixed(training.metrics_epsilon) if training.metrics_epsilon else 0,
        aim=aim_facts(training.target, target),
        walk={
            "optimizer": training.optimizer.value,
            "momentum": training.momentum,
            "schedule": training.schedule,
            "average": training.average,
            "strict": training.strict,
        },
        max_rows=max_rows,
    )


Shown = tuple[Way, Column | Picture]


def _shown(by_name: Mapping[str, Column | Picture], feature: str | Way, field: str) -> Shown:
    column = named(by_name, column_of(feature), field)
    if isinstance(column, Picture):
        try:
            return way_of(feature, column), column
        except ValueError as error:
            raise WrongColumnType(str(error), field=field) from error
    numbers = column.type in (ColumnType.INTEGER, ColumnType.NUMBER)
    if numbers and column.bounds is None:
        said = f"column {column.name} has no public bounds; ask its owner to declare them"
        raise BoundsUnknown(said, field=field)
    try:
        return way_of(feature, column), column
    except ValueError as error:
        raise WrongColumnType(str(error), field=field) from error


def _target(by_name: Mapping[str, Column | Picture], target: Aim) -> Column:
    column = named(by_name, target.column, "training.target.column")
    if isinstance(column, Picture):
        raise WrongColumnType(
            f"column {column.name} holds {column.describe()}; this target needs something else",
            field="training.target.column",
        )
    if why := misfit(target, column):
        wrong = BoundsUnknown if "bounds" in why else WrongColumnType
        raise wrong(why, field="training.target.column")
    return column


def _refuse_other_shape(training: Training, shown: list[Shown], target: Column) -> None:
    """Refuse a graph whose inputs, outputs or ids are not those of the columns."""
    names = [(name, way, column) for way, column in shown for name in names_of(way, column)]
    graph, outputs = training.graph, outputs_of(training.target, target)
    if graph.features != len(names):
        raise InvalidRequest(
            f"expected a graph of {len(names)} inputs for these features, got {graph.features}",
            field="training.graph.features",
        )
    if graph.out_features != outputs:
        raise InvalidRequest(
            f"expected a graph of {outputs} output(s) for {training.target.describe()}, got {graph.out_features}",
            field="training.graph.output",
        )
    for place, known in graph.ids.items():
        name, way, column = names[place]
        if not isinstance(way, Ids) or isinstance(column, Picture):
            raise InvalidRequest(
                f"an embedding reads input {place}, {name}, which holds no ids; show the column as ids",
                field="training.features",
            )
        if id_count(way, column) > known:
            raise InvalidRequest(
                f"an embedding of {known} ids reads {name}, which has {id_count(way, column)}, that of missing ones "
                "included",
                field="training.graph",
            )


def _refuse_large_entities(training: Training, max_rows: int | None) -> None:
    """Refuse a model with which one entity's rows, all held at once, could be more than a worker has room for.

    It is told from public facts: a worker that fails for want of room would tell that somebody has many rows.
    """
    values = training.graph.values_per_row
    if max_rows is not None and values * max_rows > ENTITY_VALUES_MAX:
        raise InvalidRequest(
            f"expected a model that holds at most {ENTITY_VALUES_MAX // max_rows:,} numbers for a row, since up to "
            f"{max_rows:,} rows of an entity are held at once; got {values:,}: take a smaller model, or ask the owner "
            "for a smaller max_rows",
            field="training.graph",
        )


def _refuse_what_is_not_exact(training: Training, shown: list[Shown], max_rows: int | None) -> None:
    """Refuse a strict training of what whole numbers do not say. Its form has been looked at by itself."""
    if not training.strict:
        return
    if max_rows is not None:
        raise InvalidRequest(
            f"strict numerics protect a row; the unit here is an entity of at most {max_rows:,} rows: leave numerics "
            "out for idealised ones",
            field="training.numerics",
        )
    for way, column in shown:
        if isinstance(way, Ids):
            raise InvalidRequest(
                f"strict numerics take features from -1 to 1; {column.name} is shown as ids: show it as itself, or "
                "hashed",
                field="training.features",
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


def last_of(training: str) -> int:
    """Return the number of a stored training's last step: its last round, or the measurement behind it."""
    return Training.model_validate_json(training).last


@dataclass(frozen=True)
class Work:
    """What a charged step of a job is made of; `key` decides which units are held out, `entity` names the column that
    says whose a row is where a unit has several."""

    training: Training
    plan: TrainingPlan
    weights: bytes
    key: bytes
    entity: str | None = None


def run(
    warehouse: Warehouse, source: Snapshot, work: Work, *, measure: bool, stop: threading.Event | None = None
) -> str:
    """Do one charged step in a process of its own, and return its reply as it is stored. Whatever fails, raises.

    Where `stop` is set meanwhile, the process is killed, which is a failure too.

    Returns:
        the new weights in base64, or the metrics as JSON.
    """
    from jali_node.sandbox import round
    from jali_node.sandbox.limits import Limits

    training, plan = work.training, work.plan
    by_name = {column.name: column for column in source.all_columns}
    features = tuple(by_name[column_of(feature)] for feature in training.features)
    target = _target(by_name, training.target)
    reading = Reading(features, target, training.target, training.features)
    rows = _rows(warehouse, source, work, reading, measure)
    if measure:
        return _measured(plan, round.measure(training.graph, work.weights, plan, rows, Limits(), stop))
    return _written(round.run_round(training.graph, work.weights, plan, rows, Limits(), stop))


def _rows(warehouse: Warehouse, source: Snapshot, work: Work, reading: Reading, measure: bool) -> Rows:
    """Return the rows of those who teach, or of those who measure."""
    share = work.plan.held_out
    if work.entity is None:
        values = warehouse.rows(source, reading.columns)
        if share:
            aside = parts.held_out([values[column.name] for column in reading.columns], share, work.key)
            values = parts.kept(values, aside if measure else ~aside)
        return reading.rows(values)
    values, whose = warehouse.rows_of_entities(source, reading.columns, work.entity)
    unit, names = parts.numbered(whose)
    if share:
        aside = parts.held_out_entities(names, share, work.key)[unit]
        mask = aside if measure else ~aside
        values, (unit, _) = parts.kept(values, mask), parts.numbered(whose[mask])
    return reading.rows(values, unit)


def run_of_nothing(work: Work, *, measure: bool) -> str:
    """Return the reply of an empty table, with its noise: the step's where its rows could not be used."""
    from jali_node.sandbox.round import run_round_of_nothing

    if measure:
        return _measured(work.plan, None)
    return _written(run_round_of_nothing(work.training.graph, work.weights, work.plan))


def _measured(plan: TrainingPlan, totals: Sequence[int] | None) -> str:
    from jali_node.training import measure

    return measure.noised(totals or [0] * measure.SUMS, plan).model_dump_json()


def _written(weights: bytes) -> str:
    return base64.b64encode(weights).decode()
