"""The nodes as processes, started by the commands that an owner would type. None outlives the demo."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0


class Processes:
    """All processes of one demo; leaving the block stops every one of them, however it is left.

    Commands have a group of their own, so that Ctrl-C reaches the demo alone, which then stops them in order. Servers
    also end by themselves when their standard input closes, should the demo be killed with -9.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> "Processes":
        signal.signal(signal.SIGTERM, _as_interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of them behind
        self.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def run(self, *arguments: str | Path) -> str:
        """Run a `jali` command to its end and return what it printed.

        Raises:
            RuntimeError: it failed, with its own words.
        """
        process = self._start(arguments, stderr=subprocess.PIPE)
        out, err = process.communicate()
        with self._lock:
            self._running.discard(process)
        if process.returncode:
            raise RuntimeError(f"jali {' '.join(map(str, arguments))}: {err.strip() or process.returncode}")
        return out

    def serve(self, *arguments: str | Path) -> str:
        """Start a `jali` server and return the address that it prints.

        Raises:
            RuntimeError: it ended, or said nothing for `START_TIMEOUT_S`.
        """
        with self._log.open("a", encoding="utf-8") as log:
            process = self._start(arguments, stderr=log)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        deadline = threading.Timer(START_TIMEOUT_S, process.kill)
        deadline.start()
        line = process.stdout.readline()
        deadline.cancel()
        if "http" not in line:
            raise RuntimeError(f"jali {' '.join(map(str, arguments))} did not start; its log is {self._log}")
        return line[line.index("http") :].strip()

    def start(self, *arguments: str | Path) -> None:
        """Start a `jali` process that nobody waits for; what it says goes to the log."""
        with self._log.open("a", encoding="utf-8") as log:
            self._start(arguments, stderr=log, stdout=log)

    def stop(self) -> None:
        """Stop everything: ask, wait `STOP_TIMEOUT_S`, then kill."""
        with self._lock:
            self._closed = True
            running = list(self._running)
            self._running.clear()
        for process in running:
            process.terminate()
        end = time.monotonic() + STOP_TIMEOUT_S
        for process in running:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()

    def _start(
        self, arguments: Sequence[str | Path], stderr: int | IO[str], stdout: int | IO[str] = subprocess.PIPE
    ) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "jali", *map(str, arguments)]
        with self._lock:
            if self._closed:
                raise RuntimeError("the demo is being stopped")
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
            self._running.add(process)
        return process


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
