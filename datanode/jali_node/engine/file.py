"""A registered file or folder, and whether it still is what was registered."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jali_node.errors import DatasetChanged, InvalidRequest

SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class File:
    """A registered file, or a folder of them, as it was when it was registered. `sha256` stays on the node.

    A folder's `size` and `mtime_ns` are the sums of its parts', its `sha256` one over their names and contents.
    """

    path: Path
    sha256: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "File":
        """Return a file's or folder's present state."""
        return cls(path, _sha256(path), *_state(path))

    @property
    def parts(self) -> tuple[Path, ...]:
        """The files that it consists of."""
        return parts(self.path)

    def refuse_if_changed(self) -> None:
        """Raise DatasetChanged unless it is the one that was registered.

        The hash is computed anew only when size or time differ. What this finds depends on the owner's hand on the
        file, not on what a row holds.
        """
        changed = DatasetChanged("the dataset's file is not the one that was registered; ask its owner to register it")
        try:
            same = _state(self.path) == (self.size, self.mtime_ns) or _sha256(self.path) == self.sha256
        except OSError as error:
            raise changed from error
        if not same:
            raise changed


def parts(path: Path) -> tuple[Path, ...]:
    """Return a table's files: the file itself, or a folder's CSV or Parquet files at any depth, in the names' order.

    Files that begin with a dot or an underscore are left out: other programs leave their notes under such names.
    """
    if not path.is_dir():
        return (path,)
    return tuple(
        part
        for part in sorted(path.rglob("*"))
        if part.suffix.lower() in SUFFIXES and part.is_file() and part.name[0] not in "._"
    )


def suffix_of(path: Path) -> str:
    """Return the one kind of file that a table consists of.

    Raises:
        InvalidRequest: there is none, or more than one, or a path that an engine would take for a pattern.
    """
    found = parts(path) if path.exists() else ()
    kinds = {part.suffix.lower() for part in found}
    if len(kinds) > 1:
        raise InvalidRequest(
            f"expected one kind of file in the folder, got {' and '.join(sorted(kinds))}", field="table"
        )
    if not kinds or kinds - set(SUFFIXES) or any(set(str(part)) & set("*?[") for part in found):
        raise InvalidRequest(
            f"expected a {' or '.join(SUFFIXES)} file, or a folder of them, without *, ? or [ in its path",
            field="table",
        )
    return kinds.pop()


def _state(path: Path) -> tuple[int, int]:
    states = [part.stat() for part in parts(path)]
    return sum(state.st_size for state in states), sum(state.st_mtime_ns for state in states) % 2**62


def _sha256(path: Path) -> str:
    if not path.is_dir():
        return _content(path)
    return hashlib.sha256("".join(_lines(path, parts(path))).encode()).hexdigest()


def _lines(folder: Path, files: Sequence[Path]) -> list[str]:
    return [f"{_content(file)} {file.relative_to(folder)}\n" for file in files]


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
