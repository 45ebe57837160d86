"""Recorded calls read as a graph: each call is one of the kinds that travel, or is refused by its line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from torch import Tensor, fx, nn

from jali.errors import NotTransportable
from jali.training import arranging, forms
from jali.training.flow import Flow, RowCount, Untold
from jali.training.forms import Form, Settings
from jali.training.tracer import Tape, short
from jali.wire.graph import INPUT, NODES_MAX, Graph, Node, Shape

NODE: TypeAdapter[Any] = TypeAdapter(Node)
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Held:
    """What a node has learned, by its names, and the call that made it, with its line."""

    tensors: Tensors
    call: fx.Node
    line: str


class Reader:
    """The nodes read so far, in order, and what each call gave."""

    def __init__(self, tape: Tape, training: bool, features: int, shape: Shape | None) -> None:
        self.tape = tape
        self.training = training
        self.features = features
        self.shape = shape or (features,)
        self.values: dict[fx.Node, Any] = {}
        self.nodes: list[Settings] = []
        self.lines: dict[str, str] = {}
        self.held: dict[str, Held] = {}
        self.called: dict[int, fx.Node] = {}

    def read(self, call: fx.Node) -> None:
        """Read one call."""
        match call.op:
            case "placeholder":
                self.values[call] = self._enter(call)
            case "get_attr":
                name = short(str(call.target))
                what = f"self.{name}" if not name.startswith("_tensor_constant") else "a constant tensor"
                raise self.refuse(call, f"{what} is used outside a layer; {forms.RAW}")
            case "call_module":
                self.values[call] = self._module(call, self.tape.root.get_submodule(str(call.target)))
            case "call_function":
                self.values[call] = self._call(call, forms.FUNCTIONS.get(call.target), arranging.FUNCTIONS)
            case "call_method":
                self.values[call] = self._call(call, forms.METHODS.get(str(call.target)), arranging.METHODS)

    def refuse(self, call: fx.Node, why: str) -> NotTransportable:
        """Return the error for a call, which names its line."""
        return self.tape.refuse(call, why)

    def name(self, call: fx.Node) -> str:
        """Return what is called, as the user knows it."""
        if call.op == "call_module":
            return type(self.tape.root.get_submodule(str(call.target))).__name__
        return str(getattr(call.target, "__name__", call.target))

    def flow(self, call: fx.Node, value: Any) -> Flow:
        """Return a value that a layer takes, or refuse what is none."""
        if isinstance(value, Untold):
            raise self.refuse(call, value.why)
        if isinstance(value, RowCount):
            raise self.refuse(call, forms.ROWS)
        if not isinstance(value, Flow):
            name = self.name(call)
            raise self.refuse(call, f"{name} travels between layers, not with numbers or constants; {forms.RAW}")
        return value

    def emit(self, call: fx.Node, settings: Settings, flows: Sequence[Flow], tensors: Tensors | None = None) -> Flow:
        """Write down a node, and return what it gives."""
        whole = any(flow.whole for flow in flows)
        if whole and settings["kind"] not in ("embedding", "reshape", "slice"):
            raise self.refuse(call, f"{self.name(call)} reads integers; .long() is for what nn.Embedding reads")
        if any(flow.lone for flow in flows) and settings["kind"] not in ("embedding", "reshape"):
            raise self.refuse(call, "one number a row has no dimension behind the rows; pick a range, as in x[:, 3:4]")
        name = f"n{len(self.nodes)}"
        if len(self.nodes) > 4 * NODES_MAX:
            raise self.refuse(call, f"expected at most {NODES_MAX} layers, got more than {4 * NODES_MAX}")
        written = {"id": name, "inputs": [flow.name for flow in flows], **settings}
        try:
            shape = NODE.validate_python(written).shape(*(flow.shape for flow in flows))
        except (ValidationError, PydanticCustomError) as error:
            raise self.refuse(call, _fault(error)) from error
        self.nodes.append(written)
        self.lines[name] = self.tape.lines[call]
        if tensors is not None:
            self.held[name] = Held(tensors, call, self.lines[name])
        if settings["kind"] == "embedding" and flows[0].lone:
            return self.emit(call, {"kind": "reshape", "size": [shape[-1]]}, [Flow(name, shape)])
        return Flow(name, shape, whole and settings["kind"] != "embedding")

    def _enter(self, call: fx.Node) -> Flow:
        rows = Flow(INPUT, (self.features,))
        return (
            rows if self.shape == rows.shape else self.emit(call, {"kind": "reshape", "size": list(self.shape)}, [rows])
        )

    def _module(self, call: fx.Node, module: nn.Module) -> Any:
        name = type(module).__name__
        args, kwargs = self._arguments(call)
        if type(module) in forms.PASSING and args:
            return self.flow(call, args[0])
        handler, settings = arranging.MODULES.get(type(module)), forms.MODULES.get(type(module))
        if handler is None and settings is None:
            raise self.refuse(call, f"{name} does not travel; {_module_advice(module)}")
        if unusual := forms.unusual(module):
            raise self.refuse(call, unusual)
        self._refuse_second_call(call, module)
        if handler is not None:
            return self._handled(call, handler, (module, *args), kwargs)
        self._refuse_in_place(call, getattr(module, "inplace", False))
        flows = [self.flow(call, value) for value in (*args, *kwargs.values())]
        tensors = dict(module.named_parameters())
        return self.emit(call, settings(module), flows, tensors or None)  # type: ignore[misc]

    def _call(self, call: fx.Node, form: Form | None, handlers: Mapping[Any, arranging.Handler]) -> Any:
        args, kwargs = self._arguments(call)
        if not any(isinstance(value, Flow) for value in _leaves([args, kwargs])) and call.target in arranging.NUMBERS:
            if any(isinstance(value, RowCount) for value in _leaves([args])):
                raise self.refuse(call, forms.ROWS)
            return call.target(*args)
        if form is not None:
            return self._form(call, form, args, kwargs)
        handler = handlers.get(call.target)
        if handler is None:
            name = self.name(call)
            raise self.refuse(call, f"{name} does not travel; {forms.advice(name)}")
        return self._handled(call, handler, args, kwargs)

    def _handled(self, call: fx.Node, handler: arranging.Handler, args: Sequence[Any], kwargs: Settings) -> Any:
        for value in _leaves([args, kwargs]) if handler is not arranging.item else ():
            if isinstance(value, Untold):
                raise self.refuse(call, value.why)
        try:
            return handler(self, call, *args, **kwargs)
        except (TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError) as error:
            raise self.refuse(
                call, f"{self.name(call)} does not travel in this form ({error}); {forms.CODE}"
            ) from error

    def _form(self, call: fx.Node, form: Form, args: Sequence[Any], kwargs: Settings) -> Flow:
        name, names = self.name(call), (*form.inputs, *form.arguments)
        given: Settings = {**dict(zip(names, args, strict=False)), **kwargs}
        odd = sorted(given.keys() - set(names))
        if odd or len(args) > len(names):
            raise self.refuse(call, f"{name} travels without {odd[0] if odd else 'further arguments'}=")
        inputs = [given.pop(key, None) for key in form.inputs]
        if any(isinstance(value, Flow) for value in given.values()):
            raise self.refuse(call, f"{name}: its settings may not be computed; give numbers")
        if "training" in form.arguments and given.get("training", True) is not self.training:
            raise self.refuse(call, f"{name} needs training=self.training; nn.Dropout has it by itself")
        self._refuse_in_place(call, given.get("inplace", False))
        flows = [self.flow(call, value) for value in inputs]
        return self.emit(call, {"kind": form.kind, **form.settings(given)}, flows)

    def _arguments(self, call: fx.Node) -> tuple[tuple[Any, ...], Settings]:
        """Return a call's arguments, with what earlier calls gave in place of them."""
        resolved = fx.node.map_aggregate(
            (call.args, call.kwargs), lambda value: self.values[value] if isinstance(value, fx.Node) else value
        )
        args, kwargs = resolved
        return tuple(args), dict(kwargs)

    def _refuse_in_place(self, call: fx.Node, in_place: bool) -> None:
        if in_place and any(len(source.users) > 1 for source in call.all_input_nodes):
            raise self.refuse(call, "changes in place what is read elsewhere too; leave out inplace=True")

    def _refuse_second_call(self, call: fx.Node, module: nn.Module) -> None:
        if any(True for _ in module.parameters()):
            first = self.called.setdefault(id(module), call)
            if first is not call:
                where = self.tape.lines[first]
                raise self.refuse(call, f"calls a layer with weights again, after {where}; give each use its own")


def read(tape: Tape, features: int, training: bool, shape: Shape | None = None) -> tuple[Graph, dict[str, Held]]:
    """Return the graph of a recorded forward pass, and what each of its nodes has learned.

    Raises:
        NotTransportable: a call is none of the kinds, or the kinds do not fit together.
    """
    reader = Reader(tape, training, features, shape)
    for call in tape.calls.nodes:
        if call.op != "output":
            reader.read(call)
    [end] = tape.calls.find_nodes(op="output")
    output = reader.values.get(end.args[0]) if isinstance(end.args[0], fx.Node) else end.args[0]
    if not isinstance(output, Flow):
        named = type(output).__name__
        raise NotTransportable(f"forward returns a {named}; return one tensor, (rows, outputs)")
    if output.lone:
        raise NotTransportable("forward returns (rows,); return (rows, outputs), as x[:, 3:4] or unsqueeze(1) give it")
    if len(output.shape) != 1:
        shown = ", ".join(map(str, output.shape))
        where = reader.lines.get(output.name, "forward")
        raise NotTransportable(
            f"{where}: forward returns (rows, {shown}); return (rows, outputs), as flatten(1) gives it"
        )
    kept = _needed(reader.nodes, output.name)
    if kept and kept[-1]["kind"] == "softmax":
        where = reader.lines[output.name]
        raise NotTransportable(f"{where}: softmax ends the model; leave the outputs as they are: the loss applies it")
    renamed = {INPUT: INPUT} | {node["id"]: f"n{at}" for at, node in enumerate(kept)}
    nodes = [{**node, "id": renamed[node["id"]], "inputs": [renamed[name] for name in node["inputs"]]} for node in kept]
    held = {renamed[name]: each for name, each in reader.held.items() if name in renamed}
    try:
        graph = Graph.model_validate({"features": features, "nodes": nodes, "output": renamed.get(output.name, INPUT)})
    except ValidationError as error:
        lines = {renamed[name]: line for name, line in reader.lines.items() if name in renamed}
        said = _fault(error)
        line = lines.get(said.split(" ", 1)[0].rstrip(":"))
        raise NotTransportable(f"{line}: {said}" if line else said) from error
    return graph, held


def _needed(nodes: list[Settings], output: str) -> list[Settings]:
    """Return the nodes that lead to the output."""
    needed = {output}
    for node in reversed(nodes):
        if node["id"] in needed:
            needed.update(node["inputs"])
    return [node for node in nodes if node["id"] in needed]


def _fault(error: ValidationError | PydanticCustomError) -> str:
    """Say in one sentence what the first fault is."""
    if isinstance(error, PydanticCustomError):
        return error.message()
    fault = error.errors(include_url=False)[0]
    place = [part for part in fault["loc"] if isinstance(part, str)]
    setting = f"{place[-1]}: " if len(fault["loc"]) > 1 else ""
    got = f", got {fault['input']}" if isinstance(fault["input"], int | float) else ""
    return f"{setting}{fault['msg'].removeprefix('Value error, ')}{got}"


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, tuple | list):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value]


def _module_advice(module: nn.Module) -> str:
    """Say what to use instead; what merely derives from a layer may compute anything."""
    for layer in (*forms.MODULES, *arranging.MODULES):
        if isinstance(module, layer):
            return f"use nn.{layer.__name__} itself, not what derives from it"
    return forms.advice(type(module).__name__)
