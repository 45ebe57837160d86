"""Which rows teach and which measure, by a keyed hash of each row's own content: no other row has a say.

Rows of equal content fall on the same side. The key is fixed for the population and never leaves the node, so nobody
can write a row for one side; a row that is added or removed moves no other one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PURPOSE = b"held-out rows"


def held_out(columns: Sequence[NDArray[Any]], share: float, key: bytes) -> NDArray[np.bool_]:
    """Return which rows are held out: each with a probability of about `share` over the key.

    Args:
        columns: the values of each column that is read, all of one length, as `Warehouse.rows` returns them.
        share: from 0 to 1.
        key: the population's secret.
    """
    content = np.stack([np.asarray(column, dtype=np.float64) + 0.0 for column in columns], axis=1)  # no minus zero
    content[np.isnan(content)] = np.nan  # one of many bit patterns
    limit = min(int(share * 2**64), 2**64)
    seed = hashlib.blake2b(PURPOSE, key=key).digest()
    return np.fromiter(
        (
            int.from_bytes(hashlib.blake2b(row.tobytes(), key=seed, digest_size=8).digest(), "big") < limit
            for row in content
        ),
        dtype=np.bool_,
        count=len(content),
    )


def kept(values: Mapping[str, NDArray[Any]], mask: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Return the rows of a mask."""
    return {name: column[mask] for name, column in values.items()}
