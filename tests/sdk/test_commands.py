import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner

from jali import commands, errors, profile, transport


def run(*args: str, **options: Any) -> Any:
    return CliRunner().invoke(commands.jali(), list(args), **options)


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    found = [EntryPoint("sdk", "jali.commands:COMMANDS", commands.GROUP)]
    monkeypatch.setattr(commands, "entry_points", lambda group: found)
    return found


@pytest.fixture
def signed_in(fake: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(transport, "_client", lambda url, ca: fake.client())
    return fake


def test_a_missing_extra_is_named_and_the_rest_works(points: list[EntryPoint]) -> None:
    points.append(EntryPoint("node", "no_such_package.commands:COMMANDS", commands.GROUP))
    for args in (["node"], ["node", "serve", "--port", "1"], ["node", "--help"]):
        result = run(*args)
        assert result.exit_code == 1
        assert result.output.startswith("error: `jali node` needs the extra: pip install 'jali[node]'")
        assert "no_such_package" in result.output
        assert result.output.count("\n") == 1
    assert "jali[node]" in run("--help").output
    assert run("login", "--help").exit_code == 0


def test_commands_of_other_packages_are_merged(points: list[EntryPoint], monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def portal() -> None:
        click.echo("here")

    other = ModuleType("other_commands")
    other.COMMANDS = [portal]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "other_commands", other)
    points.append(EntryPoint("portal", "other_commands:COMMANDS", commands.GROUP))
    assert run("portal").output == "here\n"


def test_a_refusal_is_one_line_and_exit_code_1(points: list[EntryPoint], monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def fail() -> None:
        raise errors.BudgetExhausted("nothing\nleft")

    monkeypatch.setattr(commands, "COMMANDS", (fail,))
    result = run("fail")
    assert (result.exit_code, result.output) == (1, "error: nothing left\n")


def test_login_tries_the_token_and_stores_it(points: list[EntryPoint], signed_in: Any) -> None:
    result = run("login", "http://127.0.0.1:1", "--token-stdin", input="secret-token\n")
    assert result.exit_code == 0, result.output
    assert "signed in to Aare as Ada" in result.output
    assert "secret-token" not in result.output
    assert profile.stored()["default"].token == "secret-token"  # noqa: S105
    assert ("GET", "/v1/me") in signed_in.calls


def test_login_takes_the_token_from_a_hidden_prompt_or_the_environment(
    points: list[EntryPoint], signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompted = run("login", "http://127.0.0.1:1", "--profile", "north", input="t-prompt\n")
    assert prompted.exit_code == 0
    assert "t-prompt" not in prompted.output
    monkeypatch.setenv("JALI_TOKEN", "t-env")
    assert run("login", "http://127.0.0.1:1", "--profile", "south").exit_code == 0
    assert {name: p.token for name, p in profile.stored().items()} == {"north": "t-prompt", "south": "t-env"}


def test_login_stores_nothing_that_the_node_refuses(points: list[EntryPoint], signed_in: Any) -> None:
    signed_in.refuse("/v1/me", "not_signed_in", "unknown token", 401)
    result = run("login", "http://127.0.0.1:1", "--token-stdin", input="wrong\n")
    assert (result.exit_code, result.output) == (1, "error: unknown token\n")
    assert profile.stored() == {}


def test_the_demo_names_its_extra(points: list[EntryPoint], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jali.demo.show", None)
    result = run("demo", "--exit")
    assert result.exit_code == 1
    assert "jali[demo]" in result.output


def test_the_demo_is_run_and_its_exit_code_passed_on(points: list[EntryPoint], monkeypatch: pytest.MonkeyPatch) -> None:
    show = ModuleType("jali.demo.show")
    show.run = lambda exit_at_once, hands_on: 3 if exit_at_once else 4  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jali.demo", ModuleType("jali.demo"))
    monkeypatch.setitem(sys.modules, "jali.demo.show", show)
    assert run("demo", "--exit").exit_code == 3
    assert run("demo").exit_code == 4


def test_the_version_is_told() -> None:
    assert run("--version").output.startswith("jali, version ")
