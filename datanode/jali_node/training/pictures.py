"""Pictures become numbers from 0 to 1: each row's from that row and the card alone.

Files are decoded in the sandbox alone, since decoders are what a hostile file attacks; `Encoded` is how they get there.
Whatever cannot be read as a picture becomes zeros: its row stays, and no other row's numbers change with it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jali.wire.dataset import Picture

FORMATS = ("PNG", "JPEG")
SIDE_MAX = 8192
FILE_MAX = 2**24
"""A file of more bytes, or with a longer side, is not opened: a small file can hold a huge picture."""


@dataclass(frozen=True)
class Encoded:
    """The files of one column, one after the other.

    Attributes:
        at: how many features come before its pixels.
        shape: channels, height and width.
        ends: shape (rows,): where each row's file ends; one that is missing has no bytes.
        files: all bytes.
    """

    at: int
    shape: tuple[int, int, int]
    ends: NDArray[np.int64]
    files: NDArray[np.uint8]


def encoded(picture: Picture, values: Sequence[Any], at: int) -> Encoded:
    """Return a column's files as they go into the sandbox, unread. Those that are too large count as missing."""
    files = [value if isinstance(value, bytes | bytearray) and len(value) <= FILE_MAX else b"" for value in values]
    ends = np.cumsum([len(file) for file in files], dtype=np.int64)
    return Encoded(at, picture.shape, ends, np.frombuffer(b"".join(files), np.uint8))


def laid_out(picture: Picture, values: Sequence[Any]) -> NDArray[np.float32]:
    """Return lists of numbers, a pixel's channels together, as features, shape (rows, pixels): channel by channel."""
    channels, height, width = picture.shape
    found = np.zeros((len(values), picture.pixels), np.float32)
    for place, value in enumerate(values):
        if value is None or len(value) != picture.pixels:
            continue
        given = np.ma.filled(np.ma.asarray(value, dtype=np.float64), np.nan)
        share = (np.clip(given, picture.lower, picture.upper) - picture.lower) / (picture.upper - picture.lower)
        pixels = np.nan_to_num(share, nan=0.0).reshape(height, width, channels)
        found[place] = pixels.transpose(2, 0, 1).reshape(-1)
    return found


def decoded(column: Encoded) -> NDArray[np.float32]:
    """Return files' pixels, shape (rows, pixels). For the sandbox alone."""
    channels, height, width = column.shape
    found = np.zeros((len(column.ends), channels * height * width), np.float32)
    begin = 0
    for place, end in enumerate(column.ends.tolist()):
        found[place] = pixels(column.files[begin:end].tobytes(), column.shape)
        begin = end
    return found


def pixels(file: bytes, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return one file's pixels from 0 to 1, flat: channel by channel; zeros where it is not a picture."""
    from PIL import Image

    channels, height, width = shape
    nothing = np.zeros(channels * height * width, np.float32)
    if not file:
        return nothing
    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as picture:
            if max(picture.size) > SIDE_MAX:
                return nothing
            shown = picture.convert("L" if channels == 1 else "RGB")
            if shown.size != (width, height):
                shown = shown.resize((width, height), Image.Resampling.BILINEAR)
            array = np.asarray(shown, dtype=np.float32).reshape(height, width, channels)
    except Exception:  # decoders raise whatever they like over a spoiled file
        return nothing
    return array.transpose(2, 0, 1).reshape(-1) / np.float32(255)


def warm_up() -> None:
    """Decode a picture of each kind, so that what a decoder loads at first use is loaded."""
    from PIL import Image

    for kind, mode in (("PNG", "RGB"), ("JPEG", "RGB"), ("PNG", "P"), ("JPEG", "L")):
        file = io.BytesIO()
        Image.new(mode, (4, 4)).save(file, kind)
        for shape in ((1, 2, 2), (3, 4, 4)):
            pixels(file.getvalue(), shape)
