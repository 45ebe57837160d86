"""A trained model leaves as files: the same numbers in torch and in ONNX, a card that says where it comes from."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from tests.node.training.models import MODELS
from torch import nn

from jali import errors
from jali.federation import Federation
from jali.training import results
from jali.training.graph import load, trace
from jali.wire.money import digest
from jali_node.actions.jobs import run_round

SIZES = (1, 2, 7)
EACH = [name if name == "table" else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]


def saved(folder: Path, module: nn.Module, features: int, **options: Any) -> tuple[Any, Path]:
    graph, weights = trace(module, features, options.pop("shape", None))
    return load(graph, weights), results.save(folder, graph, weights, {}, "a card", **options)


@pytest.mark.parametrize(
    "name", [name if name == "table" else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
)
def test_an_exported_model_computes_what_the_module_does_for_any_number_of_rows(name: str, tmp_path: Path) -> None:
    make, features, shape = MODELS[name]
    module, folder = saved(tmp_path, make(), features, shape=shape, onnx=True)
    session = onnxruntime.InferenceSession((folder / results.ONNX).read_bytes())
    for rows in (2 * torch.rand(size, features) for size in SIZES):
        expected = module(rows).detach().numpy()
        np.testing.assert_allclose(session.run(["output"], {"features": rows.numpy()})[0], expected, atol=1e-5)
        np.testing.assert_array_equal(results.opened(folder)(rows).detach().numpy(), expected)


def test_without_the_extra_only_who_insists_on_onnx_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linear = nn.Linear(3, 1)
    _, folder = saved(tmp_path / "both", linear, 3)
    assert (folder / results.ONNX).exists()
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setattr(results, "find_spec", lambda name: None if name == "onnxscript" else object())
    saved(folder, linear, 3)
    assert not (folder / results.ONNX).exists(), "an older model's file would be taken for this one's"
    with pytest.raises(ModuleNotFoundError, match=r"onnxscript: pip install 'jali\[onnx\]'"):
        saved(tmp_path / "none", linear, 3, onnx=True)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", [results.GRAPH, results.WEIGHTS])
def test_a_folder_that_lacks_a_file_or_holds_another_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    _, folder = saved(tmp_path, nn.Linear(3, 1), 3, onnx=False)
    (folder / name).write_text("{}")
    with pytest.raises(errors.JaliError):
        results.opened(folder)
    (folder / name).unlink()
    with pytest.raises(errors.InvalidRequest, match=name):
        results.opened(folder)


@pytest.mark.slow
def test_a_job_s_files_lead_to_its_entries_in_the_ledger(build_house: Any, tmp_path: Path) -> None:
    house = build_house(cap=3.0)
    federation = Federation([house.sdk()])
    name = house.card.name
    job = federation[name].train(
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1)),
        target=("age", 50),
        features=["weight", "site"],
        epsilon=1.0,
        rounds=2,
        steps=3,
        batch=200,
        purpose="to test <b>the house</b>",
    )
    (found,) = job.jobs.values()
    with pytest.raises(errors.JobEnded, match="run\\(\\) it to its end first"):
        job.save(tmp_path / "model")
    approved = house.post(f"/v1/jobs/{found.id}/decision", {"digest": found.digest, "outcome": "approved"}, house.owner)
    assert approved.status_code == 200
    ended = threading.Event()
    working = threading.Thread(target=_work, args=(house, ended))
    working.start()
    try:
        folder = job.run(tmp_path / "run.json", deadline_s=120).save(tmp_path / "model", onnx=False)
    finally:
        ended.set()
        working.join()
    facts = json.loads((folder / results.TRAINING).read_text())
    (node,) = facts["nodes"].values()
    committed = [entry["body"] for entry in house.ledger() if entry["kind"] == "spend.committed"]
    assert node["replies"] == [body["reply"] for body in committed if body["job"] == node["job"]]
    assert len(node["replies"]) == 2
    assert facts["training"]["graph_digest"] == digest(json.loads((folder / results.GRAPH).read_text()))
    card = (folder / results.CARD).read_text()
    for said in ("ε 1", "`age >= 50`", "`weight`: number", found.id, found.digest, node["dataset"]["version"]):
        assert said in card
    assert "<b>" not in card, "a page that renders the card shows a purpose as text"
    rows = torch.rand(3, 4)
    assert torch.equal(results.opened(folder)(rows), job.model()(rows))


def _work(house: Any, ended: threading.Event) -> None:
    """Do what a worker does until told to end."""
    while not ended.wait(0.05):
        for job_id, number, attempt in run_round.waiting_rounds(house.node):
            if run_round.claim(house.node, job_id, number, attempt, "test"):
                run_round.run(house.node, job_id, number, attempt)
