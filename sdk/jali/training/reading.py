"""Recorded calls read as a graph: each call is one of the kinds that travel, or is refused by its line."""

import re
from typing import Any

from pydantic import ValidationError
from torch import fx, nn

from jali.errors import NotTransportable
from jali.training import forms
from jali.training.forms import Form, Settings
from jali.training.tracer import Tape, short
from jali.wire.graph import INPUT, Graph


class _Reader:
    """The nodes read so far, in order."""

    def __init__(self, tape: Tape, training: bool) -> None:
        self.tape = tape
        self.training = training
        self.names: dict[fx.Node, str] = {}
        self.nodes: list[Settings] = []
        self.layers: dict[str, nn.Module] = {}
        self.called: dict[int, fx.Node] = {}

    def read(self, call: fx.Node) -> None:
        """Read one call."""
        match call.op:
            case "placeholder":
                self.names[call] = INPUT
            case "get_attr":
                name = short(str(call.target))
                what = f"self.{name}" if not name.startswith("_tensor_constant") else "a constant tensor"
                raise self.tape.refuse(call, f"{what} is used outside a layer; {forms.RAW}")
            case "call_module":
                self._read_module(call, self.tape.root.get_submodule(str(call.target)))
            case "call_function":
                self._read_form(call, forms.FUNCTIONS.get(call.target), _name(call.target))
            case "call_method":
                self._read_form(call, forms.METHODS.get(str(call.target)), str(call.target))

    def _read_module(self, call: fx.Node, module: nn.Module) -> None:
        name = type(module).__name__
        if type(module) in forms.PASSING and call.args:
            self.names[call] = self._inputs(call, name, list(call.args))[0]
            return
        settings = forms.MODULES.get(type(module))
        if settings is None:
            raise self.tape.refuse(call, f"{name} does not travel; {_module_advice(module)}")
        if isinstance(module, nn.LayerNorm) and (len(module.normalized_shape) != 1 or module.bias is None):
            raise self.tape.refuse(call, "nn.LayerNorm travels for one dimension, with weight and bias")
        values = [*call.args, *call.kwargs.values()]
        self._refuse_in_place(call, getattr(module, "inplace", False))
        self._refuse_second_call(call, module)
        self._append(call, settings(module), self._inputs(call, name, values))
        self.layers[self.names[call]] = module

    def _read_form(self, call: fx.Node, form: Form | None, name: str) -> None:
        if form is None:
            raise self.tape.refuse(call, f"{name} does not travel; {forms.advice(name)}")
        names = (*form.inputs, *form.arguments)
        given: Settings = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
        odd = sorted(given.keys() - set(names))
        if odd or len(call.args) > len(names):
            raise self.tape.refuse(call, f"{name} travels without {odd[0] if odd else 'further arguments'}=")
        inputs = [given.pop(key, None) for key in form.inputs]
        if any(isinstance(value, fx.Node) for value in given.values()):
            raise self.tape.refuse(call, f"{name}: its settings may not be computed; give numbers")
        if "training" in form.arguments and given.get("training", True) is not self.training:
            raise self.tape.refuse(call, f"{name} needs training=self.training; nn.Dropout has it by itself")
        self._refuse_in_place(call, given.get("inplace", False))
        self._append(call, {"kind": form.kind, **form.settings(given)}, self._inputs(call, name, inputs))

    def _inputs(self, call: fx.Node, name: str, values: list[Any]) -> list[str]:
        if not all(isinstance(value, fx.Node) for value in values):
            raise self.tape.refuse(call, f"{name} travels between layers, not with numbers or constants; {forms.RAW}")
        return [self.names[value] for value in values]

    def _refuse_in_place(self, call: fx.Node, in_place: bool) -> None:
        if in_place and any(len(source.users) > 1 for source in call.all_input_nodes):
            raise self.tape.refuse(call, "changes in place what is read elsewhere too; leave out inplace=True")

    def _refuse_second_call(self, call: fx.Node, module: nn.Module) -> None:
        if any(True for _ in module.parameters()):
            first = self.called.setdefault(id(module), call)
            if first is not call:
                where = self.tape.lines[first]
                raise self.tape.refuse(call, f"calls a layer with weights again, after {where}; give each use its own")

    def _append(self, call: fx.Node, settings: Settings, inputs: list[str]) -> None:
        self.names[call] = f"n{len(self.nodes)}"
        self.nodes.append({"id": self.names[call], "inputs": inputs, **settings})


def read(tape: Tape, features: int, training: bool) -> tuple[Graph, dict[str, nn.Module]]:
    """Return the graph of a recorded forward pass, and the layer behind each of its nodes.

    Raises:
        NotTransportable: a call is none of the kinds, or the kinds do not fit together.
    """
    reader = _Reader(tape, training)
    for call in tape.calls.nodes:
        reader.read(call)
    [end] = tape.calls.find_nodes(op="output")
    output = end.args[0]
    if not isinstance(output, fx.Node):
        raise NotTransportable(f"forward returns a {type(output).__name__}; return one tensor, (rows, outputs)")
    kept = _needed(reader.nodes, reader.names[output])
    renamed = {INPUT: INPUT} | {node["id"]: f"n{at}" for at, node in enumerate(kept)}
    nodes = [{**node, "id": renamed[node["id"]], "inputs": [renamed[name] for name in node["inputs"]]} for node in kept]
    layers = {renamed[name]: layer for name, layer in reader.layers.items() if name in renamed}
    lines = {renamed[name]: tape.lines[call] for call, name in reader.names.items() if name in renamed}
    try:
        graph = Graph.model_validate({"features": features, "nodes": nodes, "output": renamed[reader.names[output]]})
    except ValidationError as error:
        raise NotTransportable(_first(error, lines)) from error
    return graph, layers


def _needed(nodes: list[Settings], output: str) -> list[Settings]:
    """Return the nodes that lead to the output."""
    needed = {output}
    for node in reversed(nodes):
        if node["id"] in needed:
            needed.update(node["inputs"])
    return [node for node in nodes if node["id"] in needed]


def _first(error: ValidationError, lines: dict[str, str]) -> str:
    """Say in one sentence what the graph's first fault is, with the line behind it."""
    fault = error.errors(include_url=False)[0]
    place = fault["loc"]
    found = re.match(r"Value error, (n\d+)\b", fault["msg"])
    node = found[1] if found else f"n{place[1]}" if len(place) > 1 else ""
    setting = f"{place[-1]}: " if len(place) > 2 else ""
    line = f"{lines[node]}: " if node in lines else ""
    got = f", got {fault['input']}" if isinstance(fault["input"], int | float) else ""
    return f"{line}{setting}{fault['msg'].removeprefix('Value error, ')}{got}"


def _name(target: Any) -> str:
    return str(getattr(target, "__name__", target))


def _module_advice(module: nn.Module) -> str:
    """Say what to use instead; what merely derives from a layer may compute anything."""
    for layer in forms.MODULES:
        if isinstance(module, layer):
            return f"use nn.{layer.__name__} itself, not what derives from it"
    return forms.advice(type(module).__name__)
