"""Derived columns and filters: a bounded, allow-listed tree that says something about one row at a time.

Nothing here is ever text of a query language: an engine compiles the tree piece by piece. Numbers are clamped to their
columns' public bounds before anything is computed from them, and every node's bounds follow by interval arithmetic,
so each expression has a value, within public bounds, for every row that can exist. A number is missing where one of the
columns it reads is; a comparison with a missing number is false, as in pandas.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from jali.wire.base import Request
from jali.wire.dataset import CATEGORIES_MAX, Column
from jali.wire.problem import Code
from jali.wire.statistics.ask import ColumnName

DEPTH_MAX = 12
NODES_MAX = 64
TEXT_MAX = 2000
MAGNITUDE_MAX = 1e100
"""Intermediate results stay within this; with `TINY` snapped to 0 no step can overflow or underflow on any engine."""
TINY = 1e-100
WHOLE_MAX = 2.0**53

Interval = tuple[float, float]
Columns = Mapping[str, Column]


class ExpressionRefused(ValueError):
    """An expression that does not fit the card. `code` and `field` are those of the refusal."""

    def __init__(self, detail: str, code: Code = Code.INVALID_REQUEST, field: str = "selection") -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.field = field


class ColumnValue(Request):
    """A column's value, clamped to its public bounds."""

    op: Literal["column"] = "column"
    name: ColumnName


class Constant(Request):
    """A number that the asker wrote."""

    op: Literal["number"] = "number"
    value: float = Field(ge=-MAGNITUDE_MAX, le=MAGNITUDE_MAX)


class Arithmetic(Request):
    """Two numbers added, subtracted, multiplied or divided. The divisor's bounds must leave out 0."""

    op: Literal["add", "subtract", "multiply", "divide"]
    left: "Numeric"
    right: "Numeric"


class Function(Request):
    """One number's negative, size, square root (of nothing negative) or natural logarithm (of positive numbers)."""

    op: Literal["negate", "absolute", "square_root", "logarithm"]
    of: "Numeric"


class Power(Request):
    """A number multiplied by itself."""

    op: Literal["power"] = "power"
    of: "Numeric"
    exponent: int = Field(ge=2, le=4, strict=True)


class Clip(Request):
    """A number moved into an interval; also the way to give bounds to a column that has none."""

    op: Literal["clip"] = "clip"
    of: "Numeric"
    lower: float = Field(ge=-MAGNITUDE_MAX, le=MAGNITUDE_MAX)
    upper: float = Field(ge=-MAGNITUDE_MAX, le=MAGNITUDE_MAX)

    @model_validator(mode="after")
    def _lower_comes_first(self) -> Self:
        if not self.lower < self.upper:
            raise ValueError(f"expected lower < upper, got {self.lower:g} and {self.upper:g}")
        return self


class Truth(Request):
    """1 where a condition holds, 0 elsewhere; never missing. Its mean is the condition's share."""

    op: Literal["truth"] = "truth"
    of: "Condition"


class Compare(Request):
    """Two numbers compared; false where one is missing."""

    op: Literal["lt", "le", "gt", "ge", "eq"]
    left: "Numeric"
    right: "Numeric"


class IsIn(Request):
    """Whether a category column shows one of these public categories; false where it is missing."""

    op: Literal["isin"] = "isin"
    column: ColumnName
    values: tuple[Annotated[str, Field(max_length=200)], ...] = Field(min_length=1, max_length=CATEGORIES_MAX)


class IsMissing(Request):
    """Whether a column has no value of its declared type, or none of its public categories."""

    op: Literal["missing"] = "missing"
    column: ColumnName


class Both(Request):
    """Two conditions joined."""

    op: Literal["and", "or"]
    left: "Condition"
    right: "Condition"


class Not(Request):
    """A condition turned round."""

    op: Literal["not"] = "not"
    of: "Condition"


class Cut(Request):
    """A number sorted into classes between edges, closed on the left, the last one on both sides; else missing.

    A column of categories, named by their interval: a key to group by.
    """

    op: Literal["cut"] = "cut"
    of: "Numeric"
    edges: tuple[Annotated[float, Field(ge=-MAGNITUDE_MAX, le=MAGNITUDE_MAX)], ...] = Field(
        min_length=2, max_length=101
    )

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        if any(not one < next_one for one, next_one in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("expected edges that rise")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names."""
        last = len(self.edges) - 2
        return tuple(
            f"[{_number(low)}, {_number(high)}{']' if i == last else ')'}"
            for i, (low, high) in enumerate(zip(self.edges, self.edges[1:], strict=False))
        )


Numeric = Annotated[ColumnValue | Constant | Arithmetic | Function | Power | Clip | Truth, Field(discriminator="op")]
Condition = Annotated[Compare | IsIn | IsMissing | Both | Not, Field(discriminator="op")]
Derived = Annotated[Arithmetic | Function | Power | Clip | Truth | Cut, Field(discriminator="op")]
AnyNode = (
    ColumnValue
    | Constant
    | Arithmetic
    | Function
    | Power
    | Clip
    | Truth
    | Compare
    | IsIn
    | IsMissing
    | Both
    | Not
    | Cut
)

for _model in (Arithmetic, Function, Power, Clip, Truth, Compare, Both, Not, Cut):
    _model.model_rebuild()


def children(node: AnyNode) -> tuple[AnyNode, ...]:
    """Return the nodes right below one."""
    match node:
        case Arithmetic() | Compare() | Both():
            return node.left, node.right
        case Function() | Power() | Clip() | Truth() | Not() | Cut():
            return (node.of,)
        case _:
            return ()


def walk(node: AnyNode) -> Iterator[AnyNode]:
    """Give a node and all below it, without recursion."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))


def depth(node: AnyNode) -> int:
    """Return how many nodes lie on the longest way down, without recursion."""
    level: tuple[AnyNode, ...] = (node,)
    levels = 0
    while level:
        levels += 1
        level = tuple(child for parent in level for child in children(parent))
        if levels > NODES_MAX or len(level) > 4 * NODES_MAX:
            break
    return levels


def refuse_if_too_large(node: AnyNode) -> None:
    """Raise ValueError for a tree deeper or larger than `DEPTH_MAX` and `NODES_MAX`."""
    found = depth(node)
    if found > DEPTH_MAX:
        raise ValueError(f"expected an expression at most {DEPTH_MAX} deep, got {found} or more")
    number = sum(1 for _ in walk(node))
    if number > NODES_MAX:
        raise ValueError(f"expected an expression of at most {NODES_MAX} parts, got {number}")
    written = len(text(node))
    if written > TEXT_MAX:
        raise ValueError(f"expected an expression of at most {TEXT_MAX} characters, got {written}")


def reads(node: AnyNode) -> tuple[str, ...]:
    """Return the card's columns that an expression reads, each once."""
    names = [n.name if isinstance(n, ColumnValue) else n.column for n in walk(node)
             if isinstance(n, ColumnValue | IsIn | IsMissing)]  # fmt: skip
    return tuple(dict.fromkeys(names))


def numbers_read(node: AnyNode) -> tuple[str, ...]:
    """Return the columns whose values the node computes with; a truth in between is never missing."""
    names: list[str] = []
    waiting: list[AnyNode] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ColumnValue):
            names.append(part.name)
        elif not isinstance(part, Truth):
            waiting.extend(children(part))
    return tuple(dict.fromkeys(names))


_SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "and": "&", "or": "|",
}  # fmt: skip


def text(node: AnyNode) -> str:
    """Return an expression as it would be written, with every bracket: different trees never read the same.

    >>> text(Arithmetic(op="divide", left=ColumnValue(name="weight"), right=Power(of=ColumnValue(name="height"),
    ...     exponent=2)))
    '(weight / height ** 2)'
    """
    match node:
        case ColumnValue():
            return node.name
        case Constant():
            return _number(node.value)
        case Arithmetic() | Compare() | Both():
            return f"({text(node.left)} {_SIGNS[node.op]} {text(node.right)})"
        case Function():
            return f"{node.op}({text(node.of)})"
        case Power():
            of = f"({text(node.of)})" if isinstance(node.of, Power) else text(node.of)
            return f"{of} ** {node.exponent}"
        case Clip():
            return f"clip({text(node.of)}, {_number(node.lower)}, {_number(node.upper)})"
        case Truth():
            return f"truth({text(node.of)})"
        case Cut():
            return f"cut({text(node.of)}, [{', '.join(_number(edge) for edge in node.edges)}])"
        case IsIn():
            return f"isin({node.column}, [{', '.join(map(repr, node.values))}])"
        case IsMissing():
            return f"missing({node.column})"
        case Not():
            return f"~{text(node.of)}"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < WHOLE_MAX else repr(value)
