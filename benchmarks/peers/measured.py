"""What every side of the comparison does alike: read the task, answer it, and say what that took.

A task is a JSON file: the table, its public facts, the budget, how many answers. The reply is one line of JSON. Only
the answers are measured, reading the table included, imports not: a server or a notebook has them behind it.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Task = dict[str, Any]
Answer = dict[str, Any]


def run(
    answer: Callable[[Task, int], Answer], packages: tuple[str, ...], prepare: Callable[[Task], None] | None = None
) -> None:
    """Answer the task named on the command line, and print the reply. What `prepare` does is not measured."""
    task: Task = json.loads(Path(sys.argv[1]).read_text())
    if prepare:
        prepare(task)
    cpu, wall = time.process_time(), time.perf_counter()
    answers = [answer(task, number) for number in range(task["repeats"])]
    reply = {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "peak_mb": peak_mb(),
        "versions": {name: version(name) for name in packages},
        "answers": answers,
    }
    print(json.dumps(reply))


def peak_mb() -> float:
    """Return the most memory this process has held, in units of 10^6 bytes.

    The kernel's mark of this very program: `ru_maxrss` also remembers the parent from before the start.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("this benchmark reads peak memory from Linux's /proc")


def bins_sql(column: str, bounds: list[float], bins: int) -> str:
    """Return SQL for the number of a value's bin, for peers that are given SQL."""
    lower, upper = bounds
    return f"least({bins - 1}, greatest(0, cast(floor(({column} - {lower}) * {bins / (upper - lower)!r}) as integer)))"
