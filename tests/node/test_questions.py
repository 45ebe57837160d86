"""One question's way through the house, over the wire."""

from typing import Any

import pytest

from jali import estimates
from jali.wire.release import Release

STATISTICS: list[dict[str, Any]] = [
    {"kind": "count"},
    {"kind": "mean", "column": "age"},
    {"kind": "mean", "column": "weight"},
    {"kind": "histogram", "column": "weight", "bins": 7},
    {"kind": "quantiles", "column": "age", "levels": [0.1, 0.5]},
    {"kind": "value_counts", "column": "site"},
    {"kind": "describe", "columns": ["age", "weight"]},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "weight"}},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "count"}},
]


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda s: str(s["kind"]))
def test_each_statistic_is_quoted_answered_and_charged_what_was_quoted(build_house: Any, statistic: Any) -> None:
    house = build_house(cap=20.0)
    house.grant(epsilon=10.0)
    quote = house.post("/v1/quotes", house.query(statistic, 5.0))
    assert quote.status_code == 200, quote.text
    assert quote.json()["price"] == pytest.approx(5.0, abs=1e-9)
    reply = house.ask(statistic, 5.0)
    assert reply.status_code == 200, reply.text
    release = Release.model_validate(reply.json())
    assert release.loss.price <= 5 * 10**12
    assert release.left == pytest.approx(quote.json()["left_after"])
    rows = estimates.rows(release.statistic, release.columns, release.measurements)
    assert [(row.key, row.figure) for row in rows] == [(tuple(f["key"]), f["figure"]) for f in quote.json()["forecast"]]
