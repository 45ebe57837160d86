"""`jali doctor` against a node that is really served over https, and with each thing broken in turn."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner
from sqlalchemy import update

from jali import commands, doctor, profile
from jali.profile import Profile
from jali.transport import Transport
from jali_node.store.database import Database
from jali_node.tables import TokenRow


@dataclass
class Served:
    """A node behind https, its token, and the authority that signed its certificate."""

    url: str
    token: str
    ca: str
    folder: Path


@pytest.fixture(scope="module")
def served(pattern: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a node that a process of its own serves."""
    folder = tmp_path_factory.mktemp("served") / "bureau"
    shutil.copytree(pattern[0], folder)
    authority = trustme.CA()
    pair = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=60))
    pair.cert_chain_pems[0].write_to_path(folder / "node.pem")
    pair.private_key_pem.write_to_path(folder / "node-key.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    files = {"JALI_NODE_TLS_CERTIFICATE": f"{folder}/node.pem", "JALI_NODE_TLS_KEY": f"{folder}/node-key.pem"}
    command = [sys.executable, "-m", "jali", "node", "serve", "--folder", str(folder), "--port", "0"]
    with subprocess.Popen(
        [*command, "--stop-with-parent"], stdin=-1, stdout=-1, text=True, env={**os.environ, **files}
    ) as process:
        assert process.stdout
        assert process.stdin
        url = process.stdout.readline().split()[-1]
        yield Served(url, pattern[2], str(folder / "ca.pem"), folder)
        process.stdin.close()
        process.wait(60)


@pytest.fixture
def known(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Return it as one that this machine knows."""
    monkeypatch.setenv("JALI_CONFIG", str(tmp_path / "config"))
    for name in ("JALI_URL", "JALI_TOKEN", "JALI_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    profile.store("clinic", Profile(served.url, served.token, served.ca))
    return served


def examined(code: int) -> dict[str, dict[str, str]]:
    done = CliRunner().invoke(commands.jali(), ["doctor", "--json"])
    assert done.exit_code == code, done.output
    return {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}


def test_a_node_that_is_well_is_reached_trusted_on_time_and_signed_in_to(known: Served) -> None:
    found = examined(0)
    assert {finding["state"] for finding in found.values()} == {"ok"}, found
    assert known.url in found["clinic"]["found"]
    assert "certificate is good until" in found["clinic TLS"]["found"]
    assert "Dana Scientist, data_scientist, until" in found["clinic token"]["found"]
    assert found["clinic clock"]["found"].endswith("s from this machine's")
    said = CliRunner().invoke(commands.jali(), ["doctor"]).output
    assert known.token not in said
    assert said.splitlines()[-1].endswith("0 to look at, 0 failing")


def _nobody(known: Served) -> None:
    profile.store("clinic", Profile("https://127.0.0.1:1", known.token, known.ca))


def _untrusted(known: Served) -> None:
    profile.store("clinic", Profile(known.url, known.token))


def _open(known: Served) -> None:
    profile.path().chmod(0o644)


def _no_token(known: Served) -> None:
    profile.store("clinic", Profile(known.url, None, known.ca))


def _wrong_token(known: Served) -> None:
    profile.store("clinic", Profile(known.url, "jali_wrong", known.ca))


def _plain(known: Served) -> None:
    profile.store("clinic", Profile("http://node.example", known.token))


def _damaged(known: Served) -> None:
    profile.path().write_text("{")


@pytest.mark.parametrize(
    ("breaks", "check", "words"),
    [
        (_nobody, "clinic", "the node running"),
        (_untrusted, "clinic", "no authority that this machine trusts"),
        (_open, "profiles", "chmod 600"),
        (_no_token, "clinic token", "none is stored; jali login"),
        (_wrong_token, "clinic token", "does not know the token"),
        (_plain, "clinic", "in the clear"),
        (_damaged, "profiles", "Invalid JSON"),
    ],
)
def test_what_is_broken_is_said_with_what_to_do(
    known: Served, breaks: Callable[[Served], None], check: str, words: str
) -> None:
    breaks(known)
    finding = examined(1)[check]
    assert finding["state"] == "fail"
    assert words in f"{finding['found']}; {finding['advice']}"
    assert known.token not in str(finding)


def test_a_token_that_ends_soon_or_has_ended_is_told_with_its_day(known: Served) -> None:
    now = datetime.now(UTC)
    for ends, state, words in (
        (now + timedelta(days=2), "warn", "renew"),
        (now - timedelta(hours=1), "fail", "expired"),
    ):
        with closing(Database(f"sqlite:///{known.folder / 'node.db'}")) as database, database.writing() as session:
            session.execute(update(TokenRow).values(expires_at=ends))
        found = examined(1 if state == "fail" else 0)["clinic token"]
        assert (found["state"], words in f"{found['found']}; {found['advice']}") == (state, True)
    with closing(Database(f"sqlite:///{known.folder / 'node.db'}")) as database, database.writing() as session:
        session.execute(update(TokenRow).values(expires_at=now + timedelta(days=30)))


def test_a_clock_that_differs_and_a_node_of_another_time_are_said(
    known: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transport, "clock", lambda way: "Mon, 01 Jan 2024 00:00:00 GMT")
    monkeypatch.setattr(doctor, "WIRE_VERSION", 9)
    found = examined(1)
    assert "behind this machine's" in found["clinic clock"]["found"]
    assert found["clinic clock"]["state"] == "warn"
    assert "upgrade the node" in found["clinic version"]["advice"]


def test_where_no_node_is_known_it_says_how_to_begin(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("JALI_CONFIG", str(tmp_path))
    monkeypatch.delenv("JALI_URL", raising=False)
    assert "jali login" in examined(0)["nodes"]["advice"]
    monkeypatch.setenv("JALI_URL", "https://127.0.0.1:1")
    assert examined(1)["JALI_URL"]["state"] == "fail"
