import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jali.eda import page


class Closed(HTMLParser):
    """Holds that every element is closed in order, and keeps what is there."""

    EMPTY = frozenset({"meta", "path", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Closed:
    parser = Closed()
    parser.feed(html.replace("/>", ">"))
    assert parser.open == []
    return parser


def test_a_profile_becomes_one_page_that_stands_alone(visits: Any, tmp_path: Path) -> None:
    profile = visits.profile(epsilon=1.0)
    path = profile.save(tmp_path / "profile.html")
    text = path.read_text(encoding="utf-8")
    seen = read(text)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in seen.seen}
    assert not re.search(r"https?://|url\(|@import", text)
    for words in ("ε 1", "left for the project", profile.id, "02 January 2026", "differential privacy", page.INTERVALS):
        assert words in text
    for column in visits.columns:
        assert f"<h2>{column}" in text


def test_the_page_and_the_notebook_escape_what_the_node_says(visits: Any, tmp_path: Path) -> None:
    profile = visits.profile(epsilon=1.0)
    for html in (profile.save(tmp_path / "page.html").read_text(encoding="utf-8"), profile._repr_html_()):
        assert "<east>" not in html
        assert "&lt;east&gt;" in html
        assert "<b>stay</b>" not in html
        read(html)


def test_every_figure_of_the_page_is_a_figure_of_the_answer(visits: Any, tmp_path: Path) -> None:
    profile = visits.profile(epsilon=1.0)
    text = profile.save(tmp_path / "page.html").read_text(encoding="utf-8")
    shown = len(re.findall("<dt>", text))
    assert shown == sum(len(profile.of(name)) for name in profile.columns)
    assert "12,000" in text


@pytest.mark.parametrize(("column", "bins"), [("age", 20), ("stay", 20), ("count", 20)])
def test_the_small_histograms_are_read_off_the_tree_that_was_paid_for(visits: Any, column: str, bins: int) -> None:
    profile = visits.profile(epsilon=1.0)
    card = visits[column].card
    rows = page.histogram(profile, card)
    assert len(rows) == bins
    assert sum(row.value for row in rows) == pytest.approx(12_000, abs=1)
    assert all(row.low < row.value < row.high for row in rows)


def test_a_column_of_few_whole_numbers_has_no_more_bins_than_numbers(fake: Any) -> None:
    columns = tuple(c.model_copy(update={"upper": 4.0}) if c.name == "age" else c for c in fake.card.columns)
    fake.card = fake.card.model_copy(update={"columns": columns})
    visits = fake.node()["visits"]
    rows = page.histogram(visits.profile(epsilon=1.0), visits["age"].card)
    assert len(rows) == 5
    assert rows[0].high - rows[0].low > 6  # the noise of four nodes together


def test_writing_the_page_costs_nothing(fake: Any, visits: Any, tmp_path: Path) -> None:
    profile = visits.profile(epsilon=1.0)
    left = fake.left
    profile.save(tmp_path / "page.html")
    profile._repr_html_()
    assert (fake.charged_calls, fake.left) == (1, left)
