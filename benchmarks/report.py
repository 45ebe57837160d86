"""A benchmark's table: what was measured, against what, and whether it reaches what was set out."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One figure. `peer` is what it was held against, `holds` None where nothing was set out to be reached."""

    figure: str
    measured: float | str
    peer: Mapping[str, float] | str
    reach: str
    holds: bool | None
    note: str = ""


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    for row in rows:
        mark = {True: "yes", False: "NO", None: "-"}[row.holds]
        peer = (
            row.peer
            if isinstance(row.peer, str)
            else ", ".join(f"{name} {value:.3g}" for name, value in row.peer.items())
        )
        measured = row.measured if isinstance(row.measured, str) else f"{row.measured:.3g}"
        print(f"{mark:>4}  {row.figure}: {measured} (reach {row.reach}; {peer}){' - ' if row.note else ''}{row.note}")


def write(name: str, rows: Sequence[Row], versions: Mapping[str, str]) -> Path:
    """Write the table to `results/NAME.json` and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"machine": machine(), "versions": dict(sorted(versions.items())), "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def machine() -> dict[str, Any]:
    """Return what figures depend on: no name, no path."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "day": datetime.now(UTC).date().isoformat(),
    }
