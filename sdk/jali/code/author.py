"""A function as its author has it becomes text that stands on its own, and is tried on mock rows, on this machine."""

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from jali import errors
from jali.eda.facts import Facts, built
from jali.running.call import called
from jali.running.encode import decoded
from jali.wire.jobs.code import TRIED_MAX, TryOut
from jali.wire.output import Failure, Sealed, shape_of
from jali.wire.source import PACKAGES, Function, SourceRefused, read

Code = Callable[..., Any] | str | Path


@dataclass(frozen=True)
class Source:
    """A function's text, and where its first line stands in the author's own file."""

    text: str
    file: str
    first: int

    def where(self, line: int) -> str:
        """Say where a line of the text is."""
        return f"{self.file}, line {line + self.first - 1}"


@dataclass(frozen=True)
class Tried:
    """A function that was tried: its text, what it takes, and what it gave on mock rows."""

    source: Source
    function: Function
    output: Any
    form: TryOut


def tried(facts: Facts, fn: Code, columns: Sequence[str], params: Mapping[str, Any], mock: pd.DataFrame) -> Tried:
    """Run a function on mock rows, here, as the node would run it on the others.

    Args:
        facts: the dataset's public facts.
        fn: the function; or its text; or a file that holds it and nothing else.
        columns: what it is given, in this order.
        params: what it is called with besides.
        mock: made-up rows; only `columns` of them are shown to it.

    Raises:
        NotTransportable: it does not stand on its own; the file and the line are named.
        UnknownColumn, InvalidRequest: a column or parameter does not fit; or it failed on mock rows, and the line is
            named.
    """
    for name in columns:
        facts.column(name)
    source = source_of(fn)
    function = checked(source)
    if said := function.misfit(set(params)):
        raise errors.InvalidRequest(f"params: {said}", field="params")
    frame = mock[list(columns)].copy()
    found = called(source.text, function.name, frame, dict(params))
    if isinstance(found, Failure):
        place = source.where(found.line) if found.line else source.file
        raise errors.InvalidRequest(
            f"{function.name} fails on mock rows ({place}): {found.type}: {found.message}", field="fn"
        )
    output = decoded(found)
    form = built(
        TryOut,
        rows=len(frame),
        mock=str(mock.attrs.get("jali", "rows that the author made up"))[:200],
        shape=shape_of(found),
        output=_shown(output)[:TRIED_MAX],
        digest=Sealed(output=found).digest,
        packages={name: metadata.version(PACKAGES[name]) for name in function.packages},
    )
    return Tried(source, function, output, form)


def source_of(fn: Code) -> Source:
    """Return a function's text.

    Raises:
        NotTransportable: it is not known.
    """
    if isinstance(fn, Path) or (isinstance(fn, str) and fn.endswith(".py") and "\n" not in fn):
        return _whole(Path(fn).read_text(encoding="utf-8"), Path(fn).name)
    if isinstance(fn, str):
        return _whole(textwrap.dedent(fn), "the text")
    name = getattr(fn, "__name__", type(fn).__name__)
    if not inspect.isfunction(fn) or name == "<lambda>":
        raise errors.NotTransportable(
            f"expected a plain function `def name(df, ...)`, got {name}: write one, with everything it needs inside"
        )
    try:
        lines, first = inspect.getsourcelines(fn)
        file = Path(inspect.getsourcefile(fn) or "").name or "its file"
    except (OSError, TypeError):
        raise errors.NotTransportable(
            f"the source of {name} is not known: define it in a file or a notebook's cell, or give its text"
        ) from None
    return Source(textwrap.dedent("".join(lines)).rstrip() + "\n", file, max(first, 1))


def _whole(text: str, file: str) -> Source:
    """Return a text without the empty lines and comments above its function."""
    lines = text.splitlines(keepends=True)
    above = next((place for place, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    return Source("".join(lines[above:]), file, above + 1)


def checked(source: Source) -> Function:
    """Return what a function takes.

    Raises:
        NotTransportable: it does not stand on its own.
    """
    try:
        return read(source.text)
    except SourceRefused as refused:
        raise errors.NotTransportable(f"{source.where(refused.line)}: {refused.said}", field="fn") from None


def _shown(output: Any) -> str:
    if isinstance(output, pd.DataFrame | pd.Series):
        return output.head(30).to_string()
    return repr(output)
