"""A wish to train, built from what a data scientist says and from public facts. Nothing is sent."""

import base64
import math
from collections.abc import Sequence
from typing import Any, Literal

from jali import errors
from jali.eda.facts import Facts, built
from jali.eda.shown import as_pixels, feature_names, picture_shape
from jali.training.graph import trace
from jali.wire.dataset import Dataset
from jali.wire.descent import SHORT, Rates
from jali.wire.features import Way
from jali.wire.graph import Graph, Shape
from jali.wire.jobs.train import JobForm, Training
from jali.wire.targets import Aim, Threshold, misfit, outputs_of, usual

FULL_BATCH = 2000
"""Below so many rows, each step takes them all."""
RATES = {"sgd": 0.5, "adam": 0.05}
"""The learning rate where it is not said."""
METRICS_SHARE = 0.1
"""What measuring may cost, over what training may, where it is not said."""


def wish(
    facts: Facts,
    card: Dataset,
    project: str,
    model: Any,
    *,
    target: str | tuple[str, float] | Aim,
    features: Sequence[str | Way],
    epsilon: float,
    purpose: str = "",
    rounds: int = 1,
    steps: int | None = None,
    epochs: float = 10,
    batch: int | Literal["all"] | None = None,
    learning_rate: float | None = None,
    clip_norm: float = 1.0,
    held_out: float = 0.0,
    metrics_epsilon: float | None = None,
    shape: Shape | None = None,
    optimizer: Literal["sgd", "adam"] = "sgd",
    momentum: float = 0.0,
    schedule: str | Rates = "constant",
    average: float = 0.0,
    numerics: Literal["idealised", "strict"] = "idealised",
) -> JobForm:
    """Return the wish to train a model at one node.

    Args:
        facts: the dataset's public facts.
        card: the dataset's.
        project: the project's id.
        model: a `torch.nn.Module` over the features.
        target: what is predicted: a column (a category of two, or an integer of two values: the latter one; another
            category: which it is; a number: its amount), a column and a number (whether the value is at least that), or
            one of `jali.training.columns`.
        features: columns in the order of the model's inputs, by name or as `jali.training.columns` shows them.
        epsilon: the stand-alone price of all rounds.
        purpose: what the model is for, at least 10 characters; what is trained on what, if not given.
        rounds: how often weights leave.
        steps: DP-SGD steps in a round; `epochs` says it if not given.
        epochs: how often a row, or an entity, is expected to be seen in all rounds together.
        batch: the expected number of rows in a step, or of entities (each with all its rows) where these are the
            population's unit, or "all"; if not given all of them below 2,000, else a twentieth, at least 500.
        learning_rate: of each step, before the schedule; 0.5 if not given, 0.05 for Adam.
        clip_norm: the largest Euclidean norm of one row's gradient, or of one entity's: the mean of its rows'.
        held_out: about which share of the rows, or of the entities, measures and does not teach.
        metrics_epsilon: the stand-alone price of measuring; a tenth of `epsilon` if not given.
        shape: in which form the model reads the features, such as (1, 28, 28); if not given that of the picture where
            they are one picture, else one after the other.
        optimizer: what is done with a step's noised gradient.
        momentum: of "sgd": how much of the steps before goes on.
        schedule: how the learning rate goes over the steps of all rounds: "constant", "linear", "cosine", or one of
            `jali.training.schedules`.
        average: over which share of a round's last steps its weights are averaged before they leave, 0 to 1.
        numerics: "strict" has gradients summed in whole numbers and noised by the exact discrete Gaussian: of a linear
            model with one output, with `batch="all"`, over rows as the unit, without logarithms.

    Raises:
        NotTransportable: the model cannot travel as data; it names the line.
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest: it does not fit the card; the field is named.
    """
    width = len(feature_names(facts, features))
    graph, weights = trace(model, width, shape or picture_shape(facts, features))
    aim = _aim(facts, target, graph)
    taught = int(card.population.units * (1 - held_out))
    batch = batch or ("all" if taught < FULL_BATCH else max(500, taught // 20))
    steps = steps or max(1, math.ceil(epochs * taught / (taught if batch == "all" else batch) / rounds))
    asked = metrics_epsilon if metrics_epsilon is not None or not held_out else METRICS_SHARE * epsilon
    training = built(
        Training,
        dataset=card.id,
        project=project,
        purpose=purpose or f"a {type(model).__name__} that predicts {aim.describe()} from {len(features)} columns",
        graph=graph,
        features=tuple(as_pixels(facts, features)),
        target=aim,
        epsilon=epsilon,
        rounds=rounds,
        steps=steps,
        batch=batch,
        learning_rate=RATES.get(optimizer, 0.5) if learning_rate is None else learning_rate,
        clip_norm=clip_norm,
        held_out=held_out,
        metrics_epsilon=asked,
        optimizer=optimizer,
        momentum=momentum,
        schedule=schedule if isinstance(schedule, Rates) else SHORT.get(schedule, {"kind": schedule}),
        average=float(average),
        numerics=numerics,
    )
    return built(JobForm, training=training, weights=base64.b64encode(weights).decode())


def _aim(facts: Facts, target: str | tuple[str, float] | Aim, graph: Graph) -> Aim:
    if isinstance(target, tuple):
        aim: Aim = built(Threshold, column=target[0], at_least=float(target[1]))
    elif isinstance(target, str):
        aim = usual(facts.column(target), graph.out_features)
    else:
        aim = target
    column = facts.column(aim.column)
    if why := misfit(aim, column):
        kind = errors.BoundsUnknown if "bounds" in why else errors.WrongColumnType
        raise kind(f"target: {why}", field="target")
    if graph.out_features != outputs_of(aim, column):
        raise errors.InvalidRequest(
            f"the model answers {graph.out_features} number(s) a row; {aim.describe()} takes {outputs_of(aim, column)}",
            field="target",
        )
    return aim
