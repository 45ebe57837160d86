"""What decides how long a plan takes: its shape, without names, bounds, constants and prices.

Plans of one class do the same work on the same table, up to what the rows themselves make of it. A question's time is
found for its class, so that asking about another column or another threshold needs no new trial.
"""

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel

from jali.wire.dataset import Column
from jali.wire.money import digest
from jali_node.statistics.plan import Plan


def work_class(plan: Plan, card: tuple[Column, ...]) -> str:
    """Return the name of a plan's class; the same for plans that differ in names and constants only."""
    columns = {column.name: column for column in card}
    parts = [_shape(part.measurement.tally, columns) for part in plan.parts]
    return digest([parts, _shape(plan.selection, columns)])


def _shape(value: Any, columns: Mapping[str, Column]) -> Any:
    match value:
        case Column():
            return [value.type, len(value.categories)]
        case BaseModel():
            return [type(value).__name__, *([name, _field(name, part, columns)] for name, part in value)]
        case list() | tuple():
            return [_shape(part, columns) for part in value]
        case bool() | int() | Enum():
            return value
        case _ if dataclasses.is_dataclass(value):
            fields = [[field.name, _shape(getattr(value, field.name), columns)] for field in dataclasses.fields(value)]
            return [type(value).__name__, *fields]
        case _:
            return type(value).__name__


def _field(name: str, value: Any, columns: Mapping[str, Column]) -> Any:
    """Return the shape of an expression's field: its operation, what kind of column it reads, how much it lists."""
    if name == "op":
        return value
    if isinstance(value, str):
        return _shape(columns[value], columns) if value in columns else len(value)
    return _shape(value, columns)
