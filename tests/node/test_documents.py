"""Files that people write, wrong in every way: each is one clear line that names the file and the place, never a trace.

`unreadable` is a file whose reading fails whoever asks, root too.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jali import commands, profile
from jali_node.commands import node as node_commands

CARD = """
name = "visits"
title = "Visits"
population = "people"
[columns.age]
type = "integer"
lower = 0
upper = 100
"""
POLICY = '[[rule]]\nname = "small"\neffect = "allow"\n'
SETTINGS = 'name = "bureau"\nport = 8400\n'
PROFILES = json.dumps({"default": {"url": "https://a.example", "token": "hidden-token", "ca": None}})

WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "not TOML": (lambda path: path.write_text("name = \n"), "at line 1"),
    "not UTF-8": (lambda path: path.write_bytes(b'name = "ok"\ntitle = "\xff"\n'), "line 2: this is not UTF-8"),
    "a folder": (lambda path: path.mkdir(), "is a folder|is a directory"),
    "unreadable": (lambda path: path.symlink_to("/proc/self/mem"), "cannot be read: Input/output error"),
    "missing": (lambda path: None, "cannot be read: No such file|does not exist"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "huge": (lambda path: path.write_bytes(b"#" * 2_000_000), "bytes, got 2000000"),
    "nested too deeply": (lambda path: path.write_text("a = " + "[" * 5000), "nested too deeply|recursion depth"),
}
FIELDS: dict[str, list[tuple[str, str, str]]] = {
    "card": [
        ("lower = 0", 'lower = "none"', "columns.age.lower: "),
        ("lower = 0", "lowest = 0", "columns.age.lowest: .*there is no such field"),
        ("[columns.age]", "[columns]\nage = 3\n[other]", "columns.age: .*expected a table"),
        ('title = "Visits"', "titel = 1", r"titel|title"),
    ],
    "policy": [
        ('effect = "allow"', 'effect = "no"', "rule 'small', effect"),
        ('effect = "allow"', 'effect = "allow"\nepsilon_most = 3', "epsilon_most"),
        ("[[rule]]", "[rules]", "rules"),
    ],
    "settings": [
        ("port = 8400", 'port = "many"', "port: .*JALI_NODE_PORT"),
        ("port = 8400", "prot = 8400", "prot: there is no such field"),
        ("port = 8400", "port = 99999999", "port: .*less than or equal to 65535"),
    ],
}


def one_line(output: str, path: Path | str) -> str:
    assert "Traceback" not in output
    line = [line for line in output.splitlines() if line.startswith(("Error: ", "error: "))][-1]
    assert str(path) in output
    return line


def typed(*arguments: str | Path) -> str:
    done = CliRunner().invoke(node_commands, [str(part) for part in arguments])
    assert done.exit_code in (1, 2), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


def arguments(kind: str, path: Path, folder: Path, table: Path) -> list[str | Path]:
    given: dict[str, list[str | Path]] = {
        "card": ["dataset", "add", table, "--card", path],
        "policy": ["policy", "set", path],
        "settings": ["user", "list"],
        "key": ["user", "list"],
    }
    return [*given[kind], "--folder", folder]


@pytest.fixture
def place(pattern: tuple[Path, str, str], tmp_path: Path) -> tuple[Path, Path]:
    """Return a copy of a node's folder, and a table."""
    folder = tmp_path / "bureau"
    shutil.copytree(pattern[0], folder)
    table = tmp_path / "visits.csv"
    table.write_text("age\n41\n")
    return folder, table


def path_of(kind: str, folder: Path) -> Path:
    names = {"card": folder.parent / "card.toml", "policy": folder.parent / "policy.toml"}
    return names.get(kind) or folder / {"settings": "node.toml", "key": "node.key"}[kind]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("kind", ["card", "policy", "settings", "key"])
def test_a_file_that_is_wrong_as_a_whole_is_named_with_what_is_wrong(
    place: tuple[Path, Path], kind: str, wrong: str
) -> None:
    folder, table = place
    path = path_of(kind, folder)
    path.unlink(missing_ok=True)
    make, words = WRONG[wrong]
    make(path)
    if (kind, wrong) in {("settings", "missing"), ("settings", "empty")}:  # then everything is as it is by default
        assert CliRunner().invoke(node_commands, ["user", "list", "--folder", str(folder)]).exit_code == 0
        return
    if kind == "key" and wrong == "missing":
        assert "there is no node" in typed(*arguments(kind, path, folder, table))
        return
    output = typed(*arguments(kind, path, folder, table))
    if kind == "key" and wrong in ("not TOML", "nested too deeply"):
        words = "no unencrypted Ed25519 private key in PEM"
    line = one_line(output, path)
    assert re.search(words, line), line


@pytest.mark.parametrize(
    ("kind", "before", "after", "words"), [(kind, *case) for kind, cases in FIELDS.items() for case in cases]
)
def test_a_wrong_field_is_named(place: tuple[Path, Path], kind: str, before: str, after: str, words: str) -> None:
    folder, table = place
    path = path_of(kind, folder)
    whole = {"card": CARD, "policy": POLICY, "settings": SETTINGS}[kind]
    assert before in whole
    path.write_text(whole.replace(before, after))
    output = typed(*arguments(kind, path, folder, table))
    line = one_line(output, path)
    assert re.search(words, line), line


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("JALI_NODE_PORT", "many", "port: .*JALI_NODE_PORT"),
        ("JALI_NODE_SOURCES", "{", "sources"),
        ("JALI_NODE_DATABASE_URL_FILE", "/no/such/file", "JALI_NODE_DATABASE_URL_FILE: /no/such/file cannot be read"),
        ("JALI_NODE_SOURCES_FILE", "secret", "secret, line 1: this is not JSON"),
    ],
)
def test_a_wrong_variable_of_the_environment_is_named_without_its_value(
    place: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    folder, table = place
    if value == "secret":
        (folder / "secret").write_text('{"warehouse": "hidden')
        value = str(folder / "secret")
    monkeypatch.setenv(variable, value)
    line = one_line(typed(*arguments("settings", folder, folder, table)), "")
    assert re.search(words, line), line
    assert "hidden" not in line


def test_a_policy_that_is_refused_leaves_the_last_good_one_in_force(bureau: Any, tmp_path: Path) -> None:
    """On a node that serves: by the command line, and by its route."""
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    done = CliRunner().invoke(node_commands, ["policy", "set", str(path), "--folder", str(bureau.folder)])
    assert done.exit_code == 0, done.output
    good = bureau.get("/v1/policy", bureau.owner).json()
    assert good["text"] == POLICY
    for text in ("name = \n", POLICY.replace("allow", "no"), POLICY + 'persons = ["Nobody"]\n'):
        path.write_text(text)
        typed("policy", "set", path, "--folder", bureau.folder)
        assert bureau.send("PUT", "/v1/policy", bureau.owner, {"text": text}).status_code == 400
        assert bureau.get("/v1/policy", bureau.owner).json() == good


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda path: path.write_text('{"default": '), "Invalid JSON.* line 1"),
        (lambda path: path.write_bytes(b'{"default": "\xff"}'), "Invalid JSON|cannot read"),
        (lambda path: path.write_text("[]"), "cannot read"),
        (lambda path: path.write_text(PROFILES.replace('"url"', '"urll"')), "default.urll|default.url"),
        (lambda path: path.write_text(PROFILES.replace('"hidden-token"', "7")), "default.token"),
        (lambda path: path.write_text(PROFILES.replace("null", "null, \"also\": 1")), "default.also"),
        (lambda path: path.write_bytes(b""), "Invalid JSON"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.symlink_to("/proc/self/mem"), "Input/output error"),
    ],
)  # fmt: skip
def test_a_profile_file_that_is_wrong_is_one_line_that_names_it_and_the_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Path], object], words: str
) -> None:
    monkeypatch.setenv("JALI_CONFIG", str(tmp_path))
    wrong(profile.path())
    done = CliRunner().invoke(commands.jali(), ["token", "list"])
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert str(profile.path()) in done.output
    assert re.search(words, done.output), done.output
    assert "hidden-token" not in done.output
