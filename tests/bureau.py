"""A bureau: a node with people and no table, for tests of who may come in."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import argon2
import pytest
from starlette.testclient import TestClient

from jali.wire.person import Role
from jali_node.actions.operations.create_node import create_node, prepare_folder
from jali_node.actions.people.add_person import add_person, add_project
from jali_node.actions.people.create_token import create_token
from jali_node.app import create_app, open_node
from jali_node.node import Node
from jali_node.people import passwords, throttle
from jali_node.settings import Settings


@dataclass
class Bureau:
    """A node with an owner and a data scientist, and a client that speaks to it without a socket."""

    node: Node
    client: TestClient
    owner: str
    scientist: str
    folder: Path

    def send(self, method: str, path: str, token: str = "", body: Any = None, **headers: str) -> Any:
        content = {"json": body} if body is not None else {}
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.request(method, path, headers={**bearer, **headers}, **content)

    def get(self, path: str, token: str | None = None) -> Any:
        return self.send("GET", path, token or self.scientist)

    def post(self, path: str, body: Any, token: str | None = None) -> Any:
        return self.send("POST", path, token or self.scientist, body)

    def ledger(self) -> list[dict[str, Any]]:
        return list(self.client.get("/v1/ledger?limit=1000", headers=self.bearer(self.owner)).json()["entries"])

    def person(self, name: str) -> dict[str, Any]:
        [found] = [one for one in self.get("/v1/people", self.owner).json() if one["name"] == name]
        return dict(found)

    @staticmethod
    def bearer(token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}


def furnish(folder: Path, **settings: Any) -> tuple[str, str]:
    """Make such a node in a folder, and return its people's tokens."""
    prepare_folder(folder, "bureau")
    node = open_node(Settings(folder=folder, name="bureau", **settings))
    create_node(node, "Olga Owner")
    add_project(node, "study", "to test")
    add_person(node, "Dana Scientist", Role.DATA_SCIENTIST, ("study",))
    owner, scientist = (create_token(node, person, 30)[0] for person in ("Olga Owner", "Dana Scientist"))
    node.close()
    return owner, scientist


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Return a node that others are copied from: its folder, and its people's tokens."""
    folder = tmp_path_factory.mktemp("pattern") / "bureau"
    return folder, *furnish(folder)


@pytest.fixture
def build_bureau(tmp_path: Path, pattern: tuple[Path, str, str]) -> Iterator[Callable[..., Bureau]]:
    """Return a builder of such nodes; they are closed when the test ends."""
    opened: list[TestClient] = []

    def build(database_url: str | None = None, **settings: Any) -> Bureau:
        folder = tmp_path / "bureau"
        source, owner, scientist = pattern
        if database_url is None:
            shutil.copytree(source, folder)
        else:
            owner, scientist = furnish(folder, database_url=database_url)
        chosen = Settings(folder=folder, name="bureau", database_url=database_url, **settings)
        client = TestClient(create_app(chosen), raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        app: Any = client.app
        return Bureau(app.state.node, client, owner, scientist, folder)

    yield build
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def bureau(build_bureau: Callable[..., Bureau]) -> Bureau:
    """Return a node with an owner and a data scientist."""
    return build_bureau()


@pytest.fixture
def at_ease(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make passwords cheap to check and a burst short, for tests of what happens rather than of what it costs."""
    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    monkeypatch.setattr(throttle, "PERSON", throttle.Pace(3, throttle.PERSON.step))
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()
