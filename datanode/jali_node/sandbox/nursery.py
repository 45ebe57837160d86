"""What runs in the zygote: it forks a cell for each request, and says how each ended. See `zygote`.

One thread, which waits for requests, for the end of a cell, and for a line that is hung up: then its cell is killed.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from jali_node.sandbox import walls
from jali_node.sandbox.limits import Limits
from jali_node.sandbox.zygote import READY, REQUEST_MAX, STATUS

FAILED = 70
Cell = Callable[[Limits], None]


def serve(load: Callable[[], None], cell: Cell) -> None:
    """Load once, then fork a process that calls `cell` for each request, until nobody is left to ask.

    A cell finds its task at standard input and replies at standard output; its environment is empty, its folder its
    own, and every descriptor but those is closed. It ends with `FAILED`, without words, where `cell` raises.

    Args:
        load: imports what cells need. It starts no thread.
        cell: closes the walls, and works.
    """
    walls.before_loading()
    load()
    gc.collect()
    gc.freeze()  # so that a cell's collections do not copy what it shares with the others
    control = socket.socket(fileno=os.dup(0))
    ended, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    lines: dict[int, socket.socket] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(ended, select.POLLIN)
    control.send(READY)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if ended in ready:
            os.read(ended, 4096)
            for pid in _ended(list(lines)):
                poll.unregister(lines[pid])
                _told(pid, lines.pop(pid))
        for pid, line in lines.items():
            if line.fileno() in ready:
                _kill(pid)
        if control.fileno() in ready and not _asked(control, cell, lines, poll):
            break
    for pid in lines:
        _kill(pid)


def _asked(control: socket.socket, cell: Cell, lines: dict[int, socket.socket], poll: select.poll) -> bool:
    """Fork the cell of one request; return whether anybody is there to ask again."""
    request, descriptors, _, _ = socket.recv_fds(control, REQUEST_MAX, 3)
    if not request:
        return False
    task, replies, line = descriptors
    asked = json.loads(request)
    limits, scratch = Limits.of(asked["limits"]), asked["scratch"]
    zygote, pid = os.getpid(), os.fork()
    if pid == 0:
        try:
            _become_a_cell(task, replies, scratch, zygote)
            cell(limits)
            os._exit(0)
        except BaseException:  # a traceback could show what a row holds
            os._exit(FAILED)
    os.close(task)
    os.close(replies)
    lines[pid] = socket.socket(fileno=line)
    poll.register(lines[pid], select.POLLIN)
    return True


def _become_a_cell(task: int, replies: int, scratch: str, zygote: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(scratch)
    os.dup2(task, 0)
    os.dup2(replies, 1)
    for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2:  # standard error goes nowhere, and stays
            with contextlib.suppress(OSError):
                os.close(descriptor)
    walls.tie_to_parent()
    if os.getppid() != zygote:  # it ended before it was tied to
        os._exit(FAILED)


def _ended(pids: list[int]) -> list[int]:
    return [pid for pid in pids if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)]


def _told(pid: int, line: socket.socket) -> None:
    """Say how a cell ended, once nothing of it is left."""
    _kill(pid)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with line, contextlib.suppress(OSError):
        line.send(STATUS.pack(status))


def _kill(pid: int) -> None:
    """Kill a cell that has not been waited for, with all that it may have started."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
