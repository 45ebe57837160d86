"""A node behind real HTTP: what a mean takes there over its aggregate alone, and a repeated question over a bare route.

Servers are processes of their own, on one machine with the client; requests to both sides of a ratio take turns.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import house
from jali.wire.dataset import Card
from jali.wire.statistics import Mean
from jali_node.engine.file import File
from jali_node.engine.warehouse import Snapshot, Warehouse
from jali_node.ledger.terms import terms_for
from jali_node.settings import PREFIX
from jali_node.statistics.plan import plan

ROOT = Path(__file__).resolve().parents[1]
CAP = 500.0
BLOCK = 20


def mean_over_aggregate(task: dict[str, Any], timed: bool, times: int) -> tuple[float, float]:
    """Return the median seconds of a new mean through HTTP and ledger, and of its aggregate alone."""
    column = next(iter(task["numbers"]))
    with tempfile.TemporaryDirectory() as folder:
        key = house.furnish(Path(folder) / "node", {**task, "delta": min(task["delta"], 1e-7)}, CAP)
        prices = iter([0.5 + 0.01 * i for i in range(times + 1)])  # each larger than before: never a repetition
        warehouse = Warehouse(Path(folder) / "alone", "2GB", task["threads"])
        snapshot = Snapshot("alone", File.of(Path(task["table"])), Card.model_validate(house.card(task)).columns)
        tallies = plan(Mean(column=column), snapshot.columns, 1.0, terms_for(10**12, 10**11)).tallies
        with _node(Path(key["folder"]), timed, task["threads"]) as connection:
            measured = _in_turns(
                (
                    lambda: _ask(connection, key, {"kind": "mean", "column": column}, next(prices)),
                    lambda: warehouse.tallies(snapshot, tallies),
                ),
                times,
                block=1,
            )
        warehouse.close()
    return measured


def repeated_over_bare_route(task: dict[str, Any], times: int) -> tuple[float, float]:
    """Return the median seconds of a question asked before, and of a bare route that reads one row."""
    statistic = {"kind": "mean", "column": next(iter(task["numbers"]))}
    with tempfile.TemporaryDirectory() as folder:
        key = house.furnish(Path(folder) / "node", task, 5.0)
        with _node(Path(key["folder"]), False, task["threads"]) as node, _bare(Path(folder) / "rows.db") as bare:
            assert not _ask(node, key, statistic, 0.5)["repeated"]
            assert _ask(node, key, statistic, 0.5)["repeated"]
            return _in_turns(
                (lambda: _ask(node, key, statistic, 0.5), lambda: _request(bare, "GET", "/rows/1")), times, BLOCK
            )


def _in_turns(sides: tuple[Callable[[], object], Callable[[], object]], times: int, block: int) -> tuple[float, float]:
    taken: tuple[list[float], list[float]] = ([], [])
    for side in sides:
        side()  # the first of each is not counted
    for _ in range(0, times, block):
        for side, seconds in zip(sides, taken, strict=True):
            for _ in range(block):
                start = time.perf_counter()
                side()
                seconds.append(time.perf_counter() - start)
    return median(taken[0]), median(taken[1])


def _ask(connection: HTTPConnection, key: dict[str, str], statistic: dict[str, str], epsilon: float) -> dict[str, Any]:
    body = {"dataset": key["dataset"], "project": key["project"], "statistic": statistic, "epsilon": epsilon}
    return _request(connection, "POST", "/v1/queries", body, key["token"])


def _request(
    connection: HTTPConnection, method: str, path: str, body: object = None, token: str | None = None
) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request(method, path, json.dumps(body) if body else None, headers)
    reply = connection.getresponse()
    content = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{path}: expected status 200, got {reply.status}: {content[:300]!r}")
    found: dict[str, Any] = json.loads(content)
    return found


@contextmanager
def served_node(folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """Serve a node under these settings, and give its address."""
    run = "from jali.commands import main; main()"
    command = [sys.executable, "-c", run, "node", "serve", "--folder", str(folder), "--port", "0", "--stop-with-parent"]
    unlimited = {f"{PREFIX}REQUESTS_PER_S": "100000", f"{PREFIX}REQUESTS_AT_ONCE": "100000"}
    with _served(command, {**unlimited, **settings}) as address:
        yield address


@contextmanager
def _node(folder: Path, timed: bool, threads: int) -> Iterator[HTTPConnection]:
    settings = {f"{PREFIX}THREADS": str(threads), f"{PREFIX}TIMED_RELEASE": str(timed).lower()}
    with served_node(folder, settings) as address, _connected(address) as connection:
        yield connection


@contextmanager
def _bare(path: Path) -> Iterator[HTTPConnection]:
    command = [sys.executable, "-m", "benchmarks.bare_route", str(path)]
    with _served(command, {}) as address, _connected(address) as connection:
        yield connection


@contextmanager
def _connected(address: str) -> Iterator[HTTPConnection]:
    host, _, port = address.rpartition("//")[2].partition(":")
    connection = HTTPConnection(host, int(port), timeout=120)
    yield connection
    connection.close()


@contextmanager
def _served(command: list[str], settings: dict[str, str]) -> Iterator[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, **pipes)  # noqa: S603
    try:
        said = process.stdout.readline().strip()
        yield said[said.index("http") :]
    finally:
        process.stdin.close()
        process.wait(timeout=60)
