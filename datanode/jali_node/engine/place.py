"""A text's place in a public list, as an SQL expression that each engine may say in its own way."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement


class place(FunctionElement[Any]):  # noqa: N801 - it reads as a function
    """A value's place among texts, counted from 1; NULL where it is none of them.

    Args:
        value: the text.
        among: the list, from a card. Never text of SQL: each is a bound parameter.
    """

    name = "place"
    type = sa.Integer()
    inherit_cache = False

    def __init__(self, value: ColumnElement[Any], among: Sequence[str]) -> None:
        self.among = tuple(among)
        super().__init__(value)


@compiles(place)
def _by_comparing(element: place, compiler: SQLCompiler, **options: Any) -> str:
    (value,) = element.clauses
    return compiler.process(sa.case({name: i for i, name in enumerate(element.among, 1)}, value=value), **options)
