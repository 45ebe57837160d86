"""What an owner types, as processes and in one."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner, Result

from jali_node.commands import node as node_commands
from jali_node.settings import Settings

CARD = """
name = "visits"
title = "Visits"
population = "people"
[columns.age]
type = "integer"
lower = 0
upper = 100
"""


def typed(folder: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(node_commands, [*arguments, "--folder", str(folder)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "node"
    typed(made, "init", "--name", "Clinic", "--owner", "Olga")
    return made


def test_init_makes_a_closed_folder_and_shows_a_token_once(tmp_path: Path) -> None:
    made = tmp_path / "node"
    output = typed(made, "init", "--name", 'Clinic "North"', "--owner", "Olga").output
    token = output.split()[-1]
    assert token.startswith("jali_")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE((made / "node.key").stat().st_mode) == 0o600
    assert token.encode() not in (made / "node.db").read_bytes()
    assert Settings(folder=made).name == 'Clinic "North"'


def test_init_never_overwrites_a_node(folder: Path) -> None:
    key = (folder / "node.key").read_bytes()
    assert "already" in typed(folder, "init", "--name", "Clinic", "--owner", "Olga", code=1).output
    assert (folder / "node.key").read_bytes() == key


def test_a_population_a_dataset_and_people_are_added_and_the_ledger_holds(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(CARD)
    (tmp_path / "visits.csv").write_text("age,name\n41,Ada\nabc,Bo\n,Cy\n")
    typed(folder, "population", "add", "people", "--units", "1234", "--epsilon", "2")
    typed(folder, "dataset", "add", str(tmp_path / "visits.csv"), "--card", str(tmp_path / "card.toml"))
    typed(folder, "project", "add", "study", "--purpose", "to learn")
    typed(folder, "user", "add", "Dana", "--project", "study")
    assert typed(folder, "token", "create", "Dana").stdout.strip().startswith("jali_")
    assert "entries follow from each other" in typed(folder, "verify-ledger").output
    assert "the database is at revision 0" in typed(folder, "migrate").output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("population", "add", "p", "--units", "0", "--epsilon", "1"), "units: expected 1 <= units"),
        (("population", "add", "p", "--units", "10", "--epsilon", "-1"), "epsilon: expected 0 < epsilon"),
        (("population", "add", "p", "--units", "10", "--epsilon", "nan"), "epsilon: expected 0 < epsilon"),
        (("population", "add", "p", "--units", "10", "--epsilon", "1", "--delta", "0.5"), "delta: expected"),
        (("user", "add", "Dana", "--project", "none"), "there is no project none"),
        (("user", "add", "Olga"), "there is a person Olga already"),
        (("token", "create", "Nobody"), "there is no person Nobody"),
        (("token", "create", "Olga", "--days", "0"), "days: expected 1 <= days <= 3650, got 0"),
    ],
)
def test_a_wrong_word_is_one_clear_line_and_nothing_is_written(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = typed(folder, "verify-ledger").output
    assert words in typed(folder, *arguments, code=1).output
    assert typed(folder, "verify-ledger").output == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("lower = 0", "lower = 200"), "expected lower < upper, got 200 and 100"),
        (("lower = 0\n", ""), "lower and upper come together"),
        (('type = "integer"', 'type = "date"'), "columns.age.type"),
        (('population = "people"', 'population = "others"'), "there is no population others"),
        (("[columns.age]", "[columns.size]"), "columns.size: the card declares column size"),
        (('title = "Visits"', ""), "card.toml: Field required"),
        (("lower = 0", "lower = 0.5"), "expected whole bounds"),
        (('title = "Visits"', "title = "), "cannot be read as TOML"),
    ],
)
def test_a_card_that_is_wrong_is_refused_by_field(
    folder: Path, tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    typed(folder, "population", "add", "people", "--units", "1234", "--epsilon", "2")
    (tmp_path / "card.toml").write_text(CARD.replace(*change))
    (tmp_path / "visits.csv").write_text("age\n41\n")
    result = typed(
        folder, "dataset", "add", str(tmp_path / "visits.csv"), "--card", str(tmp_path / "card.toml"), code=1
    )
    assert words in result.output


def test_settings_come_from_environment_over_toml_and_secrets_from_files(
    folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    assert Settings(folder=folder).name == "Clinic"
    monkeypatch.setenv("JALI_NODE_NAME", "Other")
    secret = tmp_path / "url"
    secret.write_text("postgresql+psycopg://u:hidden@h/db\n")
    monkeypatch.setenv("JALI_NODE_DATABASE_URL_FILE", str(secret))
    settings = Settings(folder=folder)
    assert settings.name == "Other"
    assert settings.url.endswith("hidden@h/db")
    assert "hidden" not in repr(settings)


def test_serve_answers_on_a_free_port_and_ends_with_its_parent(folder: Path) -> None:
    command = [sys.executable, "-m", "jali", "node", "serve", "--folder", str(folder), "--port", "0"]
    with subprocess.Popen(
        [*command, "--stop-with-parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        address = process.stdout.readline().split()[-1]
        about = httpx2.get(f"{address}/v1/node")
        assert json.loads(about.text)["name"] == "Clinic"
        assert httpx2.get(f"{address}/health").json() == {"status": "ok"}
        process.stdin.close()
        assert process.wait(20) == 0
