"""A trained model as files to keep and pass on: weights, graph, ONNX, and a card that says where it comes from.

    job.save("model")                     # model.safetensors, graph.json, training.json, README.md, model.onnx
    module = results.opened("model")      # an ordinary module again, on any machine with jali[train]

What is saved was released already; saving it spends nothing. Nothing in the folder is code.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from jali.errors import InvalidRequest
from jali.training.graph import load
from jali.wire.graph import Graph

WEIGHTS, GRAPH, TRAINING, CARD, ONNX = "model.safetensors", "graph.json", "training.json", "README.md", "model.onnx"
_NEEDED = ("onnx", "onnxscript")


def save(
    folder: str | Path, graph: Graph, weights: bytes, facts: Mapping[str, Any], card: str, *, onnx: bool | None = None
) -> Path:
    """Write a model's files into a folder and return it; files of the same names are replaced.

    Args:
        folder: is made if it is not there.
        graph: the layers.
        weights: a safetensors file.
        facts: where the model comes from, for machines.
        card: the same, for people.
        onnx: whether to write `model.onnx`; if not given, where the packages for it are installed.

    Raises:
        ModuleNotFoundError: ONNX is asked for and takes `jali[onnx]`; nothing was written.
    """
    home = Path(folder)
    exported = to_onnx(graph, weights) if onnx or (onnx is None and can_export()) else None
    home.mkdir(parents=True, exist_ok=True)
    (home / WEIGHTS).write_bytes(weights)
    (home / GRAPH).write_text(graph.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (home / TRAINING).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (home / CARD).write_text(card, encoding="utf-8")
    if exported is not None:
        (home / ONNX).write_bytes(exported)
    else:
        (home / ONNX).unlink(missing_ok=True)  # another model's
    return home


def opened(folder: str | Path) -> nn.Module:
    """Return the model that a folder holds, in evaluation mode. No code in the folder is run: there is none.

    Raises:
        InvalidRequest: a file is missing, or is not what `save` wrote.
        UnexpectedReply: the weights are not the graph's.
    """
    home = Path(folder)
    try:
        graph = Graph.model_validate_json((home / GRAPH).read_text(encoding="utf-8"))
        weights = (home / WEIGHTS).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{error.filename}: {error.strerror}; expected a folder written by save()") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{home / GRAPH} holds no graph of a model") from error
    return load(graph, weights)


def can_export() -> bool:
    """Say whether the packages for ONNX are installed."""
    return all(find_spec(name) for name in _NEEDED)


def to_onnx(graph: Graph, weights: bytes) -> bytes:
    """Return a model as an ONNX file: `features` (rows, features) in, `output` (rows, outputs) out, in evaluation mode.

    Raises:
        ModuleNotFoundError: it takes `jali[onnx]`.
    """
    if lacking := [name for name in _NEEDED if not find_spec(name)]:
        raise ModuleNotFoundError(f"ONNX needs {' and '.join(lacking)}: pip install 'jali[onnx]'", name=lacking[0])
    model, rows = load(graph, weights), torch.zeros(2, graph.features)
    with _quiet():
        program = torch.onnx.export(
            model,
            (rows,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("rows")},),
            input_names=["features"],
            output_names=["output"],
            verbose=False,
        )
    assert program is not None  # noqa: S101 - dynamo=True returns one
    exported: bytes = program.model_proto.SerializeToString()
    return exported


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch's exporter says about itself from whoever only wants a file."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
