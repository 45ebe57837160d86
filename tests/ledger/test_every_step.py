"""kill -9 at every step of a spend and of a job, on each database: steps are counted, not waited for.

`make test-slow` kills about 50 times; `make test-all` 500 (`--kills`), each SQL statement a step of its own. After each
kill: no answer was seen outside that the chain does not know, none in two forms for one charge; whatever may have read
a row is spent; accounts are what the chain adds up to, and no cap is passed.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.node.test_jobs import begin, decide, form, submitted

from jali_node.actions.jobs import run_round
from jali_node.actions.operations.read_ledger import known_from, verified
from jali_node.actions.operations.recover import recover, refuse_if_incomplete
from jali_node.ledger import book
from jali_node.ledger.accountant import Charge
from jali_node.tables import AccountRow, EntryRow, JobRoundRow, SpendRow

MOTHER = Path(__file__).parent / "mother.py"
ALL = 500
"""From so many kills on, each SQL statement is a step of its own."""
ROUNDS = 40
pytestmark = pytest.mark.slow


@dataclass
class World:
    """A house whose children die, and what was seen of them outside. Nothing seen is ever forgotten."""

    house: Any
    url: str
    mother: Any
    every: bool
    seen: dict[str, str] = field(default_factory=dict)
    kills: int = 0

    def bear(self, die_at: int, **task: Any) -> dict[str, Any]:
        told = {"folder": str(self.house.folder), "url": self.url, "die_at": die_at, "every": self.every, **task}
        before = len(self.spends())
        self.mother.stdin.write(json.dumps(told) + "\n")
        found: dict[str, Any] = json.loads(self.mother.stdout.readline())
        assert found["killed"] or found["status"] == 0, found["said"][-3:]
        self.kills += found["killed"]
        for said in found["said"]:
            if "left" in said:
                self.see(said["left"], said["digest"])
        if "question" in task and any("touched" in said for said in found["said"]):
            assert len(self.spends()) == before + 1, "rows were read without a charge"
        return found

    def see(self, what: str, digest: str) -> None:
        assert self.seen.setdefault(what, digest) == digest, "two draws for one charge left"

    def fetch(self, job_id: str, number: int) -> None:
        """Take a round's reply, as its coordinator does."""
        reply = self.house.get(f"/v1/jobs/{job_id}/rounds/{number}").json()
        if reply["status"] == "done":
            self.see(f"{job_id}.{number}", book.digest(reply["weights"]))

    def state_of(self, job_id: str, number: int) -> str:
        with self.house.node.database.reading() as session:
            row = session.get_one(JobRoundRow, (job_id, number))
            return session.get_one(SpendRow, row.spend_id).state

    def spends(self) -> list[SpendRow]:
        with self.house.node.database.reading() as session:
            return list(session.scalars(select(SpendRow)))

    def must_hold(self) -> None:
        """Start as a node starts, and check all that must be true after any death."""
        node = self.house.node
        refuse_if_incomplete(node)
        recover(node)
        report = verified(node, known_from(node))
        assert report.valid, report.describe()
        with node.database.reading() as session:
            accounts = {row.id: book.account(row) for row in session.scalars(select(AccountRow))}
            bodies = session.scalars(select(EntryRow.body).where(EntryRow.kind == "spend.committed"))
            committed = [json.loads(body) for body in bodies]
            rounds = {f"{row.job_id}.{row.number}": row for row in session.scalars(select(JobRoundRow))}
        known = {body.get("release") or f"{body['job']}.{body['round']}": body for body in committed}
        assert len(known) == len(committed), "two commits for one release"
        for name, digest in self.seen.items():
            assert name in known, "an unrecorded release"
            recorded = known[name].get("measurements") or known[name]["reply"]
            assert recorded == digest, "another draw left than was recorded"
        spends = self.spends()
        assert {spend.state for spend in spends if spend.job_id is None} <= {book.COMMITTED, book.SETTLED}
        for spend in spends:
            if f"{spend.job_id}" in {row.job_id for row in rounds.values() if row.attempt and row.spend_id == spend.id}:
                assert spend.state != book.HELD, "a round was claimed without its charge"
        for account_id, account in accounts.items():
            costs = [
                json.loads(spend.cost)[0]
                for spend in spends
                if account_id in json.loads(spend.accounts)
                and spend.state in (book.BEGUN, book.COMMITTED, book.SETTLED)
            ]
            nothing = (0,) * len(account.terms.orders)
            assert account.spent == (tuple(map(sum, zip(*costs, strict=True))) if costs else nothing)
            assert account.fits(Charge(nothing)), "a cap was passed"


@pytest.fixture
def world(build_house: Callable[..., Any], database_url: str, pytestconfig: pytest.Config) -> Iterator[World]:
    house = build_house(database_url=database_url, cap=900.0)
    house.grant(900.0)
    mother = subprocess.Popen(
        [sys.executable, str(MOTHER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert mother.stdout is not None
    assert mother.stdout.readline() == "ready\n"
    every = pytestconfig.getoption("--kills") >= ALL
    yield World(house, database_url, mother, every)
    mother.communicate(timeout=60)
    assert mother.returncode == 0


def steps_of(found: dict[str, Any]) -> list[str]:
    return [said["step"] for said in found["said"] if "step" in said]


def test_a_spend_killed_at_every_step(world: World, pytestconfig: pytest.Config) -> None:
    whole = steps_of(world.bear(0, question=world.house.query({"kind": "count"}, 0.1)))
    assert {"before spend", "after spend", "before commit", "before tallies", "after noised", "after note"} <= {*whole}
    assert world.every == ({"before statement", "before run", "after rows"} <= {*whole})
    wanted = max(len(whole) if not world.every else 0, pytestconfig.getoption("--kills") * 3 // 10)
    for number in range(wanted):
        question = world.house.query({"kind": "count"}, 0.1 + 0.001 * (number + 1))
        found = world.bear(number % len(whole) + 1, question=question)
        assert found["killed"], f"step {number % len(whole) + 1} of {len(whole)} was not reached"
        world.must_hold()
    assert world.kills == wanted
    left = world.bear(0, question=world.house.query({"kind": "count"}, 1.0))
    assert not left["killed"]
    world.must_hold()


def test_a_job_killed_at_every_step(world: World, pytestconfig: pytest.Config) -> None:
    house = world.house
    job = submitted(house, rounds=ROUNDS, steps=1, epsilon=20.0)
    decide(house, job)
    weights = form(house)["weights"]
    wanted = max(12, pytestconfig.getoption("--kills") * 2 // 10)
    number, die_at, done, killed_at = 1, 0, 0, set[str]()
    begin(house, job, number, weights)
    while world.kills < wanted or not done:
        attempt = waited(world, job["id"], number)
        world.fetch(job["id"], number)
        if attempt is None:
            number, die_at, done = number + 1, 0, done + 1
            reply = begin(house, job, number, weights)
            assert reply.status_code == 200, reply.text
            continue
        held = world.state_of(job["id"], number) == book.HELD
        die_at += 1
        found = world.bear(die_at, round=[job["id"], number, attempt])
        world.must_hold()
        if found["killed"]:
            killed_at.add(steps_of(found)[-1])
        if held and world.state_of(job["id"], number) != book.HELD:
            die_at = 0  # from here on an attempt has other steps: through all of them, from the first
    assert {"before begin", "before commit", "before note", "before rows", "after run", "after append_all"} <= killed_at
    assert [name for name in world.seen if name.startswith(job["id"])], "some reply left"
    for each in range(1, number + 1):
        world.fetch(job["id"], each)  # what left is what is given again
    house.post(f"/v1/jobs/{job['id']}/end", {})
    world.must_hold()


def waited(world: World, job_id: str, number: int) -> int | None:
    """Return the attempt that a worker could claim once the dead one's lease has ended; None if the round is done."""
    for _ in range(600):
        found = [
            attempt for job, at, attempt in run_round.waiting_rounds(world.house.node) if (job, at) == (job_id, number)
        ]
        if found:
            return found[0]
        with world.house.node.database.reading() as session:
            if session.get_one(JobRoundRow, (job_id, number)).reply is not None:
                return None
        time.sleep(0.05)
    raise AssertionError("the lease never ended")
