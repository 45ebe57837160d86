"""The demo as a newcomer meets it: it shows everything, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

MARK = "JALI_TEST_MARK"


def start(tmp_path: Path, *arguments: str) -> tuple["subprocess.Popen[str]", str]:
    """Start the demo with a mark in its environment that all its processes inherit."""
    mark = uuid.uuid4().hex
    environment = {**os.environ, MARK: mark, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "jali", "demo", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return process, mark


def marked(mark: str) -> list[int]:
    """Return the living processes that carry the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            alive = (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            if alive and f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def gone(mark: str, within_s: float = 30.0) -> bool:
    end = time.monotonic() + within_s
    while marked(mark) and time.monotonic() < end:
        time.sleep(0.1)
    return not marked(mark)


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"the demo ended before it said {words!r}:\n{seen}")


@pytest.mark.slow
def test_the_demo_shows_catalog_price_answers_refusal_repeat_and_ledgers(tmp_path: Path) -> None:
    process, mark = start(tmp_path, "--exit")
    output, _ = process.communicate(timeout=480)
    assert process.returncode == 0, output
    for words in (
        "node.datasets",
        "ds.mock(4)",
        "would cost ε 1",
        "its owner grants ε 2",
        "fed.describe",
        "The cap holds per node",
        "BudgetExhausted:",
        "repeated: free",
        "owner.verify_ledger()",
    ):
        assert words in output, f"{words!r} is missing from:\n{output}"
    assert output.count("entries follow from each other") == 3
    shares = [tuple(map(int, found)) for found in re.findall(r"(\d+) of (\d+) truths inside", output)]
    assert len(shares) == 6
    # 88 intervals of 95 %: fewer than 62 inside would happen by chance less than once in 10^9 even at 90 %
    assert sum(inside for inside, _ in shares) >= 0.7 * sum(total for _, total in shares)
    assert gone(mark)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    ["three parts", "owner made", "registered", "answers on", "node.datasets", "stay up"],
)
def test_ctrl_c_at_any_moment_leaves_no_process_and_no_file(tmp_path: Path, moment: str) -> None:
    process, mark = start(tmp_path)
    read_until(process, moment)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=90)
    assert "no process and no file is left behind" in output
    assert "Traceback" not in output
    assert gone(mark)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_demo_that_is_killed_takes_its_nodes_with_it(tmp_path: Path) -> None:
    process, mark = start(tmp_path)
    read_until(process, "stay up")
    process.kill()
    process.communicate(timeout=90)
    assert gone(mark, 20)
