"""Run as a process of its own: for each line on standard input bears a child that asks or trains, and dies at a step.

The child is killed by itself (SIGKILL) when it comes to the step whose number it was told. What it says before that
leaves it over a pipe, which this process reads: it stands for the world outside, which sees what left.

A line is JSON: `folder`, `url`, `die_at` (0: never), `every` (whether each SQL statement is a step too), and either
`question` or `round`. The answer is one line of JSON: `killed`, and what the child said: `step`s with their names,
`touched` before rows are read, `drawn` and `left` with digests.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event, select

from jali.wire.person import Role
from jali.wire.query import Query
from jali_node.actions.jobs import run_round
from jali_node.actions.queries import ask
from jali_node.app import open_node
from jali_node.engine.warehouse import Warehouse
from jali_node.jobs import train
from jali_node.ledger import book, chain
from jali_node.ledger.witness import Witness
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.settings import Settings
from jali_node.statistics.plan import Plan
from jali_node.store.ready import Ready
from jali_node.tables import JobRoundRow, PersonRow

LEASE_S = 0.5


class Steps:
    """Counts what a child does, tells of it, and ends the child at one of them."""

    def __init__(self, out: int, die_at: int) -> None:
        self._out, self._die_at, self._count = out, die_at, 0

    def say(self, **what: Any) -> None:
        os.write(self._out, json.dumps(what).encode() + b"\n")

    def step(self, name: str) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # leases are renewed by the clock, which is no step
        self._count += 1
        self.say(step=name)
        if self._count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, home: Any, name: str, touches: bool = False) -> None:
        """Make a function of a module or class two steps: before it, and after it."""
        inner: Callable[..., Any] = getattr(home, name)

        def stepped(*args: Any, **kwargs: Any) -> Any:
            self.step(f"before {name}")
            if touches:
                self.say(touched=True)
            found = inner(*args, **kwargs)
            self.step(f"after {name}")
            return found

        setattr(home, name, stepped)

    def watch(self, node: Node, every: bool) -> None:
        """Take the commits of a node's database for steps, and if `every`, all statements."""
        event.listen(node.database.engine, "commit", lambda connection: self.step("before commit"))
        if every:
            engine = node.database.engine
            event.listen(engine, "before_cursor_execute", lambda *_: self.step("before statement"))
            event.listen(engine, "after_cursor_execute", lambda *_: self.step("after statement"))
            for name in ("run", "rows"):  # which SQLAlchemy does not hear of
                self.around(Ready, name)


def live(told: dict[str, Any], out: int) -> None:
    steps = Steps(out, told["die_at"])
    for home, name in ((book, "spend"), (book, "begin"), (book, "commit"), (chain, "append_all"), (Witness, "note")):
        steps.around(home, name)
    steps.around(Warehouse, "tallies", touches=True)
    steps.around(Warehouse, "rows", touches=True)
    steps.around(Plan, "noised")
    steps.around(train, "run")
    settings = Settings(folder=Path(told["folder"]), database_url=told["url"], timed_release=False)
    node = open_node(settings)
    steps.watch(node, told["every"])
    if "question" in told:
        _ask(node, steps, told["question"])
    else:
        _train(node, steps, *told["round"])
    steps.step("end")


def _ask(node: Node, steps: Steps, question: dict[str, Any]) -> None:
    query = Query.model_validate(question)
    with node.database.reading() as session:
        person = session.scalars(select(PersonRow).where(PersonRow.role == Role.DATA_SCIENTIST)).one()
    release = ask.ask(node, Caller(person.id, person.name, Role.DATA_SCIENTIST, frozenset({query.project})), query)
    measured = {name: noised.model_dump(exclude_none=True) for name, noised in release.measurements.items()}
    steps.say(left=release.id, digest=book.release_digest(json.dumps(measured)))


def _train(node: Node, steps: Steps, job_id: str, number: int, attempt: int) -> None:
    run_round.LEASE_S = LEASE_S
    if not run_round.claim(node, job_id, number, attempt, "doomed"):
        return
    run_round.run(node, job_id, number, attempt)
    with node.database.reading() as session:
        row = session.get_one(JobRoundRow, (job_id, number))
    if row.reply is not None:
        steps.say(left=f"{job_id}.{number}", digest=book.digest(row.reply))


def bear(told: dict[str, Any]) -> dict[str, Any]:
    inside, outside = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(inside)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            live(told, outside)
        finally:
            os._exit(1 if sys.exc_info()[0] else 0)
    os.close(outside)
    with os.fdopen(inside) as said:
        lines = [json.loads(line) for line in said]
    status = os.waitpid(child, 0)[1]
    return {"killed": os.WIFSIGNALED(status), "status": status, "said": lines}


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - the other side of the pipe waits for it
    for order in sys.stdin:
        print(json.dumps(bear(json.loads(order))), flush=True)  # noqa: T201
