"""Cells that are forked from a warm process: each as alone as one that was started, none outliving its parents."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jali_node.sandbox import cell, zygote
from jali_node.sandbox.cell import SandboxFailed
from jali_node.sandbox.limits import Limits
from jali_node.sandbox.zygote import Zygote

LIMITS = Limits(wall_s=60.0, cpu_s=20, memory_bytes=2**28)
PROGRAM = """
import json, os, signal, sys, time
from jali_node.sandbox import message, nursery, walls
LOAD
def cell(limits):
    walls.close_early(limits)
    facts = {
        "folder": os.getcwd(), "listed": os.listdir(), "environ": open("/proc/self/environ").read(),
        "descriptors": [os.readlink(f"/proc/self/fd/{n}") for n in (0, 1, 2)],
        "others": len([n for n in os.listdir("/proc/self/fd") if int(n) > 2]) - 1,
        "limits": limits.arguments, "session": os.getsid(0) == os.getpid(), "parent": os.getppid(), "own": os.getpid(),
    }
    tier = walls.close(limits)
    with os.fdopen(0, "rb") as pipe:
        task = pipe.read()
    exec(task)
    os.write(1, message.packed([json.dumps({"tier": tier}).encode(), json.dumps(facts).encode()]))
nursery.serve(lambda: None, cell)
"""


def a_zygote(load: str = "") -> Zygote:
    return Zygote(("-c", PROGRAM.replace("LOAD", load)))


@pytest.fixture(scope="module")
def warm() -> Iterator[Zygote]:
    made = a_zygote()
    yield made
    made.stop()


def facts(warm: Zygote, code: str = "", limits: Limits = LIMITS) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cell.run(code.encode(), limits, 2**12, warm).reply)
    return found


def until(true: Callable[[], bool], most_s: float = 60.0) -> None:
    end = time.monotonic() + most_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    try:
        return "State:\tZ" in status.read_text()
    except OSError:
        return True


def test_a_forked_cell_has_its_pipes_its_folder_and_its_limits_and_nothing_else(
    warm: Zygote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JALI_NODE_DATABASE_URL", "a secret")
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        found = facts(warm)
    assert found["environ"] == ""
    assert found["listed"] == []
    assert not Path(found["folder"]).exists()
    assert [name.partition(":")[0] for name in found["descriptors"]] == ["pipe", "pipe", os.devnull]
    assert found["others"] == 0
    assert found["limits"] == list(LIMITS.arguments)
    assert found["session"]


def test_it_reaches_the_tier_of_one_that_is_started(warm: Zygote) -> None:
    assert cell.run(b"", LIMITS, 2**12, warm).tier == cell.tier()


def test_one_process_forks_them_all_each_anew(warm: Zygote) -> None:
    first, second = (
        facts(warm, "facts['left'] = sys.__dict__.setdefault('left', 1)"),
        facts(warm, "facts['left'] = hasattr(sys, 'left')"),
    )
    assert first["parent"] == second["parent"]
    assert first["own"] != second["own"]
    assert not second["left"], "what one did in its memory, the next does not see"


def test_several_work_at_the_same_time(warm: Zygote) -> None:
    found: list[str] = []

    def one(seconds: float) -> None:
        facts(warm, f"time.sleep({seconds})")
        found.append(str(seconds))

    slow, quick = threading.Thread(target=one, args=(2.0,)), threading.Thread(target=one, args=(0.0,))
    slow.start()
    time.sleep(0.2)
    quick.start()
    slow.join()
    quick.join()
    assert found == ["0.0", "2.0"]


def test_one_that_takes_too_long_is_killed_and_the_next_is_not(warm: Zygote) -> None:
    with pytest.raises(SandboxFailed, match="killed after 1 s"):
        facts(warm, "time.sleep(60)", Limits(wall_s=1.0))
    assert facts(warm)["listed"] == []


def test_one_that_nobody_waits_for_is_killed(warm: Zygote) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(SandboxFailed, match="nobody waits"):
        cell.run(b"time.sleep(60)", LIMITS, 2**12, warm, stop)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ValueError('a row holds 42')", "with status 70"),
        ("while True: pass", "by signal"),
        ("os._exit(3)", "with status 3"),
    ],
)
def test_its_end_is_told_by_a_number_alone(warm: Zygote, code: str, said: str) -> None:
    with pytest.raises(SandboxFailed, match=f"^the worker ended {said}( \\d+)?$"):
        facts(warm, code, Limits(wall_s=60.0, cpu_s=1))


def test_a_killed_zygote_takes_its_cells_along_and_another_is_started() -> None:
    warm, failures = a_zygote(), []
    first = facts(warm)["parent"]

    def run() -> None:
        try:
            facts(warm, "time.sleep(60)")
        except SandboxFailed as error:
            failures.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: _children(first) != [])
    (child,) = _children(first)
    os.kill(first, 9)
    thread.join(60)
    assert failures == ["the worker ended by signal 9"]
    until(lambda: gone(child))
    assert facts(warm)["parent"] != first
    warm.stop()


def test_neither_outlives_the_process_that_asked(tmp_path: Path) -> None:
    """It is killed outright: nothing of it can tidy up."""
    code = (
        "from jali_node.sandbox import cell\nfrom jali_node.sandbox.limits import Limits\n"
        "from jali_node.sandbox.zygote import Zygote\n"
        f"warm = Zygote(('-c', {PROGRAM.replace('LOAD', '')!r}))\n"
        "cell.run(b'time.sleep(60)', Limits(wall_s=60.0), 9, warm)\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: any(_children(child) for child in _children(asking.pid)))
    (forks,) = _children(asking.pid)
    (child,) = _children(forks)
    asking.kill()
    asking.wait()
    until(lambda: gone(forks) and gone(child))


def test_one_that_cannot_load_is_said_to() -> None:
    warm = a_zygote("raise ImportError")
    with pytest.raises(SandboxFailed, match=r"^the process that cells are forked from does not start$"):
        facts(warm)
    warm.stop()


def test_a_round_is_forked_from_a_process_that_has_loaded_torch() -> None:
    zygote.rounds.start()
    zygote.rounds.start()
    (warming,) = [
        child for child in _children(os.getpid()) if "sandbox.child" in Path(f"/proc/{child}/cmdline").read_text()
    ]
    assert not gone(warming)


def _children(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found
