"""A pack as a file that may come from an enemy: read in bounds, in memory, and nothing of it is ever written.

Names are compared and never opened as paths. Sizes are those that the archive's own directory states; the zip module
reads no more than it states, so that their sum bounds the work.
"""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jali.wire.evidence import MANIFEST, NAME, SIGNATURE

FILES_MAX = 50
TOTAL_MAX = 2 << 30
RATIO_MAX, SMALL = 200, 1 << 20
"""What is not small does not shrink by more than this: digests and JSON do not, zeros do."""
LINE_MAX = 64 << 20
CHUNK = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


class Departs(Exception):
    """The first thing that is not as it should be: where, and how."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.where = where
        self.reason = reason


class Archive:
    """A pack's files, by name. Close it, or use it as a context.

    Args:
        path: where it lies.

    Raises:
        Departs: it is no zip, or one that no node makes.
    """

    def __init__(self, path: Path) -> None:
        with _as_departure(path.name):
            self._zip = zipfile.ZipFile(path)
        try:
            self._infos = _checked(self._zip.infolist())
        except Departs:
            self._zip.close()
            raise

    @property
    def names(self) -> tuple[str, ...]:
        """What the archive holds, in order."""
        return tuple(self._infos)

    def measured(self, name: str) -> tuple[str, int]:
        """Return a file's SHA-256 and its size."""
        told, size = hashlib.sha256(), 0
        with _as_departure(name), self._zip.open(self._infos[name]) as file:
            while part := file.read(CHUNK):
                told.update(part)
                size += len(part)
        return told.hexdigest(), size

    def content(self, name: str, most: int = LINE_MAX) -> bytes:
        """Return a file that is to be read at once."""
        with _as_departure(name), self._zip.open(self._infos[name]) as file:
            found = file.read(most + 1)
        if len(found) > most:
            raise Departs(name, f"expected at most {most} bytes, it is longer")
        return found

    def lines(self, name: str) -> Iterator[bytes]:
        """Return a file's lines one by one."""
        with _as_departure(name), self._zip.open(self._infos[name]) as file:
            while line := file.readline(LINE_MAX + 1):
                if len(line) > LINE_MAX:
                    raise Departs(name, f"expected lines of at most {LINE_MAX} bytes, one is longer")
                yield line

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _checked(infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Return an archive's directory by name, if it is one that a node could have made."""
    if len(infos) > FILES_MAX:
        raise Departs("", f"expected at most {FILES_MAX} files, got {len(infos)}")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.orig_filename
        if name not in (MANIFEST, SIGNATURE) and not re.fullmatch(NAME, name):
            raise Departs(repr(name[:80]), "no file of a pack has such a name; nothing was unpacked")
        if name in found:
            raise Departs(name, "it is there twice")
        if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
            raise Departs(name, "it is encrypted, or compressed in a way that no pack is")
        if info.file_size > SMALL and info.file_size > RATIO_MAX * max(info.compress_size, 1):
            raise Departs(name, f"it claims to grow from {info.compress_size} to {info.file_size} bytes; not unpacked")
        found[name] = info
    total = sum(info.file_size for info in infos)
    if total > TOTAL_MAX:
        raise Departs("", f"expected at most {TOTAL_MAX} bytes in all, it claims {total}; nothing was unpacked")
    return found


@contextmanager
def _as_departure(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as failure:
        said = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
        raise Departs(name, f"it cannot be read: {said}") from failure
