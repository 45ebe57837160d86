"""A table that stays in the owner's PostgreSQL answers like any other; nothing but aggregates comes from there."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from jali.wire.dataset import Card, UnitKind
from jali_node.actions.budgets.open_population import open_population
from jali_node.actions.datasets.copies import copies_elsewhere
from jali_node.actions.datasets.register_dataset import Consent, link_dataset
from jali_node.actions.jobs import job_plan
from jali_node.commands import node as command
from jali_node.errors import InvalidRequest
from jali_node.store import catalog

COLUMNS: list[dict[str, Any]] = [
    {"name": "person", "type": "text"},
    {"name": "age", "type": "integer", "lower": 0, "upper": 100},
    {"name": "weight", "type": "number", "lower": 0, "upper": 200},
    {"name": "site", "type": "category", "categories": ["north", "south"]},
]

TRAINING: Any = None
"""Never looked at: the table is refused before."""


@pytest.fixture
def database(new_postgresql: Any) -> Iterator[str]:
    url = new_postgresql()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE visits AS SELECT 'p' || i / 10 AS person, i %% 90 AS age, (i %% 150)::float8 AS weight, "
            "CASE WHEN i %% 3 = 0 THEN 'north' ELSE 'south' END AS site, i::numeric AS exact "
            "FROM generate_series(1, 3000) i"
        )
        connection.exec_driver_sql("CREATE SCHEMA scratch")
    yield url
    engine.dispose()


@pytest.fixture
def house(build_house: Any, database: str) -> Any:
    built = build_house(cap=50.0, sources={"warehouse": database}, units=3000)
    return built


def card(**changes: Any) -> Card:
    facts = {"name": "stays", "title": "Stays", "population": "people", "columns": COLUMNS}
    return Card.model_validate({**facts, **changes})


def asked(house: Any, dataset: str, statistic: Any, epsilon: float = 2.0) -> Any:
    return house.post("/v1/queries", {**house.query(statistic, epsilon), "dataset": dataset})


def test_a_table_in_postgresql_answers_over_http(house: Any) -> None:
    dataset = link_dataset(house.node, "warehouse", "public.visits", card(), snapshot="2026-11-01")
    house.grant(epsilon=40.0, dataset=dataset.id)
    count = asked(house, dataset.id, {"kind": "count"}).json()
    assert count["measurements"]["rows"]["values"][0] == pytest.approx(3000, abs=40)
    mean = house.sdk()["stays"]["age"].mean(epsilon=2.0)
    assert float(mean) == pytest.approx(44.2, abs=2)


def test_a_table_that_is_gone_is_answered_as_an_empty_one(house: Any, database: str) -> None:
    dataset = link_dataset(house.node, "warehouse", "public.visits", card())
    house.grant(epsilon=40.0, dataset=dataset.id)
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE visits")
    engine.dispose()
    reply = asked(house, dataset.id, {"kind": "count"})
    assert reply.status_code == 200
    assert abs(reply.json()["measurements"]["rows"]["values"][0]) < 100


def test_rows_of_entities_are_written_into_a_scratch_schema(house: Any, database: str) -> None:
    open_population(house.node, "persons", UnitKind.ENTITY, 300, 50.0, 1e-6)
    of_persons = card(population="persons", entity="person", max_rows=4, rows=1200)
    with pytest.raises(InvalidRequest, match="scratch schema") as refused:
        link_dataset(house.node, "warehouse", "visits", of_persons)
    assert refused.value.field == "scratch"
    dataset = link_dataset(house.node, "warehouse", "visits", of_persons, scratch="scratch")
    house.grant(epsilon=40.0, dataset=dataset.id)
    count = asked(house, dataset.id, {"kind": "count"}, 10.0).json()["measurements"]["rows"]
    assert count["values"][0] == pytest.approx(1203, abs=8 * count["noise_stddev"])


def test_a_view_that_people_have_withdrawn_from_is_known_again(house: Any, database: str) -> None:
    open_population(house.node, "persons", UnitKind.ENTITY, 300, 50.0, 1e-6)
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW fewer AS SELECT * FROM visits WHERE person <> 'p7'")
    engine.dispose()
    of_persons, where = card(population="persons", entity="person", max_rows=4, rows=1200), {"scratch": "scratch"}
    first = link_dataset(house.node, "warehouse", "visits", of_persons, **where)
    taken_out = Consent(withdrawn=True)
    with pytest.raises(InvalidRequest, match="nobody was taken out"):
        link_dataset(house.node, "warehouse", "visits", of_persons, **where, consent=taken_out)
    assert link_dataset(house.node, "warehouse", "fewer", of_persons, **where, consent=taken_out).withdrawn_at
    assert copies_elsewhere(house.node, "stays") == [f"scratch.{first.version} in warehouse"]
    for again in (of_persons, card(**{**of_persons.model_dump(), "name": "falls"})):
        with pytest.raises(InvalidRequest, match="this is the table that stays had before people withdrew"):
            link_dataset(house.node, "warehouse", "visits", again, **where)
    back = link_dataset(house.node, "warehouse", "visits", of_persons, **where, consent=Consent(bring_back=True))
    assert back.withdrawn_at is None


@pytest.mark.parametrize(
    ("source", "table", "columns", "field"),
    [
        ("elsewhere", "visits", COLUMNS, "source"),
        ("warehouse", "nothing", COLUMNS, "columns.person"),
        ("warehouse", "visits", [*COLUMNS, {"name": "height", "type": "number"}], "columns.height"),
        ("warehouse", "visits", [{"name": "exact", "type": "number"}], "columns.exact"),
        ("warehouse", "visits", [{"name": "weight", "type": "integer"}], "columns.weight"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_nothing_is_registered(
    house: Any, source: str, table: str, columns: Any, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        link_dataset(house.node, source, table, card(columns=columns))
    assert refused.value.field == field
    assert [shown["name"] for shown in house.get("/v1/datasets").json()] == ["visits"]


def test_training_on_a_table_that_stays_elsewhere_is_refused(house: Any) -> None:
    dataset = link_dataset(house.node, "warehouse", "visits", card())
    with (
        house.node.database.reading() as session,
        pytest.raises(InvalidRequest, match="training reads rows, and this table stays in postgresql"),
    ):
        job_plan.planned(session, catalog.registered(session, dataset.id), TRAINING)


def test_the_command_links_a_table_of_a_source_in_the_settings(house: Any, database: str, tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(
        'name = "stays"\ntitle = "Stays"\npopulation = "people"\n'
        '[columns.age]\ntype = "integer"\nlower = 0\nupper = 100\n'
    )
    assert tomllib.loads((tmp_path / "card.toml").read_text())
    typed = ["dataset", "add", "public.visits", "--folder", str(house.folder), "--card", str(tmp_path / "card.toml")]
    secret = tmp_path / "sources.json"
    secret.write_text(f'{{"warehouse": "{database}"}}')
    result = CliRunner().invoke(
        command, [*typed, "--source", "warehouse", "--snapshot", "2026-11-01"],
        env={"JALI_NODE_SOURCES_FILE": str(secret)},
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "stays: 1 columns" in result.output
    with house.node.database.reading() as session:
        paths = session.execute(sa.text("SELECT path FROM version")).scalars().all()
    assert "postgresql://warehouse/public.visits#2026-11-01" in paths
    assert not any(database in path for path in paths), "a source's address holds secrets"
