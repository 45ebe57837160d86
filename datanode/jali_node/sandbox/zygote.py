"""A process that has loaded what a cell needs, and from which cells are forked: so a round starts without imports.

It is started with an empty environment and sees no rows, weights or secrets, ever: its part ends where a cell's begins,
and the cell closes its own walls. The pipes of a cell go to it over a socket; it ends with the process that holds the
other end.
"""

import atexit
import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO

from jali_node.sandbox.limits import Limits

ROUNDS = ("-m", "jali_node.sandbox.child")
READY = b"ready"
STATUS = struct.Struct("=i")
REQUEST_MAX = 4096
PIPE = 2**20
"""So many bytes of a task wait in its pipe, where an ordinary user may ask for as many."""
WARM_S = 180.0
"""After so many seconds it is not going to be warm any more."""


class ZygoteFailed(Exception):
    """No cell could be forked."""


class Forked:
    """A cell that was forked elsewhere: its pipes, how it ended, and its end."""

    def __init__(self, task: IO[bytes], replies: IO[bytes], line: socket.socket) -> None:
        self.task, self.replies, self._line = task, replies, line

    def status(self, timeout_s: float) -> int:
        """Wait for its end and return its exit status; `-9` says that signal 9 ended it.

        Raises:
            TimeoutExpired: it has not ended.
        """
        self._line.settimeout(max(timeout_s, 0.001))
        try:
            told = self._line.recv(STATUS.size)
        except TimeoutError:
            raise subprocess.TimeoutExpired("cell", timeout_s) from None
        return int(STATUS.unpack(told)[0]) if len(told) == STATUS.size else -signal.SIGKILL  # it ended with its zygote

    def end(self) -> None:
        """Kill it if it lives, and wait until it is gone."""
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)  # which is what asks for its end
            self._line.settimeout(None)
            while self._line.recv(STATUS.size):
                pass
        self._line.close()
        for pipe in (self.task, self.replies):
            with contextlib.suppress(OSError):
                pipe.close()


class Zygote:
    """A warm process, started at first use and again if it was killed. Several threads may use it."""

    def __init__(self, program: Sequence[str] = ROUNDS) -> None:
        self._program = program
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready = False

    def start(self) -> None:
        """Begin to warm it, without waiting."""
        with self._lock:
            self._started()

    def begin(self, limits: Limits, scratch: str) -> Forked:
        """Return a cell with these limits that works in a folder.

        Raises:
            ZygoteFailed: it did not get warm, twice.
        """
        with self._lock:
            for again in (True, False):
                try:
                    return self._forked(self._started(), limits, scratch)
                except (OSError, ZygoteFailed):
                    self._stop()
                    if not again:
                        raise ZygoteFailed("the process that cells are forked from does not start") from None
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End it, and every cell that lives."""
        with self._lock:
            self._stop()

    def _started(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        self._stop()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and modules of this package
                [sys.executable, "-I", "-B", *self._program],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                close_fds=True,
                start_new_session=True,
            )
        return self._control

    def _forked(self, control: socket.socket, limits: Limits, scratch: str) -> Forked:
        if not self._ready:
            control.settimeout(WARM_S)
            if control.recv(len(READY)) != READY:
                raise ZygoteFailed
            self._ready = True
        task_end, task = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(task, fcntl.F_SETPIPE_SZ, PIPE)
        replies, reply_end = os.pipe()
        line, line_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        forked = Forked(os.fdopen(task, "wb"), os.fdopen(replies, "rb", buffering=0), line)
        try:
            request = json.dumps({"limits": limits.arguments, "scratch": scratch}).encode()
            socket.send_fds(control, [request], [task_end, reply_end, line_end.fileno()])
        except OSError:
            forked.end()
            raise
        finally:
            os.close(task_end)
            os.close(reply_end)
            line_end.close()
        return forked

    def _stop(self) -> None:
        self._ready = False
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(1.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


rounds = Zygote()
"""This process's own, for rounds of training."""
atexit.register(rounds.stop)
