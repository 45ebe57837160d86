"""The walls that a worker closes behind itself, before it reads a row. None of them can be opened again.

Where root started it, it becomes a user that nobody else is. Limits come from `setrlimit`. Where the kernel offers
them, name spaces of its own leave it without a network and without the name of any file; a seccomp filter then refuses
sockets, new processes, other programs, reaching into other processes or name spaces, and changing who may read a file;
a Landlock domain without a single rule refuses it files. Threads remain: libraries compute with them.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import struct
from contextlib import suppress
from pathlib import Path

from jali_node.sandbox.limits import Limits

PROCESS, NO_NETWORK, NO_FILES, NO_NAMES = 2, 3, 4, 5
"""Tiers: see the package."""

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 1, 38, 4
_SECCOMP, _SECCOMP_FILTER, _EVERY_THREAD = (317, 277), 1, 1
_NEW_USERS, _NEW_SPACES = 0x10000000, 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x40000000
"""Name spaces: of users; and of mounts, control groups, host names, System V memory, and networks."""
_EMPTY_ROOT = 1 | 2 | 4 | 8  # read-only, no set-user-id, no devices, no programs
_REC, _PRIVATE, _DETACH = 16384, 1 << 18, 2
_PIVOT_ROOT, _CAPSET, _CAPSET_V3 = (155, 41), (126, 91), 0x20080522
_OWN_USERS = ((2_000_000, 2**22), (50_000, 10_000))
"""Where users of cells begin, and how many there are; the second where a container knows 65,536 users alone."""
SINGLE = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}  # fmt: skip
"""Has libraries load without threads of their own: one that is there before the walls would stand outside of them."""
GONE = 70
"""The status of a process whose parent ended while it closed the walls."""
_THREADS_MORE = 64
"""Threads that libraries may start beyond those that compute."""
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
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "move_pages": (279, 239),
    "migrate_pages": (256, 238), "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122), "sched_setattr": (314, 274),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "setxattrat": (463, 463), "removexattrat": (466, 466), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "truncate": (76, 45), "inotify_init": (253, None),
    "inotify_init1": (294, 26), "fanotify_init": (300, 262), "name_to_handle_at": (303, 264),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "semget": (64, 190), "semctl": (66, 191), "semop": (65, 193), "semtimedop": (220, 192),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180),
    "mq_unlink": (241, 181), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "sethostname": (170, 161),
    "setdomainname": (171, 162), "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266), "acct": (163, 89), "syslog": (103, 116), "quotactl": (179, 60), "iopl": (172, None),
    "ioperm": (173, None), "delete_module": (176, 106), "kexec_file_load": (320, 294),
}  # fmt: skip
_ON_ITSELF_ALONE = {"tgkill": (234, 131), "prlimit64": (302, 261)}
"""Calls that the C library needs, and whose first argument is a process."""
_CLONE, _CLONE3 = (56, 220), (435, 435)
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446  # the same on every architecture
_LANDLOCK_BITS = (13, 14, 15, 15, 16)  # how many kinds of access to files each version of Landlock knows
_LANDLOCK_TCP, _LANDLOCK_SCOPED = 4, 6  # the versions that also know TCP, and abstract sockets and signals
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def before_loading() -> None:
    """Have libraries load without threads, and nobody else look into this process."""
    os.environ.update(SINGLE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def close_early(limits: Limits) -> None:
    """Set what a worker can live with while it loads its libraries, and tie its life to its parent's."""
    before_loading()
    for kind, most in ((resource.RLIMIT_CPU, limits.cpu_s), (resource.RLIMIT_MEMLOCK, 0)):
        resource.setrlimit(kind, (most, most))
    tie_to_parent()


def close(limits: Limits) -> int:
    """Close what is left, once everything is loaded, and return the tier that was reached."""
    parent, space = os.getppid(), _address_space()
    alone = len(list(Path("/proc/self/task").iterdir())) == 1
    if alone:
        _leave_name_spaces()
    rootless = leave_root(limits.threads + _THREADS_MORE)
    for kind, most in (
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, space + limits.memory_bytes),
    ):
        resource.setrlimit(kind, (most, most))
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1):
        _refuse_files()
        _refuse_calls()
    tie_to_parent()  # the kernel forgets it with a change of user, or of name spaces
    if os.getppid() != parent:
        os._exit(GONE)
    if not rootless or not _without_network():
        return PROCESS
    if not alone or not _without_files():  # Landlock holds the thread that asked for it alone
        return NO_NETWORK
    return NO_FILES if Path("/proc").exists() else NO_NAMES


def leave_root(tasks: int) -> bool:
    """Become a user of its own, with so many threads and processes; return whether this is not root afterwards.

    As an ordinary user it stays the user that it is.
    """
    if os.getuid() != 0:
        return True
    for first, count in _OWN_USERS:
        own = first + os.getpid() % count
        try:
            os.setgroups([])
            os.setresgid(own, own, own)
            resource.setrlimit(resource.RLIMIT_NPROC, (tasks, tasks))
            os.setresuid(own, own, own)
        except OSError:
            continue
        return True
    return False


def _leave_name_spaces() -> None:
    """Go where there is no network, no other process's shared memory, and no file but an empty folder, where one may.

    An ordinary user may where the kernel lets it have a name space of users; of that one it gives up every right.
    """
    call, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if user != 0:
        if call.unshare(_NEW_USERS) != 0:
            return
        _prctl(_PR_SET_DUMPABLE, 1)  # else its own maps are root's
        with suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
        _prctl(_PR_SET_DUMPABLE, 0)
    if call.unshare(_NEW_SPACES) == 0:
        _empty_root(call)
    if user != 0 and platform.machine() in _MACHINES:
        number = _CAPSET[_MACHINES[platform.machine()][0]]
        call.syscall(number, struct.pack("=Ii", _CAPSET_V3, 0), bytes(24))


def _empty_root(call: ctypes.CDLL) -> None:
    """Make an empty folder the root, and let go of all that is mounted."""
    if platform.machine() not in _MACHINES:
        return
    here = os.fsencode(Path.cwd())
    if call.mount(None, b"/", None, ctypes.c_ulong(_REC | _PRIVATE), None) != 0:
        return
    if call.mount(b"tmpfs", here, b"tmpfs", ctypes.c_ulong(_EMPTY_ROOT), b"size=4k,mode=555") != 0:
        return
    os.chdir(here)
    if call.syscall(_PIVOT_ROOT[_MACHINES[platform.machine()][0]], b".", b".") == 0:
        call.umount2(b".", _DETACH)  # the old root lies over the new one
        os.chdir("/")


def tie_to_parent() -> None:
    """End with the process that started this one, and be looked into by none."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_DUMPABLE, 0)


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
        os.close(os.open("/", os.O_RDONLY))  # which is there whatever the root is
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
    handled = [(1 << bits) - 1]
    if version >= _LANDLOCK_TCP:
        handled.append(0b11)
    if version >= _LANDLOCK_SCOPED:
        handled.append(0b11)
    rules = struct.pack(f"={len(handled)}Q", *handled)
    domain = call(_LANDLOCK_CREATE, rules, ctypes.c_size_t(len(rules)), ctypes.c_uint(0))
    if domain >= 0:
        call(_LANDLOCK_RESTRICT, ctypes.c_int(domain), ctypes.c_uint(0))
        os.close(domain)


def _refuse_calls() -> bool:
    """Install the filter, for every thread there is; return whether the kernel took it."""
    program = _filter(platform.machine(), os.getpid())
    if not program:
        return False
    number = _SECCOMP[_MACHINES[platform.machine()][0]]
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    call = ctypes.CDLL(None, use_errno=True).syscall
    answer = call(number, ctypes.c_uint(_SECCOMP_FILTER), ctypes.c_uint(_EVERY_THREAD), header)
    return bool(answer == 0)


def _filter(machine: str, own: int) -> bytes:
    """Return the filter for a process in the kernel's form (classic BPF), empty for a machine that it does not know."""
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
            *(part for numbers in _ON_ITSELF_ALONE.values() for part in _on_itself(numbers[column], own)),
            _instruction(_EQUAL, _CLONE[column], 0, 3),
            _instruction(_LOAD, _FIRST_ARGUMENT),
            _instruction(_ANY_BIT, _CLONE_THREAD, 1, 0),
            _instruction(_RETURN, _REFUSE | errno.EPERM),
            _instruction(_RETURN, _ALLOW),
        ]
    )


def _answered(number: int, answer: int) -> tuple[bytes, bytes]:
    return _instruction(_EQUAL, number, 0, 1), _instruction(_RETURN, answer)


def _on_itself(number: int, own: int) -> tuple[bytes, ...]:
    return (
        _instruction(_EQUAL, number, 0, 5),
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_EQUAL, own, 1, 0),
        _instruction(_EQUAL, 0, 0, 1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, _REFUSE | errno.EPERM),
    )


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _prctl(option: int, *values: object) -> bool:
    padded = [*values, *[0] * (4 - len(values))]
    arguments = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in padded]
    return bool(ctypes.CDLL(None, use_errno=True).prctl(option, *arguments) == 0)
