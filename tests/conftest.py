"""A furnished house for tests: a real node in a temporary folder, with one table, an owner and a data scientist."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import httpx2
import pytest
from starlette.testclient import TestClient
from tests.bureau import at_ease, build_bureau, bureau, pattern  # noqa: F401 - fixtures

from jali.node import Node as SdkNode
from jali.transport import Transport
from jali.wire.dataset import Card, UnitKind
from jali.wire.person import Role
from jali_node.actions.budgets.open_population import open_population
from jali_node.actions.datasets.register_dataset import register_dataset
from jali_node.actions.operations.create_node import create_node, prepare_folder
from jali_node.actions.operations.migrate import migrate
from jali_node.actions.people.add_person import add_person, add_project
from jali_node.actions.people.create_token import create_token
from jali_node.app import create_app, open_node
from jali_node.node import Node
from jali_node.settings import Settings
from jali_node.store.database import Database

COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "type": "integer", "lower": 0, "upper": 100, "meaning": "years"},
    {"name": "weight", "type": "number", "lower": 0, "upper": 200},
    {"name": "site", "type": "category", "categories": ["north", "south", "east"]},
    {"name": "note", "type": "number"},
]
ROWS = [
    {
        "age": (7 * i) % 101,
        "weight": 50 + (i * 37 % 1000) / 10,
        "site": ("north", "south", "east", "west")[i % 4],
        "note": None,
    }
    for i in range(2000)
]


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> Path:
    """Write rows with the given DuckDB types, whatever a card may say of them."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, kind in types.items())})")
        for start in range(0, len(rows), 500):
            chunk = rows[start : start + 500]
            marks = ", ".join(f"({', '.join('?' for _ in types)})" for _ in chunk)
            values = [row[name] for row in chunk for name in types]
            connection.execute(f"INSERT INTO t VALUES {marks}", values)  # noqa: S608 - marks only
        connection.table("t").write_parquet(str(path))
    return path


@lru_cache(maxsize=1)
def table_of_rows() -> bytes:
    """Return ROWS as Parquet; written once a process, since many houses hold them."""
    with tempfile.TemporaryDirectory() as folder:
        return write_parquet(Path(folder) / "rows.parquet", ROWS, TYPES).read_bytes()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return an empty database with all migrations applied; they have tests of their own."""
    path = tmp_path_factory.mktemp("migrated") / "node.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path.read_bytes()


TYPES = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR", "note": "DOUBLE"}


@dataclass
class House:
    """A node, its people's tokens, and a client that speaks to it without a socket."""

    node: Node
    client: TestClient
    owner: str
    scientist: str
    project: str
    dataset: str
    folder: Path
    card: Card
    extra: dict[str, Any] = field(default_factory=dict)

    def sdk(self, token: str | None = None) -> SdkNode:
        """Return the node as a data scientist's notebook sees it, over the test client."""
        way = httpx2.Client(base_url="http://testserver", transport=self.client._transport)
        return SdkNode(Transport("http://testserver", token or self.scientist, client=way))

    def get(self, path: str, token: str | None = None, **params: Any) -> Any:
        return self.client.get(path, headers=self.bearer(token or self.scientist), params=params)

    def post(self, path: str, body: Any, token: str | None = None) -> Any:
        return self.client.post(path, headers=self.bearer(token or self.scientist), json=body)

    def query(self, statistic: Mapping[str, Any], epsilon: float = 0.1, **other: Any) -> dict[str, Any]:
        return {"dataset": self.dataset, "project": self.project, "statistic": statistic, "epsilon": epsilon, **other}

    def ask(self, statistic: Mapping[str, Any], epsilon: float = 0.1, token: str | None = None) -> Any:
        return self.post("/v1/queries", self.query(statistic, epsilon), token)

    def request(self, epsilon: float = 1.0, token: str | None = None, **other: Any) -> dict[str, Any]:
        form = {"dataset": self.dataset, "project": self.project, "purpose": "to test the house", "epsilon": epsilon}
        reply = self.post("/v1/requests", {**form, **other}, token)
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    def grant(self, epsilon: float = 1.0, **other: Any) -> dict[str, Any]:
        wish = self.request(epsilon, **other)
        decision = {"digest": wish["digest"], "outcome": "granted"}
        reply = self.post(f"/v1/requests/{wish['id']}/decision", decision, self.owner)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def ledger(self) -> list[dict[str, Any]]:
        return list(self.get("/v1/ledger", self.owner, limit=1000).json()["entries"])

    def population(self) -> dict[str, Any]:
        return dict(self.get("/v1/populations", self.owner).json()[0]["budget"])

    @staticmethod
    def bearer(token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}


BuildHouse = Callable[..., House]


@pytest.fixture
def build_house(tmp_path: Path, migrated_sqlite: bytes) -> Iterator[BuildHouse]:
    """Return a builder of furnished nodes; they are closed when the test ends."""
    open_clients: list[TestClient] = []

    def build(
        rows: Sequence[Mapping[str, Any]] = ROWS,
        types: Mapping[str, str] = TYPES,
        columns: Sequence[Mapping[str, Any]] = COLUMNS,
        cap: float = 2.0,
        units: int = 2000,
        name: str = "test node",
        database_url: str | None = None,
        timed_release: bool = False,
        **others: Any,
    ) -> House:
        folder = tmp_path / name.replace(" ", "-")
        prepare_folder(folder, name)
        others = {
            "event_stream_s": 0.0,
            "requests_per_s": 100_000,
            "requests_at_once": 100_000,
            **others,
        }  # tests ask as fast as they can
        settings = Settings(folder=folder, name=name, database_url=database_url, timed_release=timed_release, **others)
        if database_url is None:
            (folder / "node.db").write_bytes(migrated_sqlite)
        node = open_node(settings)
        create_node(node, "Olga Owner")
        open_population(node, "people", UnitKind.ROW, units, cap, 1e-6)
        card = Card.model_validate({"name": "visits", "title": "Visits", "population": "people", "columns": columns})
        table = folder / "visits.parquet"
        if rows is ROWS and types is TYPES:
            table.write_bytes(table_of_rows())
        else:
            write_parquet(table, rows, types)
        dataset = register_dataset(node, table, card)
        project = add_project(node, "study", "to test")
        add_person(node, "Dana Scientist", Role.DATA_SCIENTIST, ("study",))
        owner, scientist = (create_token(node, person, 30)[0] for person in ("Olga Owner", "Dana Scientist"))
        node.close()
        client = TestClient(create_app(settings), raise_server_exceptions=False)
        client.__enter__()
        open_clients.append(client)
        app: Any = client.app
        return House(app.state.node, client, owner, scientist, project.id, dataset.id, folder, card)

    yield build
    for client in open_clients:
        client.__exit__(None, None, None)


@pytest.fixture
def house(build_house: BuildHouse) -> House:
    """Return a furnished node where access of epsilon 1 has been granted."""
    built = build_house()
    built.grant()
    return built
