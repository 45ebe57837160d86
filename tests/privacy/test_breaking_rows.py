"""A row made to break an expression changes neither status nor shape of any answer, and breaks nothing."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from jali.wire.dataset import Column
from jali_node.errors import InvalidRequest
from jali_node.tables import ReleaseRow

COLUMNS = [
    {"name": "age", "type": "integer", "lower": 0, "upper": 100},
    {"name": "weight", "type": "number", "lower": 0, "upper": 200},
    {"name": "site", "type": "category", "categories": ["north", "south", "7"]},
    {"name": "seen", "type": "integer", "lower": -(2**53), "upper": 2**53},
]
STATISTICS: list[dict[str, Any]] = [
    {"kind": "count"},
    {"kind": "mean", "column": "age"},
    {"kind": "mean", "column": "seen"},
    {"kind": "histogram", "column": "seen", "bins": 5},
    {"kind": "quantiles", "column": "weight", "levels": [0.1, 0.5]},
    {"kind": "value_counts", "column": "site"},
    {"kind": "spread", "column": "weight", "figure": "std"},
    {"kind": "missing", "column": "site"},
    {"kind": "distinct", "column": "age"},
    {"kind": "distinct", "column": "weight"},
    {"kind": "distinct", "column": "site"},
    {"kind": "describe", "columns": ["age", "weight", "seen"]},
    {"kind": "covariance", "columns": ["age", "weight", "seen"]},
    {"kind": "profile", "columns": ["age", "site"]},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "quantiles", "column": "seen", "levels": [0.5]}},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "count"}},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "weight"}},
]
Stored = tuple[Mapping[str, str], Mapping[str, Any], Mapping[str, Any]]
DECLARED = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR", "seen": "BIGINT"}
GOOD = {"age": 30, "weight": 70.5, "site": "north", "seen": 5}


def stored(types: Mapping[str, str], good: Mapping[str, Any], breaking: Mapping[str, Any]) -> Stored:
    """Return physical types, a row that fits, and a row that does not."""
    return {**DECLARED, **types}, {**GOOD, **good}, {**GOOD, **good, **breaking}


TEXT = {"age": "VARCHAR", "weight": "VARCHAR", "seen": "VARCHAR"}
FITTING_TEXT = {"age": "30", "weight": "70.5", "seen": "5"}
REALS = {"age": "DOUBLE", "weight": "DOUBLE", "seen": "DOUBLE"}
CASES: dict[str, Stored] = {
    "nothing at all": stored({}, {}, dict.fromkeys(DECLARED)),
    "words for numbers": stored(TEXT, FITTING_TEXT, {"age": "abc", "weight": "", "seen": "1;2"}),
    "digits without end": stored(TEXT, FITTING_TEXT, {"age": "9" * 20, "weight": "9" * 400, "seen": "-" + "9" * 30}),
    "text for NaN and infinity": stored(TEXT, FITTING_TEXT, {"age": "nan", "weight": "nan", "seen": "-inf"}),
    "NaN": stored(REALS, {}, {"age": math.nan, "weight": math.nan, "seen": math.nan}),
    "infinity": stored(REALS, {}, {"age": math.inf, "weight": math.inf, "seen": -math.inf}),
    "1e308": stored(REALS, {}, {"age": 1e308, "weight": 1e308, "seen": -1e308}),
    "the largest integers": stored({}, {}, {"age": 2**63 - 1, "weight": -1e308, "seen": -(2**63)}),
    "integers of 128 bits": stored(
        {"age": "HUGEINT", "weight": "HUGEINT", "seen": "HUGEINT"},
        {"weight": 70},
        {"age": 2**127 - 1, "weight": -(2**127), "seen": 2**64},
    ),
    "an undeclared category": stored({}, {}, {"site": "moon"}),
    "a category of a megabyte": stored({}, {}, {"site": "x" * 1_000_000}),
    "categories stored as integers": stored({"site": "INTEGER"}, {"site": 7}, {"site": 8}),
    "categories stored as reals": stored({"site": "DOUBLE"}, {"site": 7.0}, {"site": math.nan}),
    "times for numbers": stored(
        {"age": "TIMESTAMP", "weight": "TIME"},
        {"age": None, "weight": None},
        {"age": "2020-01-01 00:00:00", "weight": "10:00:00"},
    ),
    "truth values for numbers": stored(
        {"age": "BOOLEAN", "weight": "BOOLEAN"}, {"age": True, "weight": None}, {"weight": True}
    ),
    "lists for numbers": stored({"age": "INTEGER[]"}, {"age": None}, {"age": [1, 2]}),
}

RARE = (
    "text for NaN and infinity",
    "a category of a megabyte",
    "categories stored as reals",
    "truth values for numbers",
    "lists for numbers",
)


def skeleton(value: Any) -> Any:
    """Return the keys, types and lengths of a reply; of its noise the stated deviation, which is public."""
    if isinstance(value, dict):
        return {
            key: item if key in ("noise_stddev", "epsilon", "loss", "columns", "statistic", "units") else skeleton(item)
            for key, item in value.items()
        }
    return [skeleton(item) for item in value] if isinstance(value, list) else type(value).__name__


def answers(house: Any) -> list[tuple[int, Any]]:
    """Return every statistic's status and skeleton, over all of which the engine did not fail once."""
    replies = [house.ask(asked, 0.5) for asked in STATISTICS]
    with house.node.database.reading() as session:
        failures = [row.statistic for row in session.scalars(select(ReleaseRow)) if row.from_failure]
    assert not failures, "the engine failed on a row: its absence would show"
    return [(reply.status_code, skeleton(reply.json())) for reply in replies]


@pytest.fixture(scope="module")
def without_the_row() -> dict[str, Any]:
    """Return the answers of tables without a breaking row, by their types: several cases are their neighbours."""
    return {}


@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.slow if case in RARE else []) for case in CASES])
def test_a_breaking_row_changes_neither_status_nor_shape(
    build_house: Any, case: str, without_the_row: dict[str, Any]
) -> None:
    types, good, breaking = CASES[case]

    def ask(name: str, rows: Any) -> Any:
        house = build_house(rows=rows, types=types, columns=COLUMNS, cap=50.0, name=name)
        house.grant(epsilon=40.0)
        return answers(house)

    sound = str((sorted(types.items()), sorted(good.items())))
    if sound not in without_the_row:
        without_the_row[sound] = ask("without the row", [good, good])
    found = ask("with the row", [good, breaking, good])
    assert found == without_the_row[sound]
    assert {status for status, _ in found} == {200}


@pytest.mark.parametrize("rows", [[], [GOOD]], ids=["no row", "one row"])
def test_an_empty_table_is_answered_in_the_usual_shape(build_house: Any, rows: Any) -> None:
    found = []
    for name, content in (("these rows", rows), ("many rows", [GOOD] * 50)):
        house = build_house(rows=content, types=DECLARED, columns=COLUMNS, cap=50.0, name=name)
        house.grant(epsilon=40.0)
        found.append(answers(house))
    assert found[0] == found[1]


def test_text_that_is_not_text_is_refused_to_the_owner_before_any_question(laboratory: Any) -> None:
    """A Parquet file may hold bytes that are no UTF-8: reading them fails, so the table must not be taken in."""
    path = laboratory.folder / "bytes.parquet"
    laboratory.writer.execute("CREATE OR REPLACE TABLE t AS SELECT 'qzx' || i AS site FROM range(5) r(i)")
    laboratory.writer.execute(f"COPY t TO '{path}' (FORMAT parquet, COMPRESSION uncompressed)")
    sane = path.read_bytes()
    path.write_bytes(sane.replace(b"qzx3", b"\xff\xfe\xfd3"))
    assert path.read_bytes() != sane
    site = Column(name="site", type="category", categories=("qzx0", "qzx1"))
    with pytest.raises(InvalidRequest, match="cannot be read") as refused:
        laboratory.warehouse.register("ver_bytes", path, (site,))
    assert "qzx" not in str(refused.value)
