"""What a model is shown of a row, and what it learns to predict: on scales that follow from the card alone.

Nothing here is fitted to rows: bounds, categories and numbers of buckets are public, so a transform costs nothing and a
row's features depend on that row alone. A column by its name is shown in its usual way: integers and numbers `Scaled`,
categories `OneHot`, pictures as `Pixels`. A missing value is 0 in every number that it becomes, the middle of its
range (a picture's lowest).
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from jali.wire.base import Request
from jali.wire.dataset import Column, ColumnType, Picture
from jali.wire.layers.base import SIZE_MAX
from jali.wire.statistics.ask import ColumnName

BUCKETS_MAX = 1024
Buckets = Annotated[int, Field(ge=2, le=BUCKETS_MAX, strict=True)]
Missing = Annotated[bool, Field(strict=True)]


class Scaled(Request):
    """An integer or number, clamped to its bounds and laid onto -1 to 1.

    `log` lays the logarithm of 1 plus its height above the lower bound there instead, for values with a long tail;
    `missing` adds a feature that is 1 where there is no value.
    """

    kind: Literal["scaled"] = "scaled"
    column: ColumnName
    log: bool = Field(default=False, strict=True)
    missing: Missing = False

    def describe(self) -> str:
        """Say what is shown; owners read this."""
        shown = f"log of {self.column}" if self.log else self.column
        return f"{shown} and whether it is missing" if self.missing else shown


class OneHot(Request):
    """A category as one feature for each declared one: 1 where it is the row's.

    A missing or undeclared one is all zeros, or with `missing` 1 in a feature of its own.
    """

    kind: Literal["one_hot"] = "one_hot"
    column: ColumnName
    missing: Missing = False

    def describe(self) -> str:
        """Say what is shown; owners read this."""
        return f"{self.column} and whether it is missing" if self.missing else self.column


class Hashed(Request):
    """A category as one of `buckets` features, chosen by a public hash of its name; several may share one."""

    kind: Literal["hashed"] = "hashed"
    column: ColumnName
    buckets: Buckets

    def describe(self) -> str:
        """Say what is shown; owners read this."""
        return f"{self.column} in {self.buckets} buckets"


class Ids(Request):
    """A category or bounded integer as one id for an embedding: 0 where it is missing, else from 1.

    With `buckets`, a category's id is 1 plus its bucket, as in `Hashed`.
    """

    kind: Literal["ids"] = "ids"
    column: ColumnName
    buckets: Buckets | None = None

    def describe(self) -> str:
        """Say what is shown; owners read this."""
        return f"{self.column} as ids" + (f" of {self.buckets} buckets" if self.buckets else "")


class Pixels(Request):
    """A picture as its pixels, from 0 to 1: in the order of (channels, height, width)."""

    kind: Literal["pixels"] = "pixels"
    column: ColumnName

    def describe(self) -> str:
        """Say what is shown; owners read this."""
        return f"the pixels of {self.column}"


Way = Scaled | OneHot | Hashed | Ids | Pixels
"""How a column is shown."""


def _tag(value: Any) -> str:
    if isinstance(value, str):
        return "name"
    return str(value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None))


Feature = Annotated[
    Annotated[ColumnName, Tag("name")]
    | Annotated[Scaled, Tag("scaled")]
    | Annotated[OneHot, Tag("one_hot")]
    | Annotated[Hashed, Tag("hashed")]
    | Annotated[Ids, Tag("ids")]
    | Annotated[Pixels, Tag("pixels")],
    Discriminator(_tag),
]


def column_of(feature: str | Way) -> str:
    """Return the name of the column that a feature shows."""
    return feature if isinstance(feature, str) else feature.column


def described(feature: str | Way) -> str:
    """Say what a feature shows."""
    return feature if isinstance(feature, str) else feature.describe()


def way_of(feature: str | Way, column: Column | Picture) -> Way:
    """Return how a column is shown, by its type where the feature does not say.

    Raises:
        ValueError: it cannot be shown in that way; the message says what is missing.
    """
    name = column.name
    if isinstance(column, Picture):
        if not isinstance(feature, str | Pixels):
            raise ValueError(f"column {name} holds {column.describe()}; they are shown as pixels")
        return Pixels(column=name)
    if isinstance(feature, Pixels):
        raise ValueError(f"column {name} is of type {column.type}; only pictures have pixels")
    if isinstance(feature, str):
        feature = OneHot(column=name) if column.type is ColumnType.CATEGORY else Scaled(column=name)
    numbers = column.type in (ColumnType.INTEGER, ColumnType.NUMBER)
    if isinstance(feature, Scaled) or (isinstance(feature, Ids) and numbers):
        if not numbers:
            raise ValueError(f"column {name} is of type {column.type}; only integers and numbers have a scale")
        if column.bounds is None:
            raise ValueError(f"column {name} has no bounds")
    elif column.type is not ColumnType.CATEGORY:
        raise ValueError(f"column {name} is of type {column.type}; {feature.kind} needs a category")
    if isinstance(feature, Ids):
        if numbers and (column.type is not ColumnType.INTEGER or feature.buckets):
            raise ValueError(
                f"column {name} is of type {column.type}; ids are of categories, or of integers as they are"
            )
        if id_count(feature, column) > SIZE_MAX:
            raise ValueError(f"column {name} has {id_count(feature, column):,} ids, expected at most {SIZE_MAX:,}")
    return feature


def id_count(feature: Ids, column: Column) -> int:
    """Return how many ids there are, that of missing values included: what an embedding needs."""
    if column.bounds is not None:
        return int(column.bounds[1] - column.bounds[0]) + 2
    return 1 + (feature.buckets or len(column.categories))


def names_of(feature: str | Way, column: Column | Picture) -> tuple[str, ...]:
    """Return the numbers that a column becomes, in order.

    >>> names_of(Scaled(column="age", missing=True), Column(name="age", type="integer", lower=0, upper=110))
    ('age', 'age missing')

    Raises:
        ValueError: it cannot be shown in that way.
    """
    way = way_of(feature, column)
    if isinstance(column, Picture):
        channels, height, width = column.shape
        return tuple(
            f"{column.name}[{c},{y},{x}]" for c in range(channels) for y in range(height) for x in range(width)
        )
    match way:
        case OneHot():
            shown = tuple(f"{column.name}={category}" for category in column.categories)
        case Hashed():
            shown = tuple(f"{column.name}#{bucket}" for bucket in range(way.buckets))
        case Ids():
            shown = (f"{column.name} id",)
        case _:
            shown = (column.name,)
    return (*shown, f"{column.name} missing") if isinstance(way, Scaled | OneHot) and way.missing else shown


def feature_names(columns: Iterable[Column]) -> tuple[str, ...]:
    """Return the features that columns become when each is shown in its usual way.

    >>> feature_names([
    ...     Column(name="age", type="integer", lower=0, upper=110),
    ...     Column(name="site", type="category", categories=("north", "south")),
    ... ])
    ('age', 'site=north', 'site=south')

    Raises:
        ValueError: an integer or number column has no public bounds.
    """
    return tuple(name for column in columns for name in names_of(column.name, column))


def feature_count(columns: Iterable[Column]) -> int:
    """Return how many numbers a model is shown of a row: its input's width.

    Raises:
        ValueError: an integer or number column has no public bounds.
    """
    return len(feature_names(columns))


def bucket_of(category: str, buckets: int) -> int:
    """Return a category's bucket, the same everywhere: the first eight bytes of its SHA-256, modulo their number.

    >>> bucket_of("north", 8), bucket_of("south", 8)
    (1, 3)
    """
    return int.from_bytes(hashlib.sha256(category.encode()).digest()[:8], "big") % buckets
