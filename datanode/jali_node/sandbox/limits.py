"""What a round may use. Public numbers: they do not depend on rows."""

from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True)
class Limits:
    """Bounds on one process.

    Attributes:
        wall_s: seconds until it is killed.
        cpu_s: seconds of processor time until the kernel kills it.
        memory_bytes: address space beyond what its libraries take.
        open_files: file descriptors, pipes included.
        threads: that compute.
    """

    wall_s: float = 600.0
    cpu_s: int = 1200
    memory_bytes: int = 4 * 2**30
    open_files: int = 64
    threads: int = 1

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < float("inf"):
                raise ValueError(f"expected {name} > 0, got {value}")

    @property
    def arguments(self) -> tuple[str, ...]:
        """The limits as a command line holds them."""
        return tuple(str(value) for value in asdict(self).values())

    @classmethod
    def of(cls, arguments: list[str]) -> Self:
        """Return the limits that a command line holds."""
        wall_s, cpu_s, memory_bytes, open_files, threads = arguments
        return cls(float(wall_s), int(cpu_s), int(memory_bytes), int(open_files), int(threads))
