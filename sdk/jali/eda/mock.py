"""Made-up rows of a dataset's form: from its public facts, from its owner's file, or drawn from a release."""

import struct
import zlib
from typing import Any

import numpy as np
import pandas as pd

from jali.wire.dataset import Column, ColumnType, Dataset, Picture
from jali.wire.mock import MockRows

LABEL = "mock rows from public facts: no row of the data looks like these except by chance"
WORDS = 20
"""So many different words stand in for a column of text."""


def from_card(card: Dataset, n: int, draw: np.random.Generator) -> pd.DataFrame:
    """Return rows whose values are uniform within the public bounds or categories, each column by itself.

    Identifiers of entities are drawn so that none has more rows than are read of it.
    """
    made = {column.name: _column(card, column, n, draw) for column in card.columns}
    frame = pd.DataFrame(made | {picture.name: _pictures(picture, n, draw) for picture in card.pictures})
    frame.attrs["jali"] = LABEL
    return frame


def from_node(card: Dataset, rows: MockRows, n: int) -> pd.DataFrame:
    """Return the first rows that the node hands out, with the types that `from_card` gives."""
    known = {column.name: column for column in card.columns}
    frame = pd.DataFrame(
        {name: _typed(known[name], cells[:n]) for name, cells in rows.columns.items() if name in known}
    )
    frame.attrs["jali"] = rows.label
    return frame


def _typed(column: Column, cells: tuple[Any, ...]) -> "pd.Series[Any]":
    if column.type is ColumnType.CATEGORY:
        return pd.Series(pd.Categorical(cells, categories=pd.Index(column.categories)))
    if column.type is ColumnType.TEXT:
        return pd.Series(cells, dtype=str)
    whole = column.type is ColumnType.INTEGER and None not in cells
    return pd.Series(cells, dtype=np.int64 if whole else np.float64)


def _column(card: Dataset, column: Column, n: int, draw: np.random.Generator) -> "pd.Series[Any]":
    """Return one column's made-up values."""
    if column.name == card.entity:
        return _identifiers(column, n, card.max_rows or 1, draw)
    if column.type is ColumnType.CATEGORY:
        codes = draw.integers(len(column.categories), size=n)
        return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(column.categories)))
    if column.type is ColumnType.TEXT:
        return pd.Series(
            [f"{column.name} {number}" for number in draw.integers(1, WORDS, size=n, endpoint=True)], dtype=str
        )
    if column.bounds is None:
        return pd.Series(np.full(n, np.nan))
    lower, upper = column.bounds
    if column.type is ColumnType.INTEGER:
        return pd.Series(draw.integers(int(lower), int(upper), size=n, endpoint=True))
    return pd.Series(draw.uniform(lower, upper, size=n))


def _pictures(picture: Picture, n: int, draw: np.random.Generator) -> "pd.Series[Any]":
    """Return pictures of noise, in the form in which the column holds them."""
    channels, height, width = picture.shape
    if not picture.encoded:
        lists = draw.uniform(picture.lower, picture.upper, (n, picture.pixels)).round(3)
        return pd.Series(lists.tolist(), dtype=object)
    pixels = draw.integers(0, 256, (n, height, width * channels), dtype=np.uint8)
    return pd.Series([_png(one, width, 2 if channels == 3 else 0) for one in pixels], dtype=object)


def _png(pixels: np.typing.NDArray[np.uint8], width: int, colour: int) -> bytes:
    """Return a PNG file (ISO/IEC 15948), each row of pixels without a filter."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, len(pixels), 8, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _identifiers(column: Column, n: int, max_rows: int, draw: np.random.Generator) -> "pd.Series[Any]":
    """Return whose row each is: at most `max_rows` of anyone, on average half as many."""
    persons = -(-2 * n // max_rows)
    numbers = draw.permutation(np.repeat(np.arange(1, persons + 1), max_rows))[:n]
    if column.type is ColumnType.INTEGER:
        return pd.Series(numbers + int(column.lower or 0))
    return pd.Series([f"{column.name} {number}" for number in numbers], dtype=str)
