"""Every attack, by name, from a cell with the walls of a real round, started by root and by an ordinary user."""

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from typing import Any

import pytest
from tests.node.training import attacks

from jali_node.sandbox import cell, walls
from jali_node.sandbox.limits import Limits

USERS = {"root": 0, "ordinary": 12345}
REFUSED = {"EPERM", "EACCES"}
NOT_THERE = {"ENOENT", "EINVAL"}
"""How name spaces answer: there is no such file, and no such user."""
ANSWERS = {
    "300 threads": "RuntimeError",
    "10 GiB": "ENOMEM",
    "own limits": "ValueError",
    "another's descriptor": "PermissionError",
}
"""How those are answered that are not refused as the kernel refuses."""
ALREADY_CLOSED = {"another's descriptor"}
"""Nothing to reach outside the walls either: descriptors are never handed on."""
NAMES_ALONE = {"ask for the key"}
"""What Landlock lets through."""
MACHINES = {"read the first process's environment", "io_uring", "keyctl", "bpf", "userfaultfd", "perf", "unshare",
    "mount", "fsopen", "ptrace", "process_vm_readv", "read the parent's memory by its file", "netlink", "chroot",
    "a handle instead of a name", "exec of a memfd", "setns", "System V memory"}  # fmt: skip
"""What a container or a kernel may refuse to whoever asks."""
NAMES = list(attacks.attempts(dict.fromkeys(attacks.PLACES, "0") | {"address": 0}))


@cache
def reported(user: str) -> dict[str, Any]:
    """Return the report of a process of that user, or skip, saying what is lacking."""
    number = USERS[user]
    if number != os.getuid() and os.getuid() != 0:
        if number == 0:
            pytest.skip("root's half is skipped: these tests run as an ordinary user")
        number = os.getuid()
    command = [sys.executable, "-B", attacks.__file__]
    identity: dict[str, Any] = {}
    if number != os.getuid():
        identity = {"user": number, "group": number, "extra_groups": []}
    try:
        ended = subprocess.run(
            command, capture_output=True, timeout=120, cwd=tempfile.gettempdir(), env={"PATH": "/bin"}, **identity
        )
    except PermissionError:
        pytest.skip("the ordinary user's half is skipped: it may not read this installation of Python")
    if ended.returncode and identity and b"ermission" in ended.stderr:
        pytest.skip("the ordinary user's half is skipped: it may not read this installation of Python")
    assert ended.returncode == 0, ended.stderr.decode()
    found: dict[str, Any] = json.loads(ended.stdout)
    assert found["user"] == number
    return found


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["inside", "forked"])
def test_an_attack_meets_a_wall(user: str, name: str, way: str) -> None:
    found = reported(user)
    inside, outside = found[way][name], found["outside"][name]
    tier = found["tier"][way]
    if tier < walls.NO_FILES:
        pytest.skip(f"this machine's kernel has no Landlock or no seccomp: its cells are of tier {tier}")
    if name in NAMES_ALONE and tier < walls.NO_NAMES:
        pytest.skip(f"what name spaces alone keep away, and a cell of tier {tier} has none: {name}")
    refused = REFUSED | NOT_THERE if tier == walls.NO_NAMES else REFUSED
    assert inside in ({ANSWERS[name]} if name in ANSWERS else refused)
    if name not in ALREADY_CLOSED and outside in REFUSED | {"ENOSYS"}:
        assert user == "ordinary" or name in MACHINES, "the attempt was to succeed without walls"
        pytest.skip(f"this machine refuses it to anybody: {name}")


@pytest.mark.parametrize("user", USERS)
def test_what_was_attacked_is_as_it_was(user: str) -> None:
    found = reported(user)
    if min(found["tier"].values()) < walls.NO_FILES:
        pytest.skip(f"this machine's kernel has no Landlock: its cells are of tiers {found['tier']}")
    assert found["kept"] == [True, True]


LEAVES_ROOT = """
import os, sys, json
from jali_node.sandbox import message, walls
assert walls.leave_root(8)
"""
"""The user of its own alone, without filter, domain or other limits."""


def alone(code: str) -> Any:
    if os.getuid() != 0:
        pytest.skip("a user of its own is skipped: these tests run as an ordinary user, who has no other to give")
    says = "sys.stdout.buffer.write(message.packed([b'{\"tier\": 2}', json.dumps(found).encode()]))"
    return json.loads(cell.run(b"", Limits(wall_s=60.0), 999, ("-c", LEAVES_ROOT + code + says)).reply)


def test_a_cell_is_a_user_that_nobody_else_is() -> None:
    first, second = (alone("found = [*os.getresuid(), *os.getresgid(), *os.getgroups()]\n") for _ in range(2))
    assert len(set(first)) == len(set(second)) == 1
    assert 0 not in first
    assert first != second


def test_a_users_wall_alone_keeps_it_from_signals_and_bounds_its_processes() -> None:
    code = f"""
found = []
try:
    os.kill({os.getpid()}, 0)
except PermissionError:
    found.append("no signal")
made = 0
try:
    while made < 100:
        if os.fork() == 0:
            import time
            time.sleep(1)
            os._exit(0)
        made += 1
except BlockingIOError:
    found.append(made)
"""
    assert alone(code) == ["no signal", 7]


def test_a_thread_that_is_there_before_the_walls_costs_the_tier_that_it_would_pass() -> None:
    """Landlock holds the thread that asks for it, and those that it starts, alone."""
    code = """
import sys, threading, time, json
from jali_node.sandbox import message, walls
from jali_node.sandbox.limits import Limits
limits = Limits.of(sys.argv[1:])
threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
tier = walls.close(limits)
sys.stdout.buffer.write(message.packed([json.dumps({"tier": tier}).encode(), b""]))
"""
    found = cell.run(b"", Limits(wall_s=60.0), 9, ("-c", code)).tier
    assert found == min(cell.tier(), walls.NO_NETWORK)
