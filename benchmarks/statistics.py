"""`make bench-statistics`: a Jali node's summaries beside DuckDB without privacy and three private peers.

One summary of 5 million rows: count, mean, std, five quantiles and a histogram of twenty bins for each of four columns,
two value counts, one mean by group. Every run is a process of its own, runs take turns, and medians are reported; the
slow peers run once. Errors are taken at an equal budget (epsilon 1, delta 1e-6) and an equal number of released
statistics. Not reaching a figure is a result, not a failure: the exit status is 0.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import accuracy, environments, over_http, report, tables
from benchmarks.report import Row

PEERS = Path(__file__).parent / "peers"
ROOT = PEERS.parents[1]
THREADS = 2
JALI, DUCKDB = "jali", "duckdb"


@dataclass(frozen=True)
class Side:
    """One tool: its script, its environment, how often it summarises 5 million rows, and how often it is checked."""

    name: str
    script: str
    requirements: str | None
    runs: int
    answers: int
    faster: float | None = None

    @property
    def python(self) -> str | None:
        """The interpreter of its environment, None where that cannot be made."""
        return environments.python(self.requirements) if self.requirements else sys.executable


SIDES = (
    Side(JALI, "jali_summary.py", None, runs=5, answers=9),
    Side(DUCKDB, "plain_duckdb.py", None, runs=5, answers=1),
    Side("OpenDP's Polars context", "polars_context.py", "opendp", runs=2, answers=3, faster=15),
    Side("smartnoise-sql", "smartnoise.py", "smartnoise", runs=1, answers=5, faster=80),
    Side("diffprivlib", "diffprivlib_tools.py", "diffprivlib", runs=1, answers=9, faster=100),
)


def main() -> None:
    """Measure, print the table, and write it, unless it was the quick one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="fewer rows and runs; nothing is written")
    quick = options.parse_args().quick
    pythons = {side: python for side in SIDES if (python := side.python)}
    versions: dict[str, str] = {}
    large = tables.skewed(500_000 if quick else 5_000_000)
    rows: list[Row] = []
    for part in (
        cost_rows(pythons, large, quick, versions),
        http_rows(large, quick),
        error_rows(pythons, "100k skewed rows", tables.skewed(100_000), quick),
        adult_rows(pythons, quick),
    ):
        rows += part
        if not quick:
            report.write("statistics", rows, versions)  # after each part, in case that one is interrupted
    report.show(rows)


def cost_rows(pythons: dict[Side, str], task: dict[str, Any], quick: bool, versions: dict[str, str]) -> Iterator[Row]:
    """Measure CPU seconds and peak memory of one summary."""
    found: dict[str, list[dict[str, Any]]] = {side.name: [] for side in pythons}
    for turn in range(2 if quick else 5):
        for side, python in pythons.items():
            if turn < side.runs:
                found[side.name].append(summaries(side, python, task, 1))
                versions |= {f"{side.name}: {name}": v for name, v in found[side.name][-1]["versions"].items()}
                say(f"{side.name}, run {turn + 1}", found[side.name][-1])
    cpu = {name: median(run["cpu_s"] for run in runs) for name, runs in found.items()}
    peak = {name: median(run["peak_mb"] for run in runs) for name, runs in found.items()}
    times = {name: f"{len(runs)} run{'s' * (len(runs) > 1)}" for name, runs in found.items()}
    ratio = cpu[JALI] / cpu[DUCKDB]
    seconds = f"{cpu[JALI]:.2f} s of CPU against {cpu[DUCKDB]:.2f}, medians of {times[JALI]}"
    yield Row(
        "CPU over non-private DuckDB with exact quantiles", ratio, {DUCKDB: 1.0}, "0.5 or less", ratio <= 0.5, seconds
    )
    for side in pythons:
        if side.faster:
            faster = cpu[side.name] / cpu[JALI]
            note = f"{cpu[side.name]:.1f} s of CPU, {peak[side.name]:.0f} MB, {times[side.name]}"
            yield Row(
                f"times faster than {side.name}",
                faster,
                {side.name: 1.0},
                f"at least {side.faster:g}",
                faster >= side.faster,
                note,
            )
    others = {name: value for name, value in peak.items() if name != JALI}
    yield Row("peak memory in MB", peak[JALI], others, "300 or less", peak[JALI] <= 300)


def error_rows(pythons: dict[Side, str], title: str, task: dict[str, Any], quick: bool) -> Iterator[Row]:
    """Measure median relative errors at equal budget."""
    answers = {}
    for side, python in pythons.items():
        run = summaries(side, python, task, min(side.answers, 2) if quick else side.answers)
        say(f"{side.name}, {title}", run)
        answers[side.name] = run["answers"]
    exact = answers.pop(DUCKDB)[0]
    errors = {name: accuracy.median_errors(found, exact) for name, found in answers.items()}
    for name in accuracy.COLUMNS:
        peers = {peer: found[name] for peer, found in errors.items() if peer != JALI}
        best = min(peers.values(), default=float("inf"))
        yield Row(
            f"median relative error of {name}, {title}",
            errors[JALI][name],
            peers,
            "below each peer",
            errors[JALI][name] < best,
        )


def adult_rows(pythons: dict[Side, str], quick: bool) -> Iterator[Row]:
    """Measure the same errors on the census table, where there is one."""
    task = tables.adult()
    if task is None:
        print(f"SKIPPED the census table: set {tables.REAL_TABLES} to a folder with adult/adult.parquet", flush=True)
        return
    yield from error_rows(pythons, "Adult", task, quick)


def http_rows(task: dict[str, Any], quick: bool) -> Iterator[Row]:
    """Measure a node behind HTTP."""
    given = {**task, "threads": THREADS}
    for timed in (False, True):
        asked, alone = over_http.mean_over_aggregate(given, timed, 5 if quick else 15)
        said = f"timed release {'on' if timed else 'off'}"
        figure = f"a mean through HTTP and ledger over the same DuckDB aggregate alone, {said}"
        note = f"{asked * 1e3:.0f} ms against {alone * 1e3:.0f} ms"
        ratio = asked / alone
        yield Row(
            figure, ratio, "its own aggregate", "stated" if timed else "1.3", None if timed else ratio <= 1.3, note
        )
    asked, bare = over_http.repeated_over_bare_route(
        {**tables.skewed(100_000), "threads": THREADS}, 100 if quick else 1000
    )
    note = f"p50 {asked * 1e3:.2f} ms against {bare * 1e3:.2f} ms"
    figure = "a repeated question over a bare FastAPI route that reads one SQLite row, timed release off"
    yield Row(figure, asked / bare, "a bare route", "3", asked / bare <= 3, note)


def summaries(side: Side, python: str, task: dict[str, Any], answers: int) -> dict[str, Any]:
    """Run one side in a process of its own; nodes are furnished beforehand, in another."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.json"
        given = {**task, "threads": THREADS, "repeats": answers, "cap": task["epsilon"]}
        path.write_text(json.dumps(given))
        if side.name == JALI:
            given["houses"] = _json([sys.executable, "-m", "benchmarks.house", str(path), folder])
            path.write_text(json.dumps(given))
        reply: dict[str, Any] = _json([python, str(PEERS / side.script), str(path)])
    return reply


def _json(command: list[str]) -> Any:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{command[1:3]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def say(what: str, run: dict[str, Any]) -> None:
    """Tell how far the benchmark is."""
    print(f"{what}: {run['cpu_s']:.2f} s of CPU, {run['peak_mb']:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
