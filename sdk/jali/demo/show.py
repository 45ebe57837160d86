"""The tour, as a data scientist and an owner would live it."""

import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import jali
from jali.dataset import RemoteDataset
from jali.demo import lesson
from jali.demo.houses import PROJECT, PURPOSE, House, furnish
from jali.demo.processes import Processes
from jali.demo.table import BOUNDED, DATASET, parts
from jali.demo.truth import beside
from jali.eda.noisy import NoisyTable
from jali.errors import BudgetExhausted
from jali.node import Node
from jali.owner import Owner
from jali.wire.request import RequestStatus

QUOTA = 2.0
DESCRIBE, HISTOGRAM, GROUPS = 1.0, 0.2, 0.4
TOO_MUCH = 1.9


class Tour:
    """Prints what happens, with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Say one thing that has just been done."""
        with self._lock:
            print(f"[{time.monotonic() - self._start:5.1f} s] {text}", flush=True)

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        print(f"\n── {title} " + "─" * max(3, 100 - len(title)), flush=True)

    def show(self, thing: object, code: str = "") -> None:
        """Show what a notebook would show, under the code that made it."""
        if code:
            print(f"\n>>> {code}")
        text = thing.to_string(index=False) if isinstance(thing, pd.DataFrame) else str(thing)
        print(text, flush=True)


def run(*, exit_at_once: bool, hands_on: bool = False) -> int:
    """Show the tour; return the exit status.

    Args:
        exit_at_once: end after the tour, instead of staying up.
        hands_on: wait until somebody has approved the model at the first node, in the portal.

    Every process ends and every file goes when the tour does, at Ctrl-C too.
    """
    tour = Tour()
    try:
        with _folder() as root, Processes(root / "nodes.log") as processes:
            houses = _nodes(tour, processes, root)
            portal = _desk(tour, processes, houses)
            nodes = _first_look(tour, houses)
            _lesson(tour, houses, nodes, root, portal if hands_on else "")
            _ledgers(tour, houses)
            if not exit_at_once:
                _stay(tour, houses, portal)
    except KeyboardInterrupt:
        tour.say("stopped; no process and no file is left behind")
        return 130 if exit_at_once else 0
    tour.say("done; no process and no file is left behind")
    return 0


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="jali-demo-"))
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(root / "torch")  # else torch leaves a folder of its own behind
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _nodes(tour: Tour, processes: Processes, root: Path) -> list[House]:
    tour.chapter("Three insurers each host a data node beside their own table")
    tables = parts()
    inside, outside = (sum(map(len, sets)) for sets in zip(*((p.rows, p.held_back) for p in tables), strict=True))
    tour.say(f"the RAND Health Insurance Experiment: {inside:,} rows in three parts, {outside:,} held back for tests")
    return furnish(processes, tables, root, tour.say)


def _desk(tour: Tour, processes: Processes, houses: list[House]) -> str:
    first = houses[0]
    portal = processes.serve("portal", "--node", first.url, "--port", "0", "--stop-with-parent")
    tour.say(f"{first.part.name}: its owner's portal is on {portal}")
    return portal


def _first_look(tour: Tour, houses: list[House]) -> list[Node]:
    nodes = [jali.connect(house.url, house.scientist_token, project=PROJECT) for house in houses]
    node, house = nodes[0], houses[0]
    dataset = _free_look(tour, node)
    _access(tour, nodes, houses)

    tour.chapter("Answers carry their noise interval; only this demo knows the truth")
    _answer(tour, dataset.describe(epsilon=DESCRIBE), house.part.rows, f"ds.describe(epsilon={DESCRIBE:g})")
    histogram = dataset["visits"].hist(bins=8, epsilon=HISTOGRAM)
    _answer(tour, histogram, house.part.rows, f'ds["visits"].hist(bins=8, epsilon={HISTOGRAM:g})')
    groups = dataset.groupby("health")["visits"].mean(epsilon=GROUPS)
    _answer(tour, groups, house.part.rows, f'ds.groupby("health")["visits"].mean(epsilon={GROUPS:g})')

    tour.chapter("The same over three nodes, as if they were one table")
    federated = jali.Federation(nodes)[DATASET]
    everyone = pd.concat([h.part.rows for h in houses])
    tour.show(federated.quote.describe(epsilon=DESCRIBE), f"fed.quote.describe(epsilon={DESCRIBE:g})")
    _answer(tour, federated.describe(epsilon=DESCRIBE), everyone, f"fed.describe(epsilon={DESCRIBE:g})")
    histogram = federated["visits"].hist(bins=8, epsilon=HISTOGRAM)
    _answer(tour, histogram, everyone, f'fed["visits"].hist(bins=8, epsilon={HISTOGRAM:g})')
    groups = federated.groupby("health")["visits"].mean(epsilon=GROUPS)
    _answer(tour, groups, everyone, f'fed.groupby("health")["visits"].mean(epsilon={GROUPS:g})')

    _limits(tour, dataset)
    return nodes


def _free_look(tour: Tour, node: Node) -> RemoteDataset:
    tour.chapter("A data scientist looks around; nothing of this costs anything")
    tour.show(node, "node = jali.connect(url)")
    tour.show(node.datasets, "node.datasets")
    dataset = node[DATASET]
    tour.show(dataset, f'ds = node["{DATASET}"]; ds')
    tour.show(dataset.mock(4, seed=1), "ds.mock(4)     # made up from the public card, not from rows")
    return dataset


def _access(tour: Tour, nodes: list[Node], houses: list[House]) -> None:
    tour.chapter("She asks for access, the owners grant it, and she asks what a question would cost")
    for node, house in zip(nodes, houses, strict=True):
        node[DATASET].request_access(purpose=PURPOSE, epsilon=QUOTA)
        tour.say(f"{house.part.name}: access requested, ε {QUOTA:g}, for: {PURPOSE}")
    for house in houses:
        owner = jali.connect(house.url, house.owner_token).owner
        for request in owner.requests():
            owner.decide(request, RequestStatus.GRANTED)
            tour.say(f"{house.part.name}: its owner grants ε {request.epsilon:g} to {request.person_name}")
    quote = nodes[0][DATASET].quote.describe(epsilon=DESCRIBE)
    tour.show(quote, f"ds.quote.describe(epsilon={DESCRIBE:g})")


def _answer(tour: Tour, answer: object, rows: pd.DataFrame, code: str) -> None:
    assert isinstance(answer, NoisyTable)  # noqa: S101 - all of the tour's answers are tables
    lines = beside(answer, rows)
    tour.show(lines, code)
    inside = int((lines["inside"] == "yes").sum())
    print(f"{inside} of {len(lines)} truths inside their 95 % noise intervals")
    print(*answer.receipt.lines, sep="\n", flush=True)


def _limits(tour: Tour, dataset: RemoteDataset) -> None:
    tour.chapter("Too much is refused and costs nothing; the same question again is free")
    before = dataset.budget()
    try:
        dataset["chronic"].mean(epsilon=TOO_MUCH)
        raise RuntimeError("the quota was passed")
    except BudgetExhausted as refusal:
        tour.show(f"BudgetExhausted: {refusal}", f'ds["chronic"].mean(epsilon={TOO_MUCH:g})')
    again = dataset.describe(epsilon=DESCRIBE, columns=BOUNDED)
    tour.show("\n".join(again.receipt.lines), f"ds.describe(epsilon={DESCRIBE:g})     # the same again")
    tour.show(f"before: {before}\nafter:  {dataset.budget()}", "ds.budget()")


def _lesson(tour: Tour, houses: list[House], nodes: list[Node], root: Path, portal: str) -> None:
    tour.chapter("A model travels to the rows: as data, priced, approved by each owner, and trained with DP-SGD")
    job = lesson.submit(tour.show, nodes)
    if portal:
        print(f"\nNow it is your turn: open {portal}, sign in with this token, and approve the job.")
        print(f"    {houses[0].owner_token}", flush=True)
    lesson.approve(tour.say, houses, job, by_hand=bool(portal))
    model = lesson.learn(tour.say, job, root)
    lesson.report(tour.show, model, houses)


def _ledgers(tour: Tour, houses: list[House]) -> None:
    tour.chapter("Each owner's ledger: every spend, under one promise, in a chain that can be checked")
    for house in houses:
        owner: Owner = jali.connect(house.url, house.owner_token).owner
        entries = pd.DataFrame(
            [
                {
                    "entry": entry.seq,
                    "at": f"{entry.at:%H:%M:%S}",
                    "kind": entry.kind,
                    "price ε": f"{entry.body['price'] / 10**12:.3f}" if "price" in entry.body else "",
                    "hash": entry.hash[:12],
                }
                for entry in owner.ledger()
            ]
        )
        tour.show(entries, f"owner.ledger()     # {house.part.name}")
        for population in owner.populations():
            budget = population.budget
            spent = f"cap ε {budget.cap:g}, spent {budget.spent:.3g}, left {budget.left:.3g}"
            print(f"population {population.name}: {spent}")
        report = owner.verify_ledger()
        tour.show(f"{house.part.name}: {report}", "owner.verify_ledger()")


def _stay(tour: Tour, houses: list[House], portal: str) -> None:
    tour.chapter("The nodes stay up until Ctrl-C. Try them")
    print(f"{portal}, token {houses[0].owner_token}     # the portal of {houses[0].part.name}")
    for house in houses:
        print(f'jali.connect("{house.url}", token="{house.scientist_token}")     # {house.part.name}')
    sys.stdout.flush()
    while True:
        time.sleep(3600)
