"""What a module does with its input, written down call by call, each with the line that made it."""

import linecache
import random
import re
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, fx, nn

from jali.errors import NotTransportable
from jali.training import forms

TORCH = str(Path(torch.__file__).parent)
HERE = str(Path(__file__).parent)
TEXT_MAX = 80


@dataclass(frozen=True)
class Tape:
    """The calls of one forward pass, and where each was written."""

    root: nn.Module
    calls: fx.Graph
    lines: dict[fx.Node, str] = field(default_factory=dict)

    def refuse(self, call: fx.Node, why: str) -> NotTransportable:
        """Return the error for a call, which names its line."""
        return NotTransportable(f"{self.lines[call]}: {why}")


class OneInput(nn.Module):
    """The module as it is called: with rows alone, everything else at its default."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, rows: Tensor) -> Any:
        """Return what the module returns."""
        return self.module(rows)


def record(module: nn.Module) -> Tape:
    """Return the calls of the module's forward pass in the mode that it is in.

    Raises:
        NotTransportable: the pass cannot be written down without data, or draws random numbers.
    """
    tracer = _Tracer()
    root = OneInput(module)
    before = random.getstate()
    with torch.random.fork_rng(devices=[]):
        drawn = torch.get_rng_state()
        try:
            calls = tracer.trace(root)
        except Exception as error:
            raise NotTransportable(f"{_line_of(error)}: {_reason(error)}") from error
        chance = not torch.equal(drawn, torch.get_rng_state()) or before != random.getstate()
    if chance:
        constants = (tracer.lines[node] for node in calls.nodes if node.op == "get_attr")
        raise NotTransportable(f"{next(constants, 'forward')}: {forms.CHANCE}")
    return Tape(root, calls, tracer.lines)


class _Tracer(fx.Tracer):
    """Stops at layers, its own and torch's, and notes the line of each call."""

    proxy_buffer_attributes = True

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[fx.Node, str] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Tell whether a module is taken as a whole; what derives from a layer may do something else than it."""
        return isinstance(m, (*forms.MODULES, nn.LSTM, nn.MultiheadAttention)) or super().is_leaf_module(
            m, module_qualified_name
        )

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        """Write down a call and its line."""
        node = super().create_node(*args, **kwargs)
        self.lines[node] = _line_of_frame(sys._getframe()) or _without_line(node)
        return node


def short(target: str) -> str:
    """Return a submodule's path as the user knows it."""
    return target.removeprefix("module").removeprefix(".")


def _without_line(node: fx.Node) -> str:
    name = short(str(node.target))
    return f"module {name}" if node.op == "call_module" and name else "the module"


def _is_theirs(filename: str) -> bool:
    return not filename.startswith((TORCH, HERE))


def _line_of_frame(frame: FrameType | None) -> str:
    """Return the innermost line of the user's code under this frame, nothing if torch's containers made the call."""
    while frame is not None and frame.f_code is not OneInput.forward.__code__:
        if _is_theirs(frame.f_code.co_filename):
            return _line(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""


def _line_of(error: BaseException) -> str:
    lines = [(frame.f_code.co_filename, number) for frame, number in traceback.walk_tb(error.__traceback__)]
    theirs = [line for line in lines if _is_theirs(line[0])]
    return _line(*theirs[-1]) if theirs else "the module"


def _line(filename: str, number: int) -> str:
    text = linecache.getline(filename, number).strip()
    shown = text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]} ..."
    return f"{Path(filename).name}, line {number}" + (f" ({shown})" if shown else "")


def _reason(error: Exception) -> str:
    """Say why forward could not be followed, and what to do."""
    said = str(error).strip().split("\n")[0].split(". ")[0]
    called = re.match(r"(\w+)\(\)", said)
    if called and forms.ADVICE.get(called[1]) == forms.CHANCE:
        return f"{called[1]}: {forms.CHANCE}"
    if "item assignment" in said or "item deletion" in said:
        return f"values are changed in place; {forms.IN_PLACE}"
    if isinstance(error, fx.proxy.TraceError) or "Proxy" in said or "symbolic" in said:
        return f"{forms.BRANCH} ({said})"
    if "forward() missing" in said:
        return f"forward takes more than one input: put all features into one table ({said})"
    return f"forward cannot be followed without data: {forms.CODE} ({type(error).__name__}: {said})"
