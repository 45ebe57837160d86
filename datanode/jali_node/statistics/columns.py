"""Finding a question's columns on the card, or saying why they will not do."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

from jali.wire.dataset import Column, ColumnType, Picture
from jali_node.errors import BoundsUnknown, UnknownColumn, WrongColumnType

Columns = Mapping[str, Column]


Facts = TypeVar("Facts", bound=Column | Picture)


def named(columns: Mapping[str, Facts], name: str, field: str) -> Facts:
    """Return the column, or raise UnknownColumn with the nearest name."""
    if name in columns:
        return columns[name]
    near = difflib.get_close_matches(name, columns, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UnknownColumn(f"the dataset has no column of that name{hint}", field=field)


def bounded(columns: Columns, name: str, field: str) -> Column:
    """Return an integer or number column with public bounds.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown: it will not do; the field is named.
    """
    column = named(columns, name, field)
    if column.type is ColumnType.CATEGORY:
        raise WrongColumnType(
            f"column {name} is a category; this needs an integer or a number. Try value_counts", field=field
        )
    if column.type is ColumnType.TEXT:
        raise WrongColumnType(f"column {name} is text; this needs an integer or a number. Try distinct", field=field)
    if column.bounds is None:
        raise BoundsUnknown(f"column {name} has no public bounds; ask its owner to declare them", field=field)
    return column


def categorical(columns: Columns, name: str, field: str) -> Column:
    """Return a category column.

    Raises:
        UnknownColumn, WrongColumnType: it will not do; the field is named.
    """
    column = named(columns, name, field)
    if column.type is not ColumnType.CATEGORY:
        raise WrongColumnType(f"column {name} is of type {column.type}; this needs a category", field=field)
    return column
