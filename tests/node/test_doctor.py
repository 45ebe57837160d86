"""`jali node doctor` on a node that is well, and on one that is broken: each thing in turn, for real."""

import json
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner

from jali_node import audit
from jali_node.commands import node as node_commands
from jali_node.ledger import chain
from jali_node.sandbox import cell
from jali_node.store.database import Database


@pytest.fixture
def folder(pattern: tuple[Path, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of a node's folder. What workers reach is found once: it takes a process."""
    copy = tmp_path / "bureau"
    shutil.copytree(pattern[0], copy)
    copy.chmod(0o700)
    monkeypatch.setattr(cell, "tier", lambda: 4)
    return copy


def examined(folder: Path, code: int) -> dict[str, dict[str, str]]:
    """Return the findings by check; where a check has several, the worst."""
    done = CliRunner().invoke(node_commands, ["doctor", "--json", "--folder", str(folder)])
    assert done.exit_code == code, done.output
    found: dict[str, dict[str, str]] = {}
    for finding in sorted(
        json.loads(done.stdout)["findings"], key=lambda each: ["ok", "warn", "fail"].index(each["state"])
    ):
        found[finding["check"]] = finding
    return found


def toml(folder: Path, text: str) -> None:
    with (folder / "node.toml").open("a") as file:
        file.write(text)


def certified(folder: Path, left: timedelta) -> None:
    authority = trustme.CA()
    pair = authority.issue_cert("node.example", not_after=datetime.now(UTC) + left)
    pair.cert_chain_pems[0].write_to_path(folder / "node.pem")
    pair.private_key_pem.write_to_path(folder / "node-key.pem")
    (folder / "node-key.pem").chmod(0o600)
    toml(folder, f'tls_certificate = "{folder}/node.pem"\ntls_key = "{folder}/node-key.pem"\n')


def on_database(folder: Path, act: Callable[[Any], object]) -> None:
    with closing(Database(f"sqlite:///{folder / 'node.db'}")) as database, database.writing() as session:
        act(session)


def tampered(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "node.db")) as connection:
        connection.execute("DROP TRIGGER entry_no_update")
        connection.execute("UPDATE entry SET body = '{}' WHERE seq = 1")
        connection.commit()


def older(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "node.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()


def fast(folder: Path) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    on_database(folder, lambda session: chain.append(session, audit.NODE_CREATED, {}, at=ahead))


def closed_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


MAIL = '[notices.mail]\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\nsender = "jali@example.org"\n'
HOOK = '[[notices.webhooks]]\nname = "chat"\nurl = "http://127.0.0.1:{port}/x"\nsecret = "whsec_{key}"\n'

BROKEN: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "folder open to others": (lambda f: f.chmod(0o755), "folder", "fail", "chmod 700"),
    "key open to others": (lambda f: (f / "node.key").chmod(0o644), "key", "fail", "chmod 600"),
    "key gone": (lambda f: (f / "node.key").unlink(), "key", "fail", "No such file"),
    "settings wrong": (lambda f: toml(f, "prot = 1\n"), "settings", "fail", "prot: there is no such field"),
    "database gone": (lambda f: (f / "node.db").unlink(), "database", "fail", "there is no file"),
    "database of another release": (older, "database", "fail", "run jali node migrate"),
    "database not one": (lambda f: (f / "node.db").write_bytes(b"x" * 5000), "database", "fail", "does not answer"),
    "checkpoint gone": (lambda f: (f / "checkpoint.json").unlink(), "checkpoint", "fail", "is gone"),
    "checkpoint damaged": (lambda f: (f / "checkpoint.json").write_text("x"), "checkpoint", "fail", "no checkpoint of"),
    "ledger changed": (tampered, "ledger", "fail", "departs at entry 1"),
    "clock behind": (fast, "clock", "fail", "jali node clock"),
    "checkpoint's folder gone": (lambda f: toml(f, 'checkpoint_file = "/no/such/one"\n'), "disk", "fail", "no folder"),
    "certificate over": (lambda f: certified(f, timedelta(hours=-1)), "TLS", "fail", "ended on"),
    "certificate soon over": (lambda f: certified(f, timedelta(days=3)), "TLS", "warn", "good until"),
    "certificate lost": (lambda f: toml(f, 'tls_certificate = "/no"\ntls_key = "/no"\n'), "TLS", "fail", "no file /no"),
    "no TLS for others": (lambda f: toml(f, 'host = "0.0.0.0"\n'), "TLS", "warn", "tls_certificate"),
    "source down": (
        lambda f: toml(f, f'[sources]\nwarehouse = "postgresql+psycopg://u:hidden@127.0.0.1:{closed_port()}/d"\n'),
        "source", "fail", "warehouse does not answer",
    ),
    "mail down": (lambda f: toml(f, MAIL.format(port=closed_port())), "mail", "fail", "does not take mail"),
    "webhook down": (lambda f: toml(f, HOOK.format(port=closed_port(), key="A" * 44)), "webhook", "fail", "chat"),
}  # fmt: skip


def test_a_node_that_is_well_fails_in_nothing(folder: Path) -> None:
    found = examined(folder, 0)
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert {"folder", "key", "disk", "TLS", "workers", "database", "clock", "checkpoint", "ledger"} <= set(found)
    done = CliRunner().invoke(node_commands, ["doctor", "--folder", str(folder)])
    lines = done.output.splitlines()
    assert all(line.startswith("✓ ") for line in lines[:-1])
    assert lines[-1].endswith("0 to look at, 0 failing")


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_is_found_and_nothing_else_stops_the_rest(folder: Path, broken: str) -> None:
    do, check, state, words = BROKEN[broken]
    do(folder)
    before = {path.name for path in folder.iterdir()}
    finding = examined(folder, 1 if state == "fail" else 0)[check]
    assert finding["state"] == state, finding
    assert words in f"{finding['found']}; {finding['advice']}"
    assert finding["advice"]
    assert "hidden" not in str(finding)
    assert {path.name for path in folder.iterdir()} - before <= {"node.db-shm", "node.db-wal"}, "it makes nothing"


def test_a_folder_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    assert "there is no folder" in examined(tmp_path / "none", 1)["folder"]["found"]
    assert not (tmp_path / "none").exists()


def test_a_table_that_was_moved_or_changed_is_named(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell, "tier", lambda: 4)
    house.folder.chmod(0o700)
    assert examined(house.folder, 0)["table"]["found"] == "visits is as it was registered"
    table = house.folder / "visits.parquet"
    table.write_bytes(table.read_bytes() + b" ")
    assert "is not what was registered" in examined(house.folder, 1)["table"]["found"]
    table.unlink()
    found = examined(house.folder, 1)["table"]
    assert found["found"].startswith("visits: there is no ")
    assert "register it again" in found["advice"]


def test_receivers_that_answer_are_said_to_and_are_sent_nothing(folder: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        toml(folder, HOOK.format(port=listening.getsockname()[1], key="A" * 44))
        assert examined(folder, 0)["webhook"]["state"] == "ok"
        called, _ = listening.accept()
        with called:
            assert called.recv(1) == b""


def test_a_postgresql_that_is_down_is_said_without_its_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JALI_NODE_DATABASE_URL", f"postgresql+psycopg://u:hidden@127.0.0.1:{closed_port()}/d")
    found = examined(folder, 1)
    assert "does not answer" in found["database"]["found"]
    assert "hidden" not in str(found)
    assert found["the rest"]["state"] == "warn"


def test_workers_are_tried_for_real(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert "sandbox tier" in examined(folder, 0)["workers"]["found"]


def test_a_sandbox_below_the_owners_tier_fails_with_both_numbers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell, "tier", lambda: 3)
    toml(folder, "sandbox_tier_min = 4\n")
    assert "tier 3, and sandbox_tier_min is 4" in examined(folder, 1)["workers"]["found"]
