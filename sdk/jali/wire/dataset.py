"""A dataset's card: all that may be known of a table before any budget is spent.

Everything here is declared by the owner from a data dictionary, never read off the rows.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from jali.wire.base import Reply, Request

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.]*$"
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=NAME_PATTERN)]
CATEGORIES_MAX = 1000
PICTURES_MAX, SIDE_MAX, PIXELS_MAX = 20, 1024, 8192
MAX_ROWS_MAX = 10_000
NUMBER_MAX, SPAN_MIN = 1e300, 1e-300
"""Bounds between which no step of the arithmetic on rows can overflow a double."""
INTEGER_MAX = 2**53
"""Bounds stay within the integers that a double holds exactly, on every engine alike."""


def _nothing(value: object) -> bool:
    """Say whether a field is as cards were before it could be said: left away then, so that old digests stay."""
    return value == ()


class ColumnType(StrEnum):
    """A column's declared type. Values that do not fit it count as missing."""

    INTEGER = "integer"
    NUMBER = "number"
    CATEGORY = "category"
    TEXT = "text"
    """Words or identifiers that have no public list: they name entities, and may be counted as distinct."""


class UnitKind(StrEnum):
    """What one privacy unit is: what may be added or removed without anyone noticing."""

    ROW = "row"
    ENTITY = "entity"
    """All rows of one identifier, such as a patient's visits; at most `max_rows` of them are read."""

    @property
    def plural(self) -> str:
        """Several of them, in words."""
        return "rows" if self is UnitKind.ROW else "entities"


class Column(Request):
    """One column's public facts.

    `lower` and `upper` bound integers and numbers: values beyond them are clamped. `categories` are the keys that
    a category column may show: anything else counts as missing. `complete` is the owner's word that no row lacks a
    value; without it an accuracy that depends on how many there are takes a count first.
    """

    name: Annotated[str, Field(min_length=1, max_length=2000)]
    type: ColumnType
    meaning: str = Field(default="", max_length=500)
    unit: str = Field(default="", max_length=50)
    complete: bool = False
    lower: float | None = None
    upper: float | None = None
    categories: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=(), max_length=CATEGORIES_MAX
    )

    @model_validator(mode="after")
    def _bounds_and_categories_fit_the_type(self) -> Self:
        if self.type is ColumnType.CATEGORY:
            if not self.categories:
                raise ValueError(f"column {self.name}: a category column needs categories, got none")
            if len(set(self.categories)) != len(self.categories):
                raise ValueError(f"column {self.name}: categories must differ from each other")
            if self.lower is not None or self.upper is not None:
                raise ValueError(f"column {self.name}: a category column has categories, not bounds")
            return self
        if self.categories:
            raise ValueError(f"column {self.name}: a column of type {self.type} has bounds, not categories")
        if self.type is ColumnType.TEXT and (self.lower is not None or self.upper is not None):
            raise ValueError(f"column {self.name}: a text column has no bounds")
        if (self.lower is None) != (self.upper is None):
            raise ValueError(f"column {self.name}: lower and upper come together")
        if self.lower is not None and self.upper is not None:
            self._check_bounds(self.lower, self.upper)
        return self

    def _check_bounds(self, lower: float, upper: float) -> None:
        if not lower < upper:
            raise ValueError(f"column {self.name}: expected lower < upper, got {lower:g} and {upper:g}")
        if max(abs(lower), abs(upper)) > NUMBER_MAX or upper - lower < SPAN_MIN:
            raise ValueError(
                f"column {self.name}: expected bounds within +-{NUMBER_MAX:g} and at least {SPAN_MIN:g} apart, "
                f"got {lower:g} and {upper:g}"
            )
        if self.type is ColumnType.INTEGER:
            for bound in (lower, upper):
                if not bound.is_integer() or abs(bound) > INTEGER_MAX:
                    raise ValueError(
                        f"column {self.name}: expected whole bounds within +-2^53, got {lower:g} and {upper:g}"
                    )

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lower and upper bound, or None where the owner declared none."""
        if self.lower is None or self.upper is None:
            return None
        return self.lower, self.upper


class Picture(Request):
    """One column of pictures: its public facts. Statistics are not asked of it; models are trained on it.

    Each row's is `height` by `width` pixels, of `channels` 1 (grey) or 3 (red, green, blue). Where it is `encoded`, the
    column holds files: PNG or JPEG, and one of another size is laid onto this one. Else it holds lists of numbers, a
    row of pixels after the other, their channels together, clamped to `lower` and `upper`. What is missing, or cannot
    be read as one, is all zeros.
    """

    name: Annotated[str, Field(min_length=1, max_length=2000)]
    meaning: str = Field(default="", max_length=500)
    height: int = Field(ge=1, le=SIDE_MAX, strict=True)
    width: int = Field(ge=1, le=SIDE_MAX, strict=True)
    channels: Literal[1, 3] = 1
    encoded: bool = Field(default=True, strict=True)
    lower: float = Field(default=0.0, ge=-NUMBER_MAX, le=NUMBER_MAX)
    upper: float = Field(default=255.0, ge=-NUMBER_MAX, le=NUMBER_MAX)

    @model_validator(mode="after")
    def _bounds_are_in_order_and_pixels_few(self) -> Self:
        if self.pixels > PIXELS_MAX:
            raise ValueError(f"picture {self.name}: expected at most {PIXELS_MAX:,} numbers, got {self.pixels:,}")
        if not self.upper - self.lower > SPAN_MIN:
            raise ValueError(f"picture {self.name}: expected lower < upper, got {self.lower:g} and {self.upper:g}")
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width: how a model reads it."""
        return self.channels, self.height, self.width

    @property
    def pixels(self) -> int:
        """How many numbers it is."""
        return self.channels * self.height * self.width

    def describe(self) -> str:
        """Say what it is.

        >>> Picture(name="scan", height=28, width=28).describe()
        'pictures of 28 by 28 grey pixels'
        """
        return f"pictures of {self.width} by {self.height} {'grey' if self.channels == 1 else 'coloured'} pixels"


class Card(Request):
    """What an owner writes to register a table: its population, its columns, and what they mean.

    Where the population's unit is an entity, `entity` names the column that identifies it, and at most `max_rows` rows
    of each entity are read. `rows` is the owner's public figure for the table's size, rounded to two digits when it is
    registered; the population's number of units where it is not given.
    """

    name: Name
    title: str = Field(min_length=1, max_length=200)
    description: str = Field(default="", max_length=4000)
    population: Name
    columns: tuple[Column, ...] = Field(min_length=1, max_length=1000)
    entity: Name | None = None
    max_rows: int | None = Field(default=None, ge=1, le=MAX_ROWS_MAX, strict=True)
    rows: int | None = Field(default=None, ge=1, le=10**12, strict=True)
    pictures: tuple[Picture, ...] = Field(default=(), max_length=PICTURES_MAX, exclude_if=_nothing)

    @model_validator(mode="after")
    def _an_entity_is_a_column_with_a_bound(self) -> Self:
        if (self.entity is None) != (self.max_rows is None):
            raise ValueError("entity and max_rows come together: whose rows they are, and how many of each are read")
        column = next((column for column in self.columns if column.name == self.entity), None)
        if self.entity is not None and (column is None or column.type not in (ColumnType.TEXT, ColumnType.INTEGER)):
            raise ValueError(f"entity: expected a text or integer column of the card, got {self.entity}")
        return self

    @property
    def all_columns(self) -> tuple[Column | Picture, ...]:
        """Columns and pictures."""
        return (*self.columns, *self.pictures)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: set[str] = set()
        for column in self.all_columns:
            if not re.fullmatch(NAME_PATTERN, column.name) or len(column.name) > 63:
                raise ValueError(
                    f"column {column.name[:70]}: expected at most 63 letters, digits, _ and ., no digit first"
                )
            if column.name.lower() in seen:  # SQL engines fold case
                raise ValueError(f"columns: {column.name} is declared twice (case does not count)")
            seen.add(column.name.lower())
        return self


class Visibility(Request):
    """Whether a dataset is hidden from whoever has neither a grant nor an overseeing role."""

    hidden: bool = Field(strict=True)


class PromiseEnd(Reply):
    """Where the privacy promise of a population ended: an output of a code job left, and no epsilon covers that.

    `entry` is the ledger's.
    """

    entry: int
    at: datetime

    def describe(self) -> str:
        """Say it in a sentence."""
        return (
            f"the privacy promise ended at entry {self.entry} of the ledger, on {self.at:%d %B %Y}: an output of a "
            "code job was released, which no epsilon covers"
        )


class Population(Reply):
    """The people or rows that one privacy promise covers.

    `units` is the owner's public figure for how many there are, rounded to two digits. Where the promise is not for all
    time but for windows of so many days, `refresh_days` says so: over k windows k times as much may be learned. Where
    it ended, for all tables about these people, `promise_ended` says at which entry of the ledger.
    """

    id: str
    name: str
    unit: UnitKind
    units: int
    refresh_days: int | None = None
    promise_ended: PromiseEnd | None = None


class Dataset(Reply):
    """A registered dataset, as the catalog shows it. `version` is a random name, not a hash of the rows.

    A `hidden` dataset is shown to whoever has a grant or oversees the node, and to nobody else. `withdrawn_at` is when
    entities were last taken out because they withdrew: answers and models that were released before remain as they are.
    With `code_jobs` functions may be submitted to run over it, each read by a person, and so is what it gives back.
    With `one_job` training jobs run over it one after the other.
    With `timed_release` answers leave at times that rows do not decide; `late` counts those that were not ready then.
    """

    id: str
    version: str
    name: str
    title: str
    description: str
    population: Population
    columns: tuple[Column, ...]
    entity: str | None = None
    max_rows: int | None = None
    rows: int | None = None
    pictures: tuple[Picture, ...] = ()
    timed_release: bool = False
    late: int = 0
    hidden: bool = False
    withdrawn_at: datetime | None = None
    code_jobs: bool = False
    one_job: bool = False
    registered_at: datetime

    @property
    def all_columns(self) -> tuple[Column | Picture, ...]:
        """Columns and pictures."""
        return (*self.columns, *self.pictures)

    @property
    def size(self) -> int:
        """The owner's public figure for the number of rows that are read."""
        return self.rows or self.population.units

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)
