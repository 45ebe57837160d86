"""Starting a worker's process, feeding it, and ending it: on time, whatever it does."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Protocol

from jali_node.sandbox import message
from jali_node.sandbox.limits import Limits
from jali_node.sandbox.zygote import Zygote, ZygoteFailed

PROBE = ("-m", "jali_node.sandbox.probe")
_BLOCK = 2**20
_HEADER_MAX = 1024
_LOOK_S = 0.2
"""So often it is looked whether the process is to stop."""


class SandboxFailed(Exception):
    """A worker did not give the one reply that was asked of it. The message holds nothing that it wrote."""


@dataclass(frozen=True)
class Finished:
    """A worker's reply, and behind which walls it was made."""

    reply: bytes
    tier: int


class Process(Protocol):
    """A cell that was started: the one end of its pipes, and its end."""

    @property
    def task(self) -> IO[bytes]:
        """What it reads."""

    @property
    def replies(self) -> IO[bytes]:
        """What it writes."""

    def status(self, timeout_s: float) -> int:
        """Wait for its exit status, negative where a signal ended it. Raises `TimeoutExpired`."""

    def end(self) -> None:
        """Kill it with all that it may have started, and wait until it is gone."""


def run(
    task: bytes,
    limits: Limits,
    reply_max: int,
    program: Sequence[str] | Zygote,
    stop: threading.Event | None = None,
) -> Finished:
    """Start a process without environment or secrets, hand it a task, and return its reply.

    Args:
        task: one message, for its standard input.
        limits: what it may use; at `wall_s` it is killed.
        reply_max: how many bytes its reply may have.
        program: arguments for this Python, which the limits follow; or what it is forked from.
        stop: has it killed once it is set.

    Raises:
        SandboxFailed: it was killed, ran out of something, or wrote anything but one reply. Nothing of it is left.
    """
    with tempfile.TemporaryDirectory(prefix="jali-cell-") as scratch:
        process = _begun(program, limits, scratch)
        deadline = time.monotonic() + limits.wall_s
        try:
            written = _exchanged(process, task, deadline, reply_max + _HEADER_MAX, stop or threading.Event())
            status = process.status(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise SandboxFailed(f"the worker was killed after {limits.wall_s:g} s") from None
        finally:
            process.end()
    if status != 0:
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        raise SandboxFailed(f"the worker ended {how}")
    return _finished(written, reply_max)


def tier() -> int:
    """Return the tier that workers reach on this machine, by starting one that has nothing to do.

    Raises:
        SandboxFailed: none can be started.
    """
    return run(b"", Limits(wall_s=60.0), 0, PROBE).tier


def _begun(program: Sequence[str] | Zygote, limits: Limits, scratch: str) -> Process:
    if not isinstance(program, Zygote):
        return _Started(program, limits, scratch)
    try:
        return program.begin(limits, scratch)
    except ZygoteFailed as error:
        raise SandboxFailed(str(error)) from None


class _Started:
    """A cell in a Python of its own."""

    def __init__(self, program: Sequence[str], limits: Limits, scratch: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this Python, and modules of this package
            [sys.executable, "-I", "-B", *program, *limits.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env={},
            close_fds=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - both are pipes, as asked
        assert self._process.stdout is not None  # noqa: S101
        self.task, self.replies = self._process.stdin, self._process.stdout

    def status(self, timeout_s: float) -> int:
        return self._process.wait(timeout_s)

    def end(self) -> None:
        if self._process.returncode is None:  # its number is still its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.replies.close()


def _exchanged(process: Process, task: bytes, deadline: float, most: int, stop: threading.Event) -> bytes:
    """Feed the process and collect what it writes until it closes its end, `most` is passed, or it is to stop."""
    feeder = threading.Thread(target=_fed, args=(process, task), daemon=True)
    feeder.start()
    written = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.replies, selectors.EVENT_READ)
        while len(written) <= most:
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired("worker", 0)
            if stop.is_set():
                raise SandboxFailed("the worker was stopped: nobody waits for its reply any more")
            if not selector.select(min(left, _LOOK_S)):
                continue
            block = os.read(process.replies.fileno(), _BLOCK)
            if not block:
                return bytes(written)
            written += block
    raise SandboxFailed("the worker wrote more than a reply")


def _fed(process: Process, task: bytes) -> None:
    with contextlib.suppress(OSError), process.task as pipe:  # where it ends before it has read, its status says so
        pipe.write(task)


def _finished(written: bytes, reply_max: int) -> Finished:
    try:
        header, reply = message.unpacked(written)
        facts = json.loads(header)
        reached = int(facts["tier"])
    except (ValueError, KeyError, TypeError):
        raise SandboxFailed("the worker wrote something else than a reply") from None
    if len(reply) > reply_max:
        raise SandboxFailed("the worker wrote more than a reply")
    return Finished(reply, reached)
