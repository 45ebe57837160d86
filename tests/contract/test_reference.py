"""Every statistic has a page with the same sections, and its example runs against a real node."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jali.wire.statistics import STATISTICS
from jali_node.tables import ReleaseRow

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "statistics"
KINDS = sorted(ask.model_fields["kind"].default for ask in STATISTICS)
SECTIONS = ["Formula", "Sensitivity", "Mechanism", "Guarantee", "Error", "Example"]
SOURCE = re.compile(r"[A-Z][a-z]+ (and [A-Z][a-z]+ )?\d{4}|Smith\s+2006")
COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "type": "integer", "lower": 0, "upper": 100, "complete": True},
    {"name": "weight", "type": "number", "lower": 0, "upper": 200, "unit": "kg"},
    {"name": "height", "type": "number", "lower": 1, "upper": 2.2, "unit": "m"},
    {"name": "sex", "type": "category", "categories": ["F", "M"]},
    {"name": "site", "type": "category", "categories": ["north", "south", "east"]},
    {"name": "drug", "type": "text"},
]
TYPES = {
    "age": "BIGINT", "weight": "DOUBLE", "height": "DOUBLE", "sex": "VARCHAR", "site": "VARCHAR", "drug": "VARCHAR",
}  # fmt: skip
ROWS = [
    {
        "age": (7 * i) % 101,
        "weight": None if i % 10 == 0 else 50 + (i * 37 % 1000) / 20,
        "height": 1.5 + (i * 53 % 100) / 200,
        "sex": ("F", "M", None)[i % 3],
        "site": ("north", "south", "east", "west")[i % 4],
        "drug": ("aspirin", "ibuprofen", "rare")[min(2, i % 7)],
    }
    for i in range(2000)
]


def text(kind: str) -> str:
    return (PAGES / f"{kind}.md").read_text()


def section(kind: str, name: str) -> str:
    """Return what stands under a heading."""
    return re.split(r"^## .*$", text(kind).split(f"\n## {name}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0].strip()


def example(kind: str) -> str:
    found = re.fullmatch(r"```python\n(.*?)```", section(kind, "Example"), re.DOTALL)
    assert found, f"{kind}.md: expected one python block under Example"
    return found[1]


def test_there_is_a_page_for_each_statistic_and_for_nothing_else() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted(["README", *KINDS])
    linked = re.findall(r"\]\((\w+)\.md\)", (PAGES / "README.md").read_text())
    assert set(linked) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_its_sections_in_order_and_none_is_empty(kind: str) -> None:
    assert text(kind).startswith(f"# {kind}\n")
    headings = re.findall(r"^## (.*)$", text(kind), re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    assert all(section(kind, name) for name in SECTIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_names_the_source_of_its_sensitivity_or_the_pages_that_do(kind: str) -> None:
    said = section(kind, "Sensitivity")
    assert SOURCE.search(said) or "As in those" in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_pages_example_runs_and_what_it_calls_free_is_free(build_house: Any, kind: str) -> None:
    house = build_house(rows=ROWS, types=TYPES, columns=COLUMNS, cap=50.0)
    house.grant(epsilon=40.0)
    names: dict[str, Any] = {"ds": house.sdk()["visits"]}
    lines, answers = example(kind).splitlines(), []
    for statement in ast.parse(example(kind)).body:
        source = "\n".join(lines[statement.lineno - 1 : statement.end_lineno])
        before = house.population()
        if isinstance(statement, ast.Expr):
            answers.append(eval(source, names))  # noqa: S307 - our own pages
        else:
            exec(source, names)  # noqa: S102 - our own pages
        if "# free" in source:
            assert answers[-1].release.repeated
            assert house.population() == before
    assert answers
    assert house.population()["spent"] > 0
    with house.node.database.reading() as session:
        asked = {row.statistic for row in session.scalars(select(ReleaseRow))}
    assert any(f'"kind":"{kind}"' in statistic for statistic in asked)
