"""PostgreSQL and Spark give the very integers that DuckDB gives, whatever a table holds, for every statistic.

A table that breaks casts, arithmetic and comparisons elsewhere is read by all three. `log` alone is left out of
equality: its last bit is the platform's; its lattice codes are held to differ by one at most.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import sqlalchemy as sa
from pydantic import TypeAdapter

from jali.wire.dataset import Column
from jali.wire.expression import Derived
from jali.wire.selection import ALL_ROWS, Selection
from jali.wire.statistics import Statistic
from jali_node.engine.bounded import Bound
from jali_node.engine.linked import POSTGRESQL, SPARK, Link
from jali_node.engine.postgresql import PostgreSQL
from jali_node.engine.warehouse import Warehouse
from jali_node.statistics import BY_KIND, STATISTICS

ADAPTER: TypeAdapter[Any] = TypeAdapter(Statistic)
DERIVED: TypeAdapter[Any] = TypeAdapter(Derived)
COLUMNS = (
    Column(name="person", type="text"),
    Column(name="age", type="integer", lower=0, upper=110),
    Column(name="far", type="integer", lower=-(2**53), upper=2**53),
    Column(name="weight", type="number", lower=0, upper=200),
    Column(name="tiny", type="number", lower=0, upper=1e-290),
    Column(name="huge", type="number", lower=-1e300, upper=1e300),
    Column(name="height", type="number", lower=1, upper=2.2),
    Column(name="free", type="number"),
    Column(name="site", type="category", categories=("north", "south ", "Süd")),
    Column(name="sex", type="category", categories=("F", "M")),
)
TYPES = {
    "person": "VARCHAR", "age": "BIGINT", "far": "BIGINT", "weight": "DOUBLE", "tiny": "DOUBLE", "huge": "DOUBLE",
    "height": "DOUBLE", "free": "DOUBLE", "site": "VARCHAR", "sex": "VARCHAR",
}  # fmt: skip
NUMBERS = [
    None, float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-200, 1e308, -1e308, 0.5,
    1.5, 2.5, 1.75, 70.123456789, 100.0, 199.99999999999997, 200.0, 0.1 + 0.2, 1 / 3, 2.0**53 + 1,
]  # fmt: skip
WHOLE = [None, 0, 1, 7, 41, 109, 110, 111, -1, 2**53, -(2**53), 2**53 + 1, 2**63 - 1, -(2**63), 55, 18, 65]
SITES = [
    None,
    "north",
    "south",
    "south ",
    " north",
    "Süd",
    "SÜD",
    "",
    "nördlich",
    "north\t",
    "'; DROP TABLE t; --",
    "%s",
]
ROWS = [
    {
        "person": None if i % 13 == 0 else f"p{i % 29}" + ("é" if i % 7 == 0 else ""),
        "age": WHOLE[i * 5 % len(WHOLE)],
        "far": WHOLE[i * 7 % len(WHOLE)],
        "weight": NUMBERS[i % len(NUMBERS)],
        "tiny": NUMBERS[i * 3 % len(NUMBERS)],
        "huge": NUMBERS[i * 5 % len(NUMBERS)],
        "height": NUMBERS[i * 11 % len(NUMBERS)],
        "free": NUMBERS[i * 2 % len(NUMBERS)],
        "site": SITES[i * 5 % len(SITES)],
        "sex": (None, "F", "M", "f")[i % 4],
    }
    for i in range(700)
]
ASKED: dict[str, dict[str, Any]] = {
    "count": {},
    "sum": {"column": "weight"},
    "mean": {"column": "age"},
    "spread": {"column": "huge"},
    "missing": {"column": "site"},
    "distinct": {"column": "tiny"},
    "histogram": {"column": "weight", "bins": 7},
    "quantiles": {"column": "far"},
    "value_counts": {"column": "site"},
    "top": {"column": "person", "k": 5, "delta": 1e-7},
    "crosstab": {"keys": ["site", "sex"]},
    "covariance": {"columns": ["age", "weight", "height"]},
    "describe": {"columns": ["age", "far", "weight", "tiny", "huge", "height"]},
    "profile": {"columns": ["age", "tiny", "site", "person"]},
    "group_by": {"keys": ["site", "sex"], "of": {"kind": "mean", "column": "weight"}},
}


def column(name: str) -> dict[str, Any]:
    return {"op": "column", "name": name}


def number(value: float) -> dict[str, Any]:
    return {"op": "number", "value": value}


def compared(op: str, left: Any, right: Any) -> dict[str, Any]:
    return {"op": op, "left": left, "right": right}


OVER_50 = compared("gt", column("age"), number(50))
CONDITIONS: dict[str, Any] = {
    "all rows": None,
    "comparison": OVER_50,
    "negation": {"op": "not", "of": OVER_50},
    "equality of doubles": compared("eq", column("weight"), number(0.5)),
    "an unbounded column": compared("le", column("free"), number(1e-200)),
    "a category": {"op": "isin", "column": "site", "values": ["north", "south "]},
    "a text": {"op": "isin", "column": "person", "values": ["p1", "p7é", "'; DROP TABLE t; --"]},
    "missing": {"op": "or", "left": {"op": "missing", "column": "weight"}, "right": {"op": "missing", "column": "sex"}},
    "of columns": compared("lt", column("tiny"), column("height")),
    "nothing": compared("gt", column("age"), number(1000)),
}
RATIO = {"op": "divide", "left": column("weight"), "right": {"op": "power", "of": column("height"), "exponent": 2}}
DERIVATIONS: dict[str, Any] = {
    "a ratio": RATIO,
    "a product of tiny numbers": {"op": "multiply", "left": column("tiny"), "right": column("weight")},
    "a fourth power": {"op": "power", "of": {"op": "subtract", "left": column("weight"), "right": number(100)},
                       "exponent": 4},
    "a tiny clip": {"op": "power", "of": {"op": "add", "left": {"op": "clip", "of": column("free"), "lower": 0,
                    "upper": 1e-90}, "right": column("height")}, "exponent": 2},
    "a root": {"op": "square_root", "of": {"op": "absolute", "of": column("weight")}},
    "a clip": {"op": "clip", "of": column("free"), "lower": -3, "upper": 77.7},
    "whole numbers": {"op": "subtract", "left": {"op": "multiply", "left": column("age"), "right": number(3)},
                      "right": number(7)},
    "a truth": {"op": "truth", "of": OVER_50},
    "truths": {"op": "add", "left": {"op": "truth", "of": OVER_50}, "right": column("weight")},
    "a negative": {"op": "negate", "of": column("height")},
    "a constant divided": {"op": "divide", "left": number(3), "right": column("height")},
}  # fmt: skip
CUT = {"op": "cut", "of": RATIO, "edges": [0, 18.5, 25, 30.25, 60]}
LOGARITHM = {"op": "logarithm", "of": column("height")}
Measured = Callable[[Any, Selection], dict[str, Any]]


def tallies_of(asked: Any, selection: Selection) -> list[Any]:
    """Return everything that a statistic has an engine compute."""
    columns = {found.name: found for found in selection.columns(COLUMNS)}
    parts = BY_KIND[asked.kind].measurements(asked, columns)
    return list(dict.fromkeys(part.tally for part in parts))


def same(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    assert one.keys() == other.keys()
    return all(
        value == other[asked] if isinstance(value, dict) else np.array_equal(value, other[asked])
        for asked, value in one.items()
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the nasty table as Parquet."""
    path = tmp_path_factory.mktemp("nasty") / "t.parquet"
    with duckdb.connect() as writer:
        writer.execute(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, kind in TYPES.items())})")
        marks = ", ".join("?" for _ in TYPES)
        writer.executemany(f"INSERT INTO t VALUES ({marks})", [[row[name] for name in TYPES] for row in ROWS])  # noqa: S608 - marks
        writer.table("t").write_parquet(str(path))
    return path


@pytest.fixture(scope="module")
def of_duckdb(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return DuckDB's integers of the nasty table."""
    warehouse = Warehouse(tmp_path_factory.mktemp("duckdb"), "1GB", 2)
    snapshot = warehouse.register("ver_nasty", table, COLUMNS)
    yield lambda asked, selection=ALL_ROWS: warehouse.tallies(snapshot, asked, selection)
    warehouse.close()


@pytest.fixture(scope="module")
def database(new_postgresql: Any) -> Iterator[str]:
    """Return the address of a real PostgreSQL that holds the nasty table."""
    url = new_postgresql()
    engine = sa.create_engine(url)
    kinds = {"VARCHAR": "text", "BIGINT": "bigint", "DOUBLE": "double precision"}
    with engine.begin() as connection:
        fields = ", ".join(f'"{name}" {kinds[kind]}' for name, kind in TYPES.items())
        connection.exec_driver_sql(f"CREATE TABLE t ({fields})")
        marks = ", ".join(f"%({name})s" for name in TYPES)
        connection.exec_driver_sql(f"INSERT INTO t VALUES ({marks})", ROWS)  # noqa: S608 - marks only
        connection.exec_driver_sql("CREATE SCHEMA scratch")
    yield url
    engine.dispose()


@pytest.fixture(scope="module")
def of_postgresql(database: str) -> Iterator[Any]:
    """Return a real PostgreSQL's integers of the nasty table."""
    engine = PostgreSQL({"warehouse": database})
    linked = engine.register("ver_nasty", Link(POSTGRESQL, "warehouse", "public.t", "today"), COLUMNS)
    yield lambda asked, selection=ALL_ROWS: engine.tallies(linked, asked, selection)
    engine.close()


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a real Spark."""
    pytest.importorskip("pyspark", reason="pip install 'jali[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Spark takes Java 17, and there is no java")
    from jali_node.engine.spark import Spark

    engine = Spark("local[2]", tmp_path_factory.mktemp("spark"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def of_spark(spark: Any, table: Path) -> Any:
    """Return a real Spark's integers of the nasty table."""
    linked = spark.register("ver_nasty", Link(SPARK, "spark", str(table), "today"), COLUMNS)
    return lambda asked, selection=ALL_ROWS: spark.tallies(linked, asked, selection)


@pytest.fixture(
    scope="module", params=["postgresql", pytest.param("spark", marks=pytest.mark.slow)], ids=["postgresql", "spark"]
)
def of_other(request: pytest.FixtureRequest) -> Any:
    """Return another engine's integers of the nasty table."""
    return request.getfixturevalue(f"of_{request.param}")


def test_every_statistic_is_compared() -> None:
    assert set(ASKED) == {module.KIND for module in STATISTICS}


@pytest.mark.parametrize("kind", ASKED)
def test_every_statistic_has_the_same_integers(kind: str, of_duckdb: Any, of_other: Any) -> None:
    asked = ADAPTER.validate_python({"kind": kind, **ASKED[kind]})
    wanted = tallies_of(asked, ALL_ROWS)
    assert same(of_duckdb(wanted), of_other(wanted))


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_selects_the_same_rows(name: str, of_duckdb: Any, of_other: Any) -> None:
    selection = Selection.model_validate({"where": CONDITIONS[name]})
    asked = ADAPTER.validate_python({"kind": "crosstab", "keys": ["site", "sex"]})
    wanted = tallies_of(asked, selection)
    assert same(of_duckdb(wanted, selection), of_other(wanted, selection))


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_derived_column_has_the_same_codes(name: str, of_duckdb: Any, of_other: Any) -> None:
    selection = Selection.model_validate({"derived": [DERIVATIONS[name]], "where": CONDITIONS["negation"]})
    text = selection.columns(COLUMNS)[-1].name
    asked = ADAPTER.validate_python({"kind": "describe", "columns": [text]})
    wanted = tallies_of(asked, selection)
    assert same(of_duckdb(wanted, selection), of_other(wanted, selection))


def test_classes_are_the_same(of_duckdb: Any, of_other: Any) -> None:
    selection = Selection.model_validate({"derived": [CUT]})
    text = selection.columns(COLUMNS)[-1].name
    wanted = tallies_of(ADAPTER.validate_python({"kind": "value_counts", "column": text}), selection)
    assert same(of_duckdb(wanted, selection), of_other(wanted, selection))


def test_logarithms_differ_by_a_step_a_row_at_most(of_duckdb: Any, of_other: Any) -> None:
    selection = Selection.model_validate({"derived": [LOGARITHM]})
    text = selection.columns(COLUMNS)[-1].name
    wanted = tallies_of(ADAPTER.validate_python({"kind": "mean", "column": text}), selection)
    (one,), (other,) = of_duckdb(wanted, selection).values(), of_other(wanted, selection).values()
    assert np.array_equal(one[0], other[0])
    assert abs(int(one[1].sum()) - int(other[1].sum())) <= 2 * len(ROWS)


KEY = bytes(range(32))


def chosen(rows: list[Any]) -> list[str]:
    return sorted(repr(tuple(row)) for row in rows)


def test_the_same_rows_of_entities_are_read(database: str, table: Path, tmp_path: Path, of_duckdb: Any) -> None:
    engine = PostgreSQL({"warehouse": database})
    link = Link(POSTGRESQL, "warehouse", "public.t", "today")
    linked = engine.register("ver_bounded", link, COLUMNS, Bound("person", 5, KEY), scratch="scratch")
    warehouse = Warehouse(tmp_path, "1GB", 2)
    snapshot = warehouse.register("ver_bounded", table, COLUMNS, Bound("person", 5, KEY))
    mine = duckdb.read_parquet(str(snapshot.file.path)).fetchall()
    connected = sa.create_engine(database)
    with connected.connect() as connection:
        theirs = connection.exec_driver_sql(f"SELECT * FROM {linked.link.table}").fetchall()  # noqa: S608 - made here
    connected.dispose()
    assert chosen(mine) == chosen([tuple(row) for row in theirs])
    wanted = tallies_of(ADAPTER.validate_python({"kind": "describe", "columns": ["age", "weight"]}), ALL_ROWS)
    assert same(warehouse.tallies(snapshot, wanted), engine.tallies(linked, wanted))
    warehouse.close()
    engine.close()


@pytest.mark.parametrize("gone", ["p1", "p7é", "p28"])
def test_on_postgresql_nobody_notices_who_is_missing(database: str, gone: str) -> None:
    engine = PostgreSQL({"warehouse": database})
    connected = sa.create_engine(database)
    found = []
    for name, condition in (("all", "true"), ("others", f"person <> '{gone}'")):
        with connected.begin() as connection:
            connection.exec_driver_sql(f"CREATE OR REPLACE VIEW v AS SELECT * FROM t WHERE {condition}")  # noqa: S608 - a constant
        link = Link(POSTGRESQL, "warehouse", "public.v", "today")
        linked = engine.register(f"ver_{name}_{ord(gone[-1])}", link, COLUMNS, Bound("person", 5, KEY), "scratch")
        with connected.begin() as connection:
            rows = connection.exec_driver_sql(f"SELECT * FROM {linked.link.table}").fetchall()  # noqa: S608 - made here
            connection.exec_driver_sql("DROP VIEW v")
        found.append(chosen([row for row in rows if row[0] != gone]))
    assert found[0] == found[1]
    engine.close()
    connected.dispose()


@pytest.mark.slow
def test_on_spark_the_same_rows_of_entities_are_read_and_nobody_notices_who_is_missing(
    spark: Any, table: Path, tmp_path: Path
) -> None:
    warehouse = Warehouse(tmp_path, "1GB", 2)
    snapshot = warehouse.register("ver_bounded", table, COLUMNS, Bound("person", 5, KEY))
    mine = duckdb.read_parquet(str(snapshot.file.path)).fetchall()
    warehouse.close()
    others = tmp_path / "others.parquet"
    duckdb.read_parquet(str(table)).filter("person <> 'p7é'").write_parquet(str(others))
    found = []
    for name, path in (("all", table), ("others", others)):
        linked = spark.register(
            f"ver_{name}", Link(SPARK, "spark", str(path), "today"), COLUMNS, Bound("person", 5, KEY)
        )
        found.append(duckdb.read_parquet(f"{linked.link.table}/*.parquet").fetchall())
    assert chosen(found[0]) == chosen(mine)
    assert chosen([row for row in found[0] if row[0] != "p7é"]) == chosen(found[1])
