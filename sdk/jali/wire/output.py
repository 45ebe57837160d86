"""What a code job gives back, in one canonical form: a table, a JSON value, or how it failed. Never a pickle.

Whoever reads it parses it strictly: it was written in a process that foreign code has run in.
"""

import hashlib
import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from jali.wire.base import Request
from jali.wire.money import digest

DEPTH_MAX = 8
COLUMNS_MAX = 500
OUTPUT_MAX = 4_000_000
"""Bytes that an output has at most, whatever its job allows."""

Text = Annotated[str, Field(max_length=10_000)]
Name = Annotated[str, Field(max_length=200)]
Cell = Text | bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | float | None


class OutputColumn(Request):
    """One column: its name, and what each row has there; null where it has nothing."""

    name: Name
    type: Literal["integer", "number", "boolean", "text"]
    cells: tuple[Cell, ...]

    @model_validator(mode="after")
    def _cells_are_of_one_type(self) -> Self:
        kinds = {"integer": (int,), "number": (int, float), "boolean": (bool,), "text": (str,)}[self.type]
        for cell in self.cells:
            fits = isinstance(cell, bool) if self.type == "boolean" else not isinstance(cell, bool)
            if cell is not None and not (fits and isinstance(cell, kinds)):
                raise ValueError(f"a column of type {self.type} holds something else")
        return self


class Frame(Request):
    """A table, or a `series` of one; the first `index` columns were its index."""

    kind: Literal["frame"] = "frame"
    columns: tuple[OutputColumn, ...] = Field(max_length=COLUMNS_MAX)
    index: int = Field(default=0, ge=0, le=COLUMNS_MAX)
    series: bool = False

    @model_validator(mode="after")
    def _columns_are_of_one_length(self) -> Self:
        if len({len(column.cells) for column in self.columns}) > 1 or self.index > len(self.columns):
            raise ValueError("expected columns of one length, and no more of an index than there are")
        if self.series and len(self.columns) != self.index + 1:
            raise ValueError("expected one column of a series")
        return self

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.columns[0].cells) if self.columns else 0


class Value(Request):
    """Anything that JSON says: a number, a text, a list, an object."""

    kind: Literal["value"] = "value"
    value: JsonValue

    @model_validator(mode="after")
    def _is_finite_and_flat_enough(self) -> Self:
        refuse_deep(self.value)
        return self


class Failure(Request):
    """How it failed: the exception's type, the function's line, and its message, which may hold what a row does."""

    kind: Literal["failure"] = "failure"
    type: Name
    line: int | None = Field(default=None, ge=0, le=1_000_000)
    message: Annotated[str, Field(max_length=2000)] = ""


Output = Annotated[Frame | Value | Failure, Field(discriminator="kind")]


class Sealed(Request):
    """An output by itself, as it is parsed and stored."""

    output: Output

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Return what bytes of anybody say.

        Raises:
            ValueError: they are no output, or too long; the message names nothing of them.
        """
        if len(text) > OUTPUT_MAX:
            raise ValueError(f"expected at most {OUTPUT_MAX} bytes")
        return cls.model_validate_json(text, strict=True)

    @property
    def content(self) -> str:
        """The canonical text: what is stored, released and hashed. How it was written cannot say anything more."""
        return self.model_dump_json()

    @property
    def digest(self) -> str:
        """The SHA-256 of that."""
        return hashlib.sha256(self.content.encode()).hexdigest()


def seal_of(job: str, content: str, salt: str) -> str:
    """Return what binds an output before anybody has read it; without the salt it tells nothing of it.

    Args:
        job: the digest that its job was approved under.
        content: the output's digest.
        salt: random, kept with the output, and told once it is released.
    """
    return digest({"jali": "output", "job": job, "output": content, "salt": salt})


def shape_of(output: Frame | Value | Failure) -> str:
    """Say in a few words what it is.

    >>> shape_of(Value(value={"a": 1, "b": 2}))
    'an object of 2 entries'
    """
    match output:
        case Frame():
            kind = "a series" if output.series else "a table"
            return f"{kind} of {output.rows:,} rows and {len(output.columns) - output.index} columns"
        case Failure():
            return "a failure"
    value = output.value
    if isinstance(value, dict):
        return f"an object of {len(value):,} entries"
    if isinstance(value, list):
        return f"a list of {len(value):,} items"
    return f"a text of {len(value):,} characters" if isinstance(value, str) else "one value"


def refuse_deep(value: Any, left: int = DEPTH_MAX) -> None:
    """Refuse values that are nested too deeply, or that JSON has no word for.

    Raises:
        ValueError: so it is.
    """
    if left < 0:
        raise ValueError(f"expected values nested at most {DEPTH_MAX} deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("expected finite numbers")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            refuse_deep(each, left - 1)
