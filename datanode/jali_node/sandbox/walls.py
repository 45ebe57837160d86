"""The walls that a worker closes behind itself, before it reads a row. None of them can be opened again.

Limits come from `setrlimit`. Where the kernel offers it, a seccomp filter then refuses sockets, new processes, other
programs, and reaching into other processes or name spaces; a Landlock domain without a single rule refuses it files.
Threads remain: libraries compute with them.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import struct
from pathlib import Path

from jali_node.sandbox.limits import Limits

PROCESS, NO_NETWORK, NO_FILES = 2, 3, 4
"""Tiers: see the package."""
HIGHEST = NO_FILES
"""What code that a person wrote needs, whatever an owner would settle for elsewhere."""

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 1, 22, 38, 4
_SECCOMP_MODE_FILTER = 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_CLONE_THREAD = 0x00010000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32 = 0x40000000
_SYSCALLS = {  # name: (x86_64, aarch64); None where an architecture has none
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "init_module": (175, 105), "finit_module": (313, 273), "kexec_load": (246, 104),
    "open_by_handle_at": (304, 265), "personality": (135, 92), "kill": (62, 129), "tkill": (200, 130),
}  # fmt: skip
_CLONE, _CLONE3 = (56, 220), (435, 435)
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446  # the same on every architecture
_LANDLOCK_BITS = (13, 14, 15, 15, 16)  # how many kinds of access each version of Landlock knows
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def close_early(limits: Limits) -> None:
    """Set what a worker can live with while it loads its libraries, and tie its life to its parent's."""
    for kind, most in ((resource.RLIMIT_CPU, limits.cpu_s), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_MEMLOCK, 0)):
        resource.setrlimit(kind, (most, most))
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_DUMPABLE, 0)


def close(limits: Limits) -> int:
    """Close what is left, once everything is loaded, and return the tier that was reached."""
    for kind, most in (
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, _address_space() + limits.memory_bytes),
    ):
        resource.setrlimit(kind, (most, most))
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1):
        _refuse_files()
        _refuse_calls()
    if not _without_network():
        return PROCESS
    return NO_FILES if _without_files() else NO_NETWORK


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _without_network() -> bool:
    """Try it: only what was refused counts."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    except PermissionError:
        return True
    return False


def _without_files() -> bool:
    try:
        Path(os.devnull).open("rb").close()
    except PermissionError:
        return True
    return False


def _refuse_files() -> None:
    """Enter a Landlock domain that handles every kind of access the kernel knows, and allows none."""
    if platform.machine() not in _MACHINES:
        return
    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if version < 1:
        return
    bits = _LANDLOCK_BITS[min(version, len(_LANDLOCK_BITS)) - 1]
    handled = ctypes.c_uint64((1 << bits) - 1)
    domain = call(_LANDLOCK_CREATE, ctypes.byref(handled), ctypes.c_size_t(8), ctypes.c_uint(0))
    if domain >= 0:
        call(_LANDLOCK_RESTRICT, ctypes.c_int(domain), ctypes.c_uint(0))
        os.close(domain)


def _refuse_calls() -> bool:
    """Install the filter; return whether the kernel took it."""
    program = _filter(platform.machine())
    if not program:
        return False
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    return _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(header, len(header)))


def _filter(machine: str) -> bytes:
    """Return the filter in the kernel's form (classic BPF), empty for a machine that it does not know."""
    if machine not in _MACHINES:
        return b""
    column, architecture = _MACHINES[machine]
    refused = [numbers[column] for numbers in _SYSCALLS.values()]
    return b"".join(
        [
            _instruction(_LOAD, _ARCHITECTURE),
            _instruction(_EQUAL, architecture, 1, 0),
            _instruction(_RETURN, _KILL),  # another calling convention has other numbers
            _instruction(_LOAD, _NUMBER),
            _instruction(_AT_LEAST, _X32, 0, 1),
            _instruction(_RETURN, _KILL),
            # clone3 hides its flags in memory, where a filter cannot look: without it, C libraries fall back to clone.
            *_answered(_CLONE3[column], _REFUSE | errno.ENOSYS),
            *(part for number in refused if number is not None for part in _answered(number, _REFUSE | errno.EPERM)),
            _instruction(_EQUAL, _CLONE[column], 0, 3),
            _instruction(_LOAD, _FIRST_ARGUMENT),
            _instruction(_ANY_BIT, _CLONE_THREAD, 1, 0),
            _instruction(_RETURN, _REFUSE | errno.EPERM),
            _instruction(_RETURN, _ALLOW),
        ]
    )


def _answered(number: int, answer: int) -> tuple[bytes, bytes]:
    return _instruction(_EQUAL, number, 0, 1), _instruction(_RETURN, answer)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _prctl(option: int, *values: object) -> bool:
    padded = [*values, *[0] * (4 - len(values))]
    arguments = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in padded]
    return bool(ctypes.CDLL(None, use_errno=True).prctl(option, *arguments) == 0)
