"""Budget amounts as exact integers, and the one byte encoding that is hashed.

Epsilon, Rényi divergences and caps are int64 counts of 1e-12; delta is an int64 count of 1e-18. Whatever is
spent is rounded up, whatever may be spent is rounded down, so rounding never favours the asker.

>>> to_fixed(0.1), from_fixed(100_000_000_000)
(100000000000, 0.1)
>>> canonical({"b": 1, "a": ["x", None]})
b'{"a":["x",null],"b":1}'
"""

import hashlib
import json
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated, Any

from pydantic import Field

EPSILON_UNITS = 10**12
DELTA_UNITS = 10**18
FIXED_MAX = 2**62
"""Saturation: sums of two saturated amounts still fit an int64."""
EPSILON_MAX = 1000.0

Epsilon = Annotated[float, Field(strict=True, gt=0, le=EPSILON_MAX, allow_inf_nan=False)]
"""A stand-alone price: the smallest cap at which a fresh account of the same kind accepts the event alone."""


def to_fixed(epsilon: float, units: int = EPSILON_UNITS) -> int:
    """Return an amount as a whole number of units, rounded down; the decimal that was written is what counts."""
    return int((Decimal(repr(float(epsilon))) * units).to_integral_value(ROUND_FLOOR))


def from_fixed(amount: int, units: int = EPSILON_UNITS) -> float:
    """Return the float nearest to a whole number of units."""
    return float(Decimal(amount) / units)


def exact_text(value: Any) -> Any:
    """Return the value with every float written as its shortest exact decimal text, ready for `canonical`."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {key: exact_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact_text(item) for item in value]
    return value


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_WITHOUT_FLOATS = {int, str, bool, type(None)}


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value: sorted keys, no spaces, UTF-8.

    Raises:
        TypeError: the value holds a float, whose text is not the same everywhere.
    """
    refuse_floats(value)
    return _encode(value).encode()


def refuse_floats(value: Any) -> None:
    """Raise TypeError if a float hides anywhere in the value."""
    if isinstance(value, float):
        raise TypeError("canonical JSON holds no floats: use integers of a unit, or exact_text()")
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"canonical JSON has text keys, got {type(key).__name__}")
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if not _WITHOUT_FLOATS.issuperset(map(type, items)):
        for item in items:
            refuse_floats(item)


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON as 64 hexadecimal characters."""
    return hashlib.sha256(canonical(exact_text(value))).hexdigest()
