"""What engines say in different words, as SQLAlchemy constructs: the same integers come out of each."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement


class is_nan(FunctionElement[Any]):  # noqa: N801 - it reads as a function
    """Whether a double is not a number."""

    name = "is_nan"
    type = sa.Boolean()
    inherit_cache = True


@compiles(is_nan)
def _is_nan(element: is_nan, compiler: SQLCompiler, **options: Any) -> str:
    return f"isnan({compiler.process(element.clauses, **options)})"


@compiles(is_nan, "postgresql")
def _equals_nan(element: is_nan, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} = 'NaN'::double precision)"


class whole_sum(FunctionElement[Any]):  # noqa: N801 - it reads as a function
    """The sum of bigints, which cannot overflow."""

    name = "whole_sum"
    type = sa.Numeric()
    inherit_cache = True


@compiles(whole_sum)
def _sum(element: whole_sum, compiler: SQLCompiler, **options: Any) -> str:
    return f"sum({compiler.process(element.clauses, **options)})"


@compiles(whole_sum, "spark")
def _sum_of_decimals(element: whole_sum, compiler: SQLCompiler, **options: Any) -> str:
    return f"sum(CAST({compiler.process(element.clauses, **options)} AS DECIMAL(38, 0)))"


class flushed(FunctionElement[Any]):  # noqa: N801 - it reads as a function
    """A double of 0 or more, 0 where it is below `least`: PostgreSQL refuses products that are too small for a double.

    What is flushed must be too small to change any integer that is made of it, so that other engines may leave it.
    """

    name = "flushed"
    type = sa.Double()
    inherit_cache = False

    def __init__(self, value: ColumnElement[Any], least: float) -> None:
        self.least = least
        super().__init__(value)


@compiles(flushed)
def _as_it_is(element: flushed, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(flushed, "postgresql")
def _zero_where_tiny(element: flushed, compiler: SQLCompiler, **options: Any) -> str:
    (value,) = element.clauses
    zero = sa.cast(0.0, sa.Double)
    return str(compiler.process(sa.case((value < element.least, zero), else_=value), **options))
