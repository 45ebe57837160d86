"""A function over rows, in a cell of its own: packed here, run there, and its output read as an enemy's.

The cell must be without network and files, and makes sure of it before it reads the function or a row;
there is no setting for less.
"""

import importlib.metadata
import json
import platform
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jali.wire.dataset import Column, ColumnType
from jali.wire.jobs.code import CodeForm, CodeLimits
from jali.wire.output import Failure, Frame, Sealed, Value
from jali.wire.source import PACKAGES
from jali_node.sandbox import cell, message, walls
from jali_node.sandbox.cell import SandboxFailed
from jali_node.sandbox.limits import Limits

CHILD = ("-m", "jali_node.sandbox.code_child")
TIER = walls.NO_FILES
"""What a code job needs at least."""
KILLED = "Killed"
ENVELOPE = 1000
"""Bytes around an output that its limit does not count."""


def installed() -> dict[str, str]:
    """Return the packages that functions may import here, with their versions, and Python's own."""
    found = {"python": platform.python_version()}
    for name, distribution in PACKAGES.items():
        try:
            found[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Ran:
    """What came out: an output, or how the function or its process failed."""

    output: Frame | Value | Failure


def run(
    form: CodeForm, columns: Sequence[Column], rows: Mapping[str, NDArray[Any]], stop: threading.Event | None = None
) -> Ran:
    """Run a job's function in a process of its own and return its output, parsed strictly; it never raises for rows.

    Args:
        form: the job.
        columns: what the function is given, in order.
        rows: for each of them, as `Warehouse.frame` returns them.
        stop: ends it when it is set.
    """
    most = form.limits.output_bytes
    program = (*CHILD, str(TIER), ",".join(form.function.packages))
    try:
        finished = cell.run(task(form, columns, rows), _limits(form.limits), most + ENVELOPE, program, stop)
    except SandboxFailed as failed:
        return Ran(Failure(type=KILLED, message=f"{failed}: it ran out of time, memory or output, or broke the reply"))
    try:
        output = Sealed.read(finished.reply).output
    except (ValueError, RecursionError):
        return Ran(Failure(type=KILLED, message="it wrote something else than an output"))
    if len(Sealed(output=output).content.encode()) > most + ENVELOPE and not isinstance(output, Failure):
        return Ran(Failure(type=KILLED, message=f"its output is larger than {most:,} bytes"))
    return Ran(output)


def task(form: CodeForm, columns: Sequence[Column], rows: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the message for a run: what to do, and the rows column by column."""
    parts, described = [], []
    for column in columns:
        data = _packed(column, rows[column.name])
        parts.append(data)
        described.append(
            {
                "name": column.name,
                "type": column.type.value,
                "categories": list(column.categories),
                "bytes": len(data),
            }
        )
    header = {"source": form.source, "name": form.function.name, "params": form.params, "columns": described}
    return message.packed([json.dumps(header).encode(), b"".join(parts)])


def _packed(column: Column, values: NDArray[Any]) -> bytes:
    if column.type is ColumnType.TEXT:
        return json.dumps([None if value is None else str(value) for value in values.tolist()]).encode()
    if column.type is ColumnType.CATEGORY:
        return np.ascontiguousarray(values, dtype=np.int64).tobytes()
    return np.ascontiguousarray(values, dtype=np.float64).tobytes()


def _limits(limits: CodeLimits) -> Limits:
    return Limits(
        wall_s=float(limits.wall_s), cpu_s=limits.wall_s, memory_bytes=limits.memory_mb * 2**20, open_files=16
    )
