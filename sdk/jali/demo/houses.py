"""Furnishing three nodes, side by side, with the commands that an owner would type."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jali.demo.part import Part
from jali.demo.processes import Processes

CAP = 3.0
DELTA = 1e-6
OWNER = "Olga Owner"
SCIENTIST = "Dana Scientist"
PROJECT = "prices and visits"
_PLURAL = {"row": "rows", "entity": "persons"}
PURPOSE = "how what people pay themselves changes how often they see a doctor"


@dataclass(frozen=True)
class House:
    """A running node: its part of the data, its folder, its address, and its people's tokens."""

    part: Part
    folder: Path
    url: str
    owner_token: str
    scientist_token: str


def furnish(
    processes: Processes, parts: tuple[Part, ...], root: Path, say: Callable[[str], None], *, worker: bool = True
) -> list[House]:
    """Make and start one node for each part, with a worker that trains; every finished step is said."""
    with ThreadPoolExecutor(len(parts)) as pool:
        started = [pool.submit(_furnished, processes, part, root / part.folder, say, worker) for part in parts]
        try:
            return [future.result() for future in started]
        except BaseException:
            processes.stop()  # the other threads' commands end, and so do the threads
            raise


def _furnished(processes: Processes, part: Part, folder: Path, say: Callable[[str], None], worker: bool) -> House:
    def node(*arguments: str | Path) -> str:
        return processes.run("node", *arguments, "--folder", folder)

    owner_token = node("init", "--name", part.name, "--owner", OWNER).split()[-1]
    say(f"{part.name}: key pair, database and owner made")
    population, units = part.public.population, str(part.units)
    cap = ("--epsilon", f"{CAP:g}", "--delta", f"{DELTA:g}")
    node("population", "add", population, "--unit", part.unit, "--units", units, *cap)
    say(f"{part.name}: population {population} opened, about {part.units:,} {_PLURAL[part.unit]}, cap ε {CAP:g}")
    with tempfile.TemporaryDirectory() as card_folder:
        card = Path(card_folder) / "card.toml"
        card.write_text(part.card, encoding="utf-8")
        node("dataset", "add", part.write(folder), "--card", card)
    say(f"{part.name}: {part.suffix} file registered under its public card")
    node("project", "add", PROJECT, "--purpose", PURPOSE)
    node("user", "add", SCIENTIST, "--project", PROJECT)
    scientist_token = node("token", "create", SCIENTIST, "--days", "1").split()[-1]
    say(f"{part.name}: a data scientist added, her token made")
    url = processes.serve("node", "serve", "--folder", folder, "--port", "0", "--stop-with-parent")
    say(f"{part.name}: answers on {url}")
    if worker:
        processes.start("node", "worker", "--folder", folder, "--stop-with-parent")
    return House(part, folder, url, owner_token, scientist_token)
