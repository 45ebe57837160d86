"""Which units teach and which measure, by a keyed hash of each one's own content: no other unit has a say.

Where a unit is an entity of several rows, its identifier is hashed, so all its rows fall on the same side.

Rows of equal content fall on the same side. The key is fixed for the population and never leaves the node, so nobody
can write a row for one side; a row that is added or removed moves no other one.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PURPOSE = b"held-out rows"
PURPOSE_OF_ENTITIES = b"held-out entities"


def held_out(columns: Sequence[NDArray[Any]], share: float, key: bytes) -> NDArray[np.bool_]:
    """Return which rows are held out: each with a probability of about `share` over the key.

    Args:
        columns: the values of each column that is read, all of one length, as `Warehouse.rows` returns them.
        share: from 0 to 1.
        key: the population's secret.
    """
    content = np.stack([_numbers(column) + 0.0 for column in columns], axis=1)  # no minus zero
    content[np.isnan(content)] = np.nan  # one of many bit patterns
    return _chosen((row.tobytes() for row in content), len(content), share, hashlib.blake2b(PURPOSE, key=key).digest())


def _numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    """Return a column's values, and of pictures a number that goes by their content."""
    if column.dtype.kind != "O":
        return np.asarray(column, dtype=np.float64)
    return np.array([np.nan if value is None else _number(value) for value in column], dtype=np.float64)


def _number(picture: Any) -> float:
    content = picture if isinstance(picture, bytes | bytearray) else np.ma.filled(picture, np.nan).tobytes()
    return float(int.from_bytes(hashlib.blake2b(content, digest_size=6).digest(), "big"))


def held_out_entities(names: Sequence[str], share: float, key: bytes) -> NDArray[np.bool_]:
    """Return which entities are held out, with all their rows: each with a probability of about `share` over the key.

    Args:
        names: the entities' identifiers.
        share: from 0 to 1.
        key: the population's secret.
    """
    seed = hashlib.blake2b(PURPOSE_OF_ENTITIES, key=key).digest()
    return _chosen((name.encode() for name in names), len(names), share, seed)


def numbered(names: NDArray[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Return each row's entity as a number from 0, and the identifiers that these stand for.

    Args:
        names: each row's identifier, none missing.
    """
    numbers: dict[str, int] = {}
    unit = np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), dtype=np.int64, count=len(names))
    return unit, list(numbers)


def _chosen(contents: Iterable[bytes], count: int, share: float, seed: bytes) -> NDArray[np.bool_]:
    limit = min(int(share * 2**64), 2**64)
    return np.fromiter(
        (
            int.from_bytes(hashlib.blake2b(content, key=seed, digest_size=8).digest(), "big") < limit
            for content in contents
        ),
        dtype=np.bool_,
        count=count,
    )


def kept(values: Mapping[str, NDArray[Any]], mask: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Return the rows of a mask."""
    return {name: column[mask] for name, column in values.items()}
