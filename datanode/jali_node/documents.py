"""Files that an owner writes: read whole, or refused with the file's name and the place in it."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jali_node.errors import InvalidRequest

MOST_BYTES = 1_048_576


def text(path: Path, field: str, most: int = MOST_BYTES, *, may_be_empty: bool = False) -> str:
    """Return a file's text.

    Args:
        path: the file.
        field: what an error calls it, such as `card`.
        most: bytes; more is not read.
        may_be_empty: whether a file without a word says something.

    Raises:
        InvalidRequest: it is not there, no file, empty, too large, cannot be read, or not UTF-8; `detail` says which.
    """
    try:
        if path.is_dir():
            raise InvalidRequest(f"{path} is a folder, expected a file", field=field)
        with path.open("rb") as file:
            found = file.read(most + 1)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or type(error).__name__}", field=field) from error
    if len(found) > most:
        raise InvalidRequest(f"expected {path} to have at most {most} bytes, got {_size(path, found)}", field=field)
    try:
        read = found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise InvalidRequest(f"{path}, line {line}: this is not UTF-8; save it in that encoding", field=field) from None
    if not read.strip() and not may_be_empty:
        raise InvalidRequest(f"{path} is empty", field=field)
    return read


def toml(path: Path, field: str, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Return a TOML file's tables.

    Raises:
        InvalidRequest: as `text`; or it is not TOML: the line is named.
    """
    try:
        return tomllib.loads(text(path, field, may_be_empty=may_be_empty))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{path} cannot be read as TOML: {_line(error)}", field=field) from error


def complaint(error: ValidationError) -> tuple[str, str]:
    """Return the first wrong field and what is wrong with it, without what was given: it may be a secret.

    Where more is wrong, how much more.
    """
    found = error.errors(include_input=False, include_url=False)
    field = ".".join(map(str, found[0]["loc"]))
    said = found[0]["msg"].removeprefix("Value error, ")
    if found[0]["type"] == "extra_forbidden":
        said = "there is no such field"
    return field, said + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def _size(path: Path, read: bytes) -> str:
    size = path.stat().st_size
    return str(size) if size > len(read) else f"{len(read)} or more"


def _line(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
