"""A node in a file, and a node again: while it serves, on either database, and never over anything that is there."""

import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from starlette.testclient import TestClient

from jali_node.actions.datasets.register_dataset import register_dataset
from jali_node.actions.operations.backup import back_up
from jali_node.app import create_app
from jali_node.commands import node as node_commands
from jali_node.settings import Settings
from jali_node.store.database import Database
from jali_node.tables import VersionRow

MEAN = {"kind": "mean", "column": "age"}


def run(*arguments: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(node_commands, [str(part) for part in arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_a_restored_node_has_every_record_and_answers_as_before(
    build_house: Callable[..., Any], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup is taken while the node serves, and restored to the other kind of folder: always SQLite."""
    house = build_house(database_url=None if database_url.startswith("sqlite") else database_url)
    house.grant()
    answered = house.ask(MEAN).json()
    back_up(house.node, tmp_path / "node.backup")
    later = house.ask({"kind": "count"}).json()
    said = run("restore", tmp_path / "node.backup", "--folder", tmp_path / "again", code=1)
    assert "entries follow from each other" in said
    assert "nothing will be spent: the checkpoint beside the database is gone" in said
    assert (tmp_path / "again" / "node.key").stat().st_mode & 0o777 == 0o600
    settings = Settings(folder=tmp_path / "again", timed_release=False)
    with TestClient(create_app(settings)) as client:
        again = client.post("/v1/queries", json=house.query(MEAN), headers=house.bearer(house.scientist)).json()
        assert client.get(f"/v1/releases/{later['id']}", headers=house.bearer(house.scientist)).status_code == 404
    assert again["repeated"]
    assert (again["id"], again["measurements"]) == (answered["id"], answered["measurements"])
    assert Settings(folder=tmp_path / "again").key_path.read_bytes() == house.node.settings.key_path.read_bytes()


def test_a_table_that_was_parsed_goes_along_and_one_that_is_read_in_place_stays(house: Any, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("age,weight,site,note\n30,70,north,\n")
    register_dataset(house.node, tmp_path / "more.csv", house.card.model_copy(update={"name": "more"}))
    back_up(house.node, tmp_path / "node.backup")
    run("restore", tmp_path / "node.backup", "--folder", tmp_path / "again", code=1)
    with closing(Database(f"sqlite:///{tmp_path / 'again' / 'node.db'}")) as database, database.reading() as session:
        in_place, parsed = session.scalars(select(VersionRow.path).order_by(VersionRow.registered_at)).all()
    assert in_place == str(house.folder / "visits.parquet")
    assert Path(parsed).parent == tmp_path / "again" / "snapshots"
    assert Path(parsed).exists()


def test_records_move_to_an_empty_postgresql(
    house: Any, new_postgresql: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.ask(MEAN)
    run("backup", tmp_path / "node.backup", "--folder", house.folder)
    monkeypatch.setenv("JALI_NODE_DATABASE_URL", new_postgresql())
    kept = house.folder / "checkpoint.json"
    said = run("restore", tmp_path / "node.backup", "--folder", tmp_path / "again", "--checkpoint", kept)
    assert "holds everything that the checkpoint knows" in said
    assert "follow from each other" in run("verify-ledger", "--folder", tmp_path / "again")
    assert "holds rows" in run("restore", tmp_path / "node.backup", "--folder", tmp_path / "third", code=1)


def test_a_backup_while_others_ask_is_of_one_moment(
    build_house: Callable[..., Any], database_url: str, tmp_path: Path
) -> None:
    """Of either database; it is restored into SQLite."""
    house = build_house(cap=5.0, database_url=None if database_url.startswith("sqlite") else database_url)
    house.grant(epsilon=4.0)
    ended = threading.Event()

    def ask() -> None:
        for number in range(200):
            if ended.is_set():
                return
            house.ask(MEAN, 0.1 + number / 1000)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for number in range(4):
            back_up(house.node, tmp_path / f"{number}.backup")
    finally:
        ended.set()
        asking.join()
    for number in range(4):
        again = "--folder", tmp_path / f"again-{number}", "--checkpoint", house.folder / "checkpoint.json"
        said = run("restore", tmp_path / f"{number}.backup", *again, code=1)
        assert "follow from each other" in said
        assert "lacks entries" in said


def test_nothing_that_is_there_is_written_over(house: Any, tmp_path: Path) -> None:
    target = tmp_path / "node.backup"
    run("backup", target, "--folder", house.folder)
    before = target.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    assert "not written over" in run("backup", target, "--folder", house.folder, code=1)
    assert target.read_bytes() == before
    assert "is not empty" in run("restore", target, "--folder", house.folder, code=1)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_that_is_no_backup_is_refused_and_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no backup")
    with tarfile.open(tmp_path / "empty.tgz", "w:gz"):
        pass
    assert "cannot be read as a backup" in run("restore", tmp_path / "text", "--folder", tmp_path / "new", code=1)
    assert "lacks its facts" in run("restore", tmp_path / "empty.tgz", "--folder", tmp_path / "new", code=1)
    assert not (tmp_path / "new").exists()
