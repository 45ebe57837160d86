"""A run over several nodes: averaged as said, refused where facts differ, and resumed from its file."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from jali import errors
from jali.training import coordinator
from jali.training.metrics import together
from jali.training.runs import Run, RunFile
from jali.training.strategies import fedavg
from jali.wire.dataset import UnitKind
from jali.wire.jobs.train import Metrics, Round, RoundForm, RoundStatus


def packed(value: float) -> str:
    return base64.b64encode(save({"w": np.full(3, value, np.float32)})).decode()


def value(text: str) -> float:
    return float(load(base64.b64decode(text))["w"][0])


class Killed(BaseException):
    """Stands for a kill -9 of the coordinator: nothing after it runs."""


class NodeDouble:
    """Answers a round with the weights plus `step`, once; a repeated round gets the stored reply."""

    def __init__(self, step: float, dies_in: int = 0) -> None:
        self.step = step
        self.dies_in = dies_in
        self.replies: dict[str, str] = {}
        self.trained = 0

    def post(self, path: str, form: RoundForm, reply: type[Round]) -> Round:
        number = int(path.rpartition("/")[2])
        if path not in self.replies:
            self.trained += 1
            self.replies[path] = packed(value(form.weights) + self.step)
        if number == self.dies_in:
            self.dies_in = 0
            raise Killed
        return Round(job="job_0", number=number, run=form.run, status=RoundStatus.DONE, weights=self.replies[path])


def run_file(path: Path, rounds: int = 3) -> RunFile:
    file = RunFile(path / "run.json")
    jobs, shares = {"north": "job_1", "south": "job_2"}, {"north": 3.0, "south": 1.0}
    file.save(Run(id="r", jobs=jobs, shares=shares, rounds=rounds, weights=packed(0.0)))
    return file


def test_each_round_is_the_mean_weighted_by_public_figures(tmp_path: Path) -> None:
    nodes: Any = {"north": NodeDouble(1.0), "south": NodeDouble(5.0)}
    done = coordinator.run_rounds(nodes, run_file(tmp_path), deadline_s=10)
    assert done.done
    assert value(done.weights) == pytest.approx(3 * (3 * 1.0 + 1 * 5.0) / 4)


@pytest.mark.parametrize("dies_in", [1, 2, 3])
def test_a_coordinator_killed_after_sending_goes_on_to_the_identical_model(tmp_path: Path, dies_in: int) -> None:
    undisturbed: Any = {"north": NodeDouble(0.1), "south": NodeDouble(0.7)}
    (tmp_path / "a").mkdir()
    expected = coordinator.run_rounds(undisturbed, run_file(tmp_path / "a"), deadline_s=10)

    nodes: Any = {"north": NodeDouble(0.1), "south": NodeDouble(0.7, dies_in)}
    (tmp_path / "b").mkdir()
    file = run_file(tmp_path / "b")
    with pytest.raises(Killed):
        coordinator.run_rounds(nodes, file, deadline_s=10)
    done = coordinator.run_rounds(nodes, RunFile(file.path), deadline_s=10)
    assert done.weights == expected.weights
    assert [node.trained for node in nodes.values()] == [3, 3]


def measured(rows: float, accuracy: float) -> Metrics:
    return Metrics(
        rows=rows, rows_stddev=3.0, accuracy=accuracy, figure_stddev=0.02, loss=0.5, loss_stddev=0.04, loss_max=5.0,
        epsilon=0.1,
    )  # fmt: skip


class Measuring(NodeDouble):
    """Measures the model in the round behind the last one."""

    def __init__(self, step: float, metrics: Metrics, dies_in: int = 0) -> None:
        super().__init__(step, dies_in)
        self.metrics = metrics
        self.given: list[float] = []

    def post(self, path: str, form: RoundForm, reply: type[Round]) -> Round:
        found = super().post(path, form, reply)
        if found.number <= 3:
            return found
        self.given.append(value(form.weights))
        return found.model_copy(update={"weights": None, "metrics": self.metrics})


@pytest.mark.parametrize("dies_in", [0, 4])
def test_the_averaged_model_is_measured_at_every_node_once_all_rounds_are_done(tmp_path: Path, dies_in: int) -> None:
    nodes: Any = {"north": Measuring(1.0, measured(300, 0.8)), "south": Measuring(5.0, measured(100, 0.6), dies_in)}
    file = run_file(tmp_path)
    begun = file.load()
    assert begun
    file.save(replace(begun, measures=True))
    if dies_in:
        with pytest.raises(Killed):
            coordinator.run_rounds(nodes, file, deadline_s=10)
    done = coordinator.run_rounds(nodes, RunFile(file.path), deadline_s=10)
    assert done.done
    assert done.digests[-1].keys() == {"north", "south"}
    assert len(done.digests) == 3
    assert all(set(node.given) == {value(done.weights)} for node in nodes.values())
    assert together([Metrics.model_validate_json(text) for text in done.metrics.values()]).accuracy == 0.75


def test_metrics_of_several_nodes_are_those_of_all_their_rows(tmp_path: Path) -> None:
    both = together([measured(300, 0.8), measured(100, 0.6)])
    assert (both.rows, both.accuracy, both.error) == (400, pytest.approx(0.75), None)
    assert both.rows_stddev == pytest.approx(3 * 2**0.5)
    assert both.figure_stddev == pytest.approx(0.02 * (300**2 + 100**2) ** 0.5 / 400)
    assert both.epsilon == pytest.approx(0.2)
    nobody = together([measured(300, 0.8), measured(-2, 0.1)])
    assert nobody.accuracy == pytest.approx(0.8, abs=0.01)
    number = measured(100, 0.0).model_copy(update={"accuracy": None, "error": 4.0})
    entities = measured(300, 0.8).model_copy(update={"unit": UnitKind.ENTITY})
    assert "about 600 held-out entities" in together([entities, entities]).describe()
    assert "about 400 held-out rows and entities" in together([entities, measured(100, 0.6)]).describe()
    assert together([number, number]).error == pytest.approx(4.0)
    for unlike in ([], [number, measured(10, 0.5)]):
        with pytest.raises(ValueError, match="expected the metrics of one model"):
            together(unlike)


def test_a_run_that_is_not_there_is_refused_by_its_file(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidRequest, match=r"run\.json"):
        coordinator.run_rounds({}, RunFile(tmp_path / "run.json"), deadline_s=1)


def test_a_mean_of_nothing_or_of_unlike_models_is_refused() -> None:
    one = {"w": np.zeros(2, np.float32)}
    for updates, weights in (([], []), ([one], [0.0]), ([one], [1.0, 1.0]), ([one, {"v": one["w"]}], [1.0, 1.0])):
        with pytest.raises(ValueError, match=r"expected one positive weight|differ"):
            fedavg.average(updates, weights)
