"""What a hostile cell tries, by name. Run as a program: once to report on all of them, and in each cell to try them.

The reporter holds what is to be reached (a key, a database, servers, memory of its own) and starts the same attempts
three times: in a cell with its walls, in one that a zygote forked, and in one without, which shows that they would
succeed.
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from jali_node.sandbox import cell, message, nursery, walls
from jali_node.sandbox.limits import Limits
from jali_node.sandbox.zygote import Zygote

SECRET = b"a secret that stays"
LIMITS = Limits(wall_s=60.0, cpu_s=30, memory_bytes=2**29, open_files=64)
PLACES = ("parent", "key", "database", "scratch", "tcp", "udp", "abstract", "inode", "address")
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"


def call(number: int | str, *arguments: Any) -> int:
    """Call the kernel, by number or through the C library, and raise what it answers."""
    made = libc.syscall(number, *arguments) if isinstance(number, int) else getattr(libc, number)(*arguments)
    if made == -1:
        raise OSError(ctypes.get_errno(), "refused")
    return int(made)


def either(x86: int, arm: int) -> int:
    return x86 if X86 else arm


def attempts(at: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Return what is tried, where `at` says what there is to reach."""
    parent, key, database, scratch = at["parent"], at["key"], at["database"], at["scratch"]
    taken = ctypes.create_string_buffer(len(SECRET))
    mine = (ctypes.c_void_p * 2)(ctypes.addressof(taken), len(SECRET))
    theirs = (ctypes.c_void_p * 2)(at["address"], len(SECRET))
    old = (ctypes.c_uint64 * 2)()
    ring = ctypes.create_string_buffer(120)
    return {
        "300 threads": lambda: many_threads(300),
        "ask for the key": lambda: Path(key).stat(),
        "a signal to what started it": lambda: os.kill(os.getppid(), 0),
        "the memory of what started it": lambda: open(f"/proc/{os.getppid()}/mem", "rb").close(),  # noqa: PTH123
        "TCP": lambda: socket.socket().connect(("127.0.0.1", at["tcp"])),
        "TCP, listening": lambda: socket.socket().bind(("127.0.0.1", 0)),
        "UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", at["udp"])),
        "abstract socket": lambda: socket.socket(socket.AF_UNIX).connect("\0" + at["abstract"]),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "io_uring": lambda: call(425, 4, ring),
        "read the key": lambda: read(key),
        "read the database": lambda: read(database),
        "write the database": lambda: Path(database).open("r+b").close(),
        "empty the database": lambda: os.truncate(database, 0),
        "make the key readable": lambda: Path(key).chmod(0o644),
        "date the key back": lambda: os.utime(key, (0, 0)),
        "mark the key": lambda: os.setxattr(key, "user.jali", b"x"),
        "delete the database": lambda: Path(database).rename(database + ".gone"),
        "read /etc/passwd": lambda: read("/etc/passwd"),
        "list /": lambda: list(Path("/").iterdir()),
        "read the parent's environment": lambda: read(f"/proc/{parent}/environ"),
        "read the first process's environment": lambda: read("/proc/1/environ"),
        "read the parent's memory by its file": lambda: read_at(f"/proc/{parent}/mem", at["address"]),
        "another's descriptor": lambda: reached_descriptor(at["inode"]),
        "write in /tmp": lambda: write(f"/tmp/jali-attack-{os.getpid()}"),  # noqa: S108
        "write in /dev/shm": lambda: write(f"/dev/shm/jali-attack-{os.getpid()}"),  # noqa: S108
        "write in the node's folder": lambda: write(str(Path(key).parent / "left")),
        "write in the scratch folder": lambda: write(str(Path(scratch) / "left")),
        "10 GiB": lambda: mmap.mmap(-1, 10 * 2**30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000),
        "fork": lambda: forked(),
        "exec": lambda: os.execv("/no/such/program", ["x"]),  # noqa: S606
        "a program by posix_spawn": lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0),
        "memfd": lambda: os.close(os.memfd_create("x")),
        "exec of a memfd": lambda: call(either(322, 281), 0, b"", None, None, 0x1000),
        "ptrace": lambda: call("ptrace", 0x4206, parent, 0, 0),
        "process_vm_readv": lambda: (call("process_vm_readv", parent, mine, 1, theirs, 1, 0), taken.raw),
        "a process by pidfd_open": lambda: os.close(call(434, parent, 0)),
        "kill": lambda: os.kill(parent, 0),
        "tgkill": lambda: call(either(234, 131), parent, parent, 0),
        "sigqueue": lambda: call("sigqueue", parent, 0, None),
        "the parent's limits": lambda: call("prlimit", parent, 7, None, old),
        "the parent's priority": lambda: os.setpriority(
            os.PRIO_PROCESS, parent, os.getpriority(os.PRIO_PROCESS, parent)
        ),
        "own limits": lambda: resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2),
        "setns": lambda: call("setns", 0, 0),
        "mount": lambda: call("mount", b"none", b"/no/such/folder", b"tmpfs", 0, None),
        "fsopen": lambda: os.close(call(430, b"tmpfs", 0)),
        "chroot": lambda: os.chroot("/"),
        "keyctl": lambda: call(either(250, 219), 0, -3, 0),
        "bpf": lambda: call(either(321, 280), 5, ring, 48),
        "userfaultfd": lambda: os.close(call(either(323, 282), 1)),
        "perf": lambda: call(either(298, 241), ring, 0, -1, -1, 0),
        "System V memory": lambda: call("shmctl", call("shmget", 0, 4096, 0o1600), 0, None),
        "a handle instead of a name": lambda: call("open_by_handle_at", -1, ring, 0),
        "root again": lambda: os.setresuid(0, 0, 0),
        "unshare": lambda: call("unshare", 0x10000000),
    }


def read(path: str) -> None:
    with Path(path).open("rb") as file:
        file.read(1)


def read_at(path: str, address: int) -> None:
    with Path(path).open("rb", buffering=0) as file:
        file.seek(address)
        if file.read(len(SECRET)) != SECRET:
            raise ValueError("something else was there")


def write(path: str) -> None:
    with Path(path).open("wb", buffering=0) as file:
        file.write(b"x")
    Path(path).unlink()


def reached_descriptor(inode: int) -> None:
    for number in range(1024):
        try:
            found = os.fstat(number).st_ino
        except OSError:
            continue
        if found == inode:
            return
    raise PermissionError("it is not among the descriptors")


def forked() -> None:
    made = os.fork()
    if made == 0:
        os._exit(0)
    os.waitpid(made, 0)


def many_threads(count: int) -> None:
    end = threading.Event()
    threading.stack_size(2**20)
    made = []
    try:
        for _ in range(count):
            thread = threading.Thread(target=end.wait)
            thread.start()
            made.append(thread)
    finally:
        end.set()
        for thread in made:
            thread.join()


def tried(act: Callable[[], Any]) -> str:
    """Return `done`, or the name of the error that it met."""
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except BaseException as error:
        return type(error).__name__
    return "done"


def attack(within: bool, limits: Limits, spaces: bool = True) -> None:
    """Try everything, behind the walls or without them, and reply with what came of each.

    Without name spaces of its own, what would not find a file meets the wall that stands behind them.
    """
    replies = os.dup(1)
    if not spaces:
        walls._leave_name_spaces = lambda: None
    if within:
        walls.close_early(limits)
    at = json.loads(os.fdopen(0, "rb").read())
    at["scratch"] = str(Path.cwd())
    tier = walls.close(limits) if within else 0
    found = {name: tried(act) for name, act in attempts(at).items()}
    os.write(replies, message.packed([json.dumps({"tier": tier}).encode(), json.dumps(found).encode()]))
    os._exit(0)


@contextmanager
def reachable(folder: Path) -> Iterator[dict[str, Any]]:
    """Set out what is to be reached."""
    with ExitStack() as stack:
        key, database = folder / "node.key", folder / "node.db"
        for path in (key, database):
            path.write_bytes(SECRET)
            path.chmod(0o600)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        abstract, name = stack.enter_context(socket.socket(socket.AF_UNIX)), f"jali-attack-{os.getpid()}"
        abstract.bind("\0" + name)
        abstract.listen()
        held = stack.enter_context(key.open("rb"))
        os.set_inheritable(held.fileno(), True)
        memory = ctypes.create_string_buffer(SECRET)
        yield {
            "parent": os.getpid(),
            "key": str(key),
            "database": str(database),
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "abstract": name,
            "inode": os.fstat(held.fileno()).st_ino,
            "address": ctypes.addressof(memory),
        }


def report() -> dict[str, Any]:
    """Return what came of each attempt inside the walls and outside, whether anything was changed, and the tier."""
    with tempfile.TemporaryDirectory(prefix="jali-attacked-") as folder, reachable(Path(folder)) as at:
        before = time.monotonic()
        inside = cell.run(json.dumps(at).encode(), LIMITS, 2**16, (__file__, "inside"))
        took = time.monotonic() - before
        zygote = Zygote((__file__, "forked"))
        forked = cell.run(json.dumps(at).encode(), LIMITS, 2**16, zygote)
        zygote.stop()
        kept = [path.read_bytes() == SECRET and path.stat().st_mode & 0o777 == 0o600 for path in Path(folder).iterdir()]
        outside = cell.run(json.dumps(at).encode(), LIMITS, 2**16, (__file__, "outside"))
    return {
        "user": os.getuid(),
        "tier": {"inside": inside.tier, "forked": forked.tier},
        "took": took,
        "kept": kept,
        "inside": json.loads(inside.reply),
        "forked": json.loads(forked.reply),
        "outside": json.loads(outside.reply),
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["forked"]:
        nursery.serve(lambda: None, lambda limits: attack(True, limits))
    elif len(sys.argv) > 1:
        attack(sys.argv[1] == "inside", Limits.of(sys.argv[2:]), spaces=False)
    else:
        sys.stdout.write(json.dumps(report()))
