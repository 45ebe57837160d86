"""What a worker cannot do, each tried by a worker that does its best; the walls are those that a real round has."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jali_node.sandbox import cell, message, walls
from jali_node.sandbox.cell import SandboxFailed
from jali_node.sandbox.limits import Limits

BRIEF = Limits(wall_s=30.0, cpu_s=20, memory_bytes=2**28)
NO_FILE = ("PermissionError", "FileNotFoundError")
"""Landlock says the first, and name spaces, which come before it, the second."""
PRELUDE = """
import ctypes, json, os, resource, socket, subprocess, sys, threading, time
from jali_node.sandbox import message, walls
from jali_node.sandbox.limits import Limits
limits = Limits.of(sys.argv[1:])
walls.close_early(limits)
environ, listed, folder = open('/proc/self/environ').read(), os.listdir(), os.getcwd()
tier = walls.close(limits)
def reply(found):
    sys.stdout.buffer.write(message.packed([json.dumps({"tier": tier}).encode(), json.dumps(found).encode()]))
def attempt(act):
    try:
        act()
    except BaseException as error:
        return type(error).__name__
    return "done"
"""


def inside(code: str, limits: Limits = BRIEF, task: bytes = b"") -> tuple[Any, int]:
    """Run code behind the walls; return what it replied, and the tier."""
    finished = cell.run(task, limits, 2**16, ("-c", PRELUDE + code))
    return json.loads(finished.reply), finished.tier


def needs_tier(tier: int) -> None:
    if cell.tier() < tier:
        pytest.skip(f"this machine's kernel does not offer tier {tier}")


@contextmanager
def a_listener() -> Iterator[int]:
    """A server that would take a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_task_goes_in_and_its_reply_comes_out() -> None:
    found, tier = inside("reply(len(sys.stdin.buffer.read()))", task=b"x" * 3_000_000)
    assert found == 3_000_000
    assert tier == cell.tier()
    assert tier in (2, 3, 4, 5)


def test_the_environment_is_empty_whatever_the_parents_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JALI_NODE_DATABASE_URL", "a secret")
    found, _ = inside("reply([dict(os.environ), environ])")
    assert found[0].keys() <= {"LC_CTYPE", *walls.SINGLE}, "Python itself sets the first"
    assert found[1] == ""


def test_it_works_in_a_folder_of_its_own_that_is_gone_afterwards() -> None:
    found, _ = inside("reply([folder, listed])")
    assert found[0] != str(Path.cwd())
    assert found[1] == []
    assert not Path(found[0]).exists()


def test_it_inherits_pipes_and_nothing_else(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        inherited = "[f'/proc/self/fd/{n}' for n in range(64) if os.path.exists(f'/proc/self/fd/{n}')]"
        found, _ = inside(f"reply([os.readlink(path) for path in {inherited}])")
    assert not any("secret" in target for target in found)


def test_it_opens_no_connection() -> None:
    needs_tier(3)
    with a_listener() as port:
        found, tier = inside(f"reply(attempt(lambda: socket.socket().connect(('127.0.0.1', {port}))))")
    assert tier >= 3
    assert found == "PermissionError"


@pytest.mark.parametrize(
    "act",
    [
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "os.fork()",
        "subprocess.run(['/bin/true'])",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
    ],
)
def test_it_starts_nothing_and_speaks_to_no_one(act: str) -> None:
    needs_tier(3)
    found, _ = inside(f"reply(attempt(lambda: {act}))")
    assert found == "PermissionError"


def test_it_reaches_into_no_other_process() -> None:
    needs_tier(3)
    code = """
libc = ctypes.CDLL(None, use_errno=True)
def error(call):
    return ctypes.get_errno() if call == -1 else 0
reply([error(libc.ptrace(16, os.getppid(), 0, 0)), error(libc.unshare(0x10000000)), error(libc.prctl(22, 2, 0, 0, 0))])
"""
    found, _ = inside(code)
    assert found[:2] == [1, 1], "EPERM"


def test_threads_remain() -> None:
    found, _ = inside("t = threading.Thread(target=time.sleep, args=(0,)); t.start(); t.join(); reply('joined')")
    assert found == "joined"


def test_it_writes_no_file() -> None:
    found, _ = inside("reply(attempt(lambda: open('leak', 'w').write('x' * 100000)))")
    assert found in ("OSError", "PermissionError")


@pytest.mark.parametrize("mode", ["rb", "wb", "ab"])
def test_it_opens_no_file_of_the_node(tmp_path: Path, mode: str) -> None:
    needs_tier(4)
    key = tmp_path / "node.key"
    key.write_bytes(b"a secret")
    found, _ = inside(f"reply(attempt(lambda: open({str(key)!r}, {mode!r}).close()))")
    assert found in NO_FILE
    assert key.read_bytes() == b"a secret"


@pytest.mark.parametrize("act", ["os.listdir('/')", "os.unlink({key!r})", "os.rename({key!r}, 'x')", "os.mkdir('x')"])
def test_it_lists_moves_and_deletes_nothing(tmp_path: Path, act: str) -> None:
    needs_tier(4)
    key = tmp_path / "node.key"
    key.write_bytes(b"a secret")
    found, _ = inside(f"reply(attempt(lambda: {act.format(key=str(key))}))")
    assert found in (*NO_FILE, "OSError")
    assert key.read_bytes() == b"a secret"


def test_it_gets_no_more_memory_than_it_may_have() -> None:
    assert inside("reply(attempt(lambda: bytearray(2**29)))")[0] == "MemoryError"
    assert inside("reply(attempt(lambda: bytearray(2**26)))")[0] == "done"


def test_it_opens_no_more_files_than_it_may() -> None:
    assert inside("reply(attempt(lambda: [os.dup(0) for _ in range(100)]))")[0] == "OSError"


def test_it_cannot_raise_a_limit() -> None:
    found, _ = inside("reply(attempt(lambda: resource.setrlimit(resource.RLIMIT_AS, (2**50, 2**50))))")
    assert found == "ValueError"


def test_a_worker_that_takes_too_long_is_killed_on_time() -> None:
    start = time.monotonic()
    with pytest.raises(SandboxFailed, match="killed after 1 s"):
        inside("time.sleep(60)", Limits(wall_s=1.0))
    assert time.monotonic() - start < 10


def test_a_worker_that_closes_its_pipe_and_lingers_is_killed_on_time() -> None:
    with pytest.raises(SandboxFailed, match="killed after 2 s"):
        inside("reply(1); sys.stdout.close(); os.close(1); time.sleep(60)", Limits(wall_s=2.0))


def test_a_worker_that_computes_too_long_is_killed_by_the_kernel() -> None:
    with pytest.raises(SandboxFailed, match="by signal"):
        inside("while True: pass", Limits(wall_s=30.0, cpu_s=1))


def test_a_killed_worker_is_reported() -> None:
    failures: list[str] = []

    def run() -> None:
        try:
            inside("time.sleep(60)")
        except SandboxFailed as error:
            failures.append(str(error))

    ours = _children()
    thread = threading.Thread(target=run)
    thread.start()
    while not (new := _children() - ours):
        time.sleep(0.02)
    os.kill(new.pop(), 9)
    thread.join(20)
    assert failures == ["the worker ended by signal 9"]


def _children() -> set[int]:
    return {
        int(child) for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()
    }


def test_a_worker_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """The parent is killed outright: nothing of it can tidy up."""
    code = (
        "import os\nfrom jali_node.sandbox import cell\nfrom jali_node.sandbox.limits import Limits\n"
        f"prelude = {PRELUDE!r}\n"
        "cell.run(b'', Limits(wall_s=60.0), 9, ('-c', prelude + 'time.sleep(60)'))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    while not (found := children.read_text().split()):
        time.sleep(0.02)
    time.sleep(1.0)
    parent.kill()
    parent.wait()
    gone = time.monotonic() + 10
    while Path(f"/proc/{found[0]}").exists() and "Z" not in Path(f"/proc/{found[0]}/status").read_text():
        assert time.monotonic() < gone
        time.sleep(0.05)


@pytest.mark.parametrize(
    "code",
    [
        "print('hello')",
        "pass",
        "reply(1); print('more')",
        "sys.stdout.buffer.write(message.packed([b'{}', b'']))",
        "sys.stdout.buffer.write(message.packed([b'', b'', b'']))",
        "sys.stdout.buffer.write(message.packed([b'[]', b''])[:-1])",
        "sys.stdout.buffer.write(message.MAGIC + bytes([2]) + b'\\xff' * 8)",
    ],
)
def test_anything_but_one_reply_is_refused(code: str) -> None:
    with pytest.raises(SandboxFailed, match="something else than a reply"):
        inside(code)


def test_a_flood_is_cut_off() -> None:
    with pytest.raises(SandboxFailed, match="more than a reply"):
        inside("while True: sys.stdout.buffer.write(bytes(2**16))")


def test_a_failure_says_nothing_of_what_failed() -> None:
    with pytest.raises(SandboxFailed) as failed:
        inside("raise ValueError('a row holds 42')")
    assert str(failed.value) == "the worker ended with status 1"
    assert failed.value.__cause__ is None


def test_messages_are_whole_or_nothing() -> None:
    whole = message.packed([b"abc", b"", b"x" * 1000])
    assert message.unpacked(whole) == [b"abc", b"", b"x" * 1000]
    for wrong in (whole[:-1], whole + b"x", whole[1:], b"", b"JALI1\n", whole[:9]):
        with pytest.raises(message.Garbled):
            message.unpacked(wrong)


@pytest.mark.parametrize("wrong", [{"wall_s": 0.0}, {"memory_bytes": -1}, {"wall_s": float("inf")}])
def test_limits_that_limit_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Limits(**wrong)
