"""A database put back from an older copy, of each kind: nothing is spent until what is missing is imported or paid for.

Copies are real: SQLite's own backup of the file, and PostgreSQL's copy of a database.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, make_url, select
from starlette.testclient import TestClient
from tests.node import test_code_jobs as code_jobs

from jali_node.actions.budgets.raise_population import raise_population
from jali_node.actions.budgets.set_window import refresh_population
from jali_node.actions.operations.read_ledger import checked
from jali_node.app import create_app
from jali_node.commands import node as node_commands
from jali_node.ledger import book
from jali_node.sandbox import cell, code
from jali_node.settings import Settings
from jali_node.tables import AccountRow, EntryRow

COUNT, MEAN = {"kind": "count"}, {"kind": "mean", "column": "age"}
QUANTILES = {"kind": "quantiles", "column": "weight", "levels": [0.5]}
FRESH = {"kind": "value_counts", "column": "site"}


@dataclass
class Kept:
    """A house whose database can be copied and put back while nobody has it open."""

    house: Any
    url: str
    folder: Path

    def closed(self) -> None:
        self.house.client.__exit__(None, None, None)

    def opened(self) -> None:
        app = create_app(self.house.node.settings)
        self.house.client = TestClient(app, raise_server_exceptions=False)
        self.house.client.__enter__()
        self.house.node = app.state.node

    def backed_up(self) -> None:
        self.closed()
        self._copied(self.url, "backup")
        self.opened()

    def put_back(self) -> None:
        self.closed()
        self._copied("backup", self.url)
        self.opened()

    def _copied(self, source: str, target: str) -> None:
        if self.url.startswith("sqlite"):
            live, backup = Path(str(make_url(self.url).database)), self.folder / "backup.db"
            before, after = (live, backup) if target == "backup" else (backup, live)
            for suffix in ("", "-wal", "-shm"):
                Path(f"{after}{suffix}").unlink(missing_ok=True)
            old, new = sqlite3.connect(before), sqlite3.connect(after)
            old.backup(new)
            old.close()
            new.close()
            return
        live_name = str(make_url(self.url).database)
        names = {self.url: live_name, "backup": f"{live_name}_backup"}
        admin = create_engine(make_url(self.url).set(database="postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {names[target]}")
            connection.exec_driver_sql(f"CREATE DATABASE {names[target]} TEMPLATE {names[source]}")
        admin.dispose()

    def typed(self, *arguments: str, code: int = 0) -> str:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("JALI_NODE_DATABASE_URL", self.url)
            told = CliRunner().invoke(node_commands, [*arguments, "--folder", str(self.house.folder)])
        assert told.exit_code == code, told.output
        return told.output

    def spent(self) -> dict[str, str]:
        with self.house.node.database.reading() as session:
            return {row.id: row.spent for row in session.scalars(select(AccountRow))}

    def entries(self) -> int:
        with self.house.node.database.reading() as session:
            return len(session.scalars(select(EntryRow.seq)).all())


@pytest.fixture
def kept(build_house: Callable[..., Any], database_url: str, tmp_path: Path) -> Iterator[Kept]:
    """Return a house on each kind of database with access of epsilon 1, that has spent before and after a backup."""
    house = build_house(database_url=database_url)
    house.grant()
    built = Kept(house, database_url, tmp_path)
    assert house.ask(COUNT, 0.2).status_code == 200
    built.backed_up()
    assert house.ask(MEAN, 0.3).status_code == 200
    yield built
    built.house.client.__exit__(None, None, None)


def must_be_frozen(kept: Kept, *, missing: bool = True) -> None:
    house, before = kept.house, kept.entries()
    refused = house.ask(QUANTILES, 0.1)
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger_incomplete"), refused.text
    assert "jali node ledger import FILE" in refused.json()["detail"]
    if missing:
        assert f"lacks entries {before + 1} to " in refused.json()["detail"]
    assert house.get("/v1/ledger/checkpoint").status_code == 503, "no shorter chain is signed"
    assert house.post("/v1/requests", {**wish(house), "purpose": "to write an entry"}).status_code == 503
    assert house.get("/v1/releases", project=house.project).status_code == 200, "what was stored can be read"
    assert kept.entries() == before, "the chain does not grow beside its own missing end"


def wish(house: Any) -> dict[str, Any]:
    return {"dataset": house.dataset, "project": house.project, "purpose": "", "epsilon": 0.1}


def test_a_restored_node_spends_nothing_until_the_missing_entries_are_imported(kept: Kept, tmp_path: Path) -> None:
    export = tmp_path / "ledger.jsonl"
    assert "entries in" in kept.typed("ledger", "export", str(export))
    spent, entries = kept.spent(), kept.entries()
    kept.put_back()
    must_be_frozen(kept)
    assert kept.spent() != spent
    lines = export.read_text().splitlines()
    export.write_text("\n".join(lines[:-1]) + "\n")
    assert f"got entries up to {entries - 1}" in kept.typed("ledger", "import", str(export), code=1)
    forged = [*lines[:-2], lines[-2].replace('"rel_', '"rel_x'), lines[-1]]
    export.write_text("\n".join(line.replace("spend.begun", "spend.freed") for line in forged) + "\n")
    kept.typed("ledger", "import", str(export), code=1)
    must_be_frozen(kept)
    export.write_text("\n".join(lines) + "\n")
    assert "whole again" in kept.typed("ledger", "import", str(export))
    assert kept.spent() == spent, "every account is where it was before the restore"
    assert checked(kept.house.node.database).valid
    again = kept.house.ask(MEAN, 0.3)
    assert again.status_code == 200
    assert again.json()["repeated"] is False, "the answer was lost, and is a new spend"
    assert kept.house.get("/v1/ledger/checkpoint").status_code == 200
    assert kept.house.get("/v1/ledger/verification", kept.house.owner).json()["valid"] is True


def test_an_import_brings_raised_caps_and_windows_back_too(kept: Kept, tmp_path: Path) -> None:
    raise_population(kept.house.node, "people", 3.0)
    refresh_population(kept.house.node, "people", 30)
    export = tmp_path / "ledger.jsonl"
    kept.typed("ledger", "export", str(export))
    kept.put_back()
    assert kept.house.population()["cap"] == 2.0
    kept.typed("ledger", "import", str(export))
    assert checked(kept.house.node.database).valid, "accounts are what the chain adds up to"
    found = kept.house.population()
    assert (found["cap"], found["window"]["days"]) == (3.0, 30)


@pytest.mark.skipif(cell.tier() < code.TIER, reason=f"this machine's sandbox does not reach {code.TIER}")
def test_an_import_brings_back_that_a_promise_ended_and_runs_no_code_a_second_time(kept: Kept, tmp_path: Path) -> None:
    code_jobs.allow(kept.house)
    job = code_jobs.submitted(kept.house)
    code_jobs.decide(kept.house, job)
    kept.backed_up()
    assert code_jobs.work(kept.house) == 1
    output = kept.house.get(f"/v1/code-jobs/{job['id']}/airlock", kept.house.owner).json()
    assert code_jobs.let_go(kept.house, job, output).status_code == 200
    ended = kept.house.population()["promise_ended"]
    export = tmp_path / "ledger.jsonl"
    kept.typed("ledger", "export", str(export))
    kept.put_back()
    assert kept.house.population()["promise_ended"] is None
    kept.typed("ledger", "import", str(export))
    assert kept.house.population()["promise_ended"] == ended
    assert code_jobs.work(kept.house) == 0
    assert code_jobs.show(kept.house, job)["status"] == "failed"
    assert checked(kept.house.node.database).valid


def test_entries_lost_for_good_count_the_caps_as_spent_for_good(kept: Kept) -> None:
    kept.put_back()
    must_be_frozen(kept)
    assert "caps of 1 populations count as spent" in kept.typed("ledger", "write-off", "--yes")
    population = kept.house.population()
    assert (population["left"], population["spent"]) == (0, population["cap"])
    refused = kept.house.ask(MEAN, 0.01)
    assert (refused.status_code, refused.json()["code"]) == (403, "budget_exhausted")
    with kept.house.node.database.writing() as session:
        account = session.scalars(select(AccountRow).where(AccountRow.kind == book.POPULATION)).one()
        book.raise_cap(session, account.id, account.cap * 10)
    assert kept.house.ask(MEAN, 0.01).status_code == 403, "no cap that is raised later opens it again"
    assert checked(kept.house.node.database).valid
    assert kept.house.get("/v1/ledger/checkpoint").status_code == 200
    assert "lacks nothing" in kept.typed("ledger", "write-off", "--yes", code=1)


def test_a_lost_witness_stops_spending_too_and_a_kept_checkpoint_takes_its_place(kept: Kept, tmp_path: Path) -> None:
    house = kept.house
    house.sdk().checkpoint(tmp_path / "mine")
    kept.closed()
    house.node.witness.path.unlink()
    kept.opened()
    must_be_frozen(kept, missing=False)
    assert "is gone" in house.ask(FRESH, 0.1).json()["detail"]
    assert house.ask(MEAN, 0.3).json()["repeated"] is True, "what was paid for and stored is still answered"
    house.node.witness.path.write_bytes((tmp_path / "mine").read_bytes())
    assert house.ask(FRESH, 0.1).status_code == 200


def test_a_torn_write_leaves_the_checkpoint_before_it(kept: Kept) -> None:
    witness = kept.house.node.witness
    newest = witness.newest()
    slots = witness.path.read_bytes()
    half = 640
    torn = [slots[:half], slots[half:]]
    place = 0 if f'"seq":{newest.seq},'.encode() in torn[0] else 1
    torn[place] = torn[place][:300] + b"\0" * 340
    witness.path.write_bytes(b"".join(torn))
    before = witness.newest()
    assert before.seq < newest.seq
    assert kept.house.ask(FRESH, 0.1).status_code == 200
    assert witness.newest().seq > newest.seq
    witness.path.write_bytes(b"neither of them")
    must_be_frozen(kept, missing=False)


def test_the_witness_lies_where_the_settings_say(tmp_path: Path) -> None:
    assert Settings(folder=tmp_path).checkpoint_path == tmp_path / "checkpoint.json"
    elsewhere = tmp_path / "other disk" / "witness"
    assert Settings(folder=tmp_path, checkpoint_file=elsewhere).checkpoint_path == elsewhere
