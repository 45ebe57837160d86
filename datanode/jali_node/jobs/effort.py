"""What a training takes of the machine, from public figures alone: the model as data, the plan, the owner's numbers.

Seconds are an estimate, and are called one. They come from figures declared here, not from rows: a measured time would
tell of them. `SLOW` is what one thread of a slow core does, several times less than what was seen on a usual one;
`BEST` is what no core reaches. A job is warned of by the first, and refused only by the second.
"""

from dataclasses import dataclass

from jali.wire.descent import Optimizer
from jali.wire.graph import Graph
from jali.wire.jobs.train import Effort
from jali_node.errors import InvalidRequest
from jali_node.sandbox.limits import Limits
from jali_node.training.plan import CHUNK_VALUES, PER_VALUE, TrainingPlan

FLOAT = 4
TABLE_COPIES = 3
"""The table as a message, as arrays, and on its way between them."""
HELD = 10
"""Weights, their sum and gradient, noise in double precision, and a copy to be written, in 32-bit numbers a weight."""


@dataclass(frozen=True)
class Speed:
    """What one thread does: seconds for a step, and besides for each parameter, operation and number held."""

    step: float
    parameter: float
    operation: float
    value: float

    def seconds(self, graph: Graph, plan: TrainingPlan, rows: float) -> float:
        """Return what a round takes whose steps see so many rows."""
        row = self.operation * graph.flops_per_row + self.value * graph.values_per_row
        return plan.steps_per_round * (self.step + self.parameter * graph.parameter_count + rows * row)


SLOW = Speed(step=2e-3, parameter=5e-8, operation=5e-10, value=5e-9)
BEST = Speed(step=1e-5, parameter=5e-10, operation=1e-12, value=0.0)


def effort(graph: Graph, plan: TrainingPlan, units: int, rows_a_unit: int, limits: Limits) -> Effort:
    """Return what a training takes, with a warning for each limit of a round that it may not keep.

    Args:
        graph: the model.
        plan: of the job.
        units: the population's public figure.
        rows_a_unit: how many rows one of them has at most.
        limits: of the process that runs a round.
    """
    rows = plan.expected_batch * rows_a_unit
    found = Effort(
        steps=plan.rounds * plan.steps_per_round,
        parameters=graph.parameter_count,
        state_bytes=FLOAT * graph.parameter_count * (1 + _moments(plan)),
        memory_bytes=_memory(graph, plan, units * rows_a_unit, rows),
        memory_limit=limits.memory_bytes,
        flops_per_row=graph.flops_per_row,
        round_seconds=float(f"{SLOW.seconds(graph, plan, rows):.2g}"),
        seconds_limit=limits.wall_s,
    )
    return found.model_copy(update={"warnings": tuple(_warnings(found))})


def refuse_if_impossible(graph: Graph, plan: TrainingPlan, limits: Limits) -> None:
    """Refuse a training of which no machine could take a round within the limits.

    Raises:
        InvalidRequest: both numbers are named.
    """
    rows = plan.expected_batch
    least_s = BEST.seconds(graph, plan, rows)
    if least_s > limits.wall_s:
        raise InvalidRequest(
            f"a round of {plan.steps_per_round:,} steps over about {rows:,.0f} rows takes {least_s:,.0f} s at the very "
            f"least, and is ended after {limits.wall_s:,.0f} s; more rounds of fewer steps cost the same",
            field="training.steps",
        )
    least_bytes = FLOAT * (HELD // 2 * graph.parameter_count + graph.values_per_row)
    if least_bytes > limits.memory_bytes:
        raise InvalidRequest(
            f"the model takes {_size(least_bytes)} for its weights and a single row, and a round may take "
            f"{_size(limits.memory_bytes)} at this node; train a smaller one",
            field="training.graph",
        )


def _warnings(found: Effort) -> list[str]:
    after = "A round that is ended replies with noise alone, and stays spent."
    warnings = []
    if found.round_seconds > found.seconds_limit:
        warnings.append(
            f"A round may take about {found.round_seconds:,.0f} s on a slow core, and is ended after "
            f"{found.seconds_limit:,.0f} s. {after} More rounds of fewer steps cost the same."
        )
    if found.memory_bytes > found.memory_limit:
        warnings.append(
            f"A round may take about {_size(found.memory_bytes)}, and is ended beyond {_size(found.memory_limit)}. "
            f"{after} Ask for fewer features, or a smaller model."
        )
    return warnings


def _memory(graph: Graph, plan: TrainingPlan, units: int, rows: float) -> int:
    one = PER_VALUE * graph.values_per_row
    chunk = max(one, min(CHUNK_VALUES, one * rows))
    table = TABLE_COPIES * units * (graph.features + 2)
    return int(FLOAT * ((HELD + _moments(plan)) * graph.parameter_count + chunk + table))


def _moments(plan: TrainingPlan) -> int:
    """Return how many numbers a walk remembers of each parameter; an average is kept in double precision."""
    kept = 2 if plan.optimizer == Optimizer.ADAM else int(plan.momentum > 0)
    return kept + (2 if plan.averaged > 1 else 0)


def _size(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"
