"""Mock rows that an owner wrote: held against the card, labelled, handed out, outside every account."""

from pathlib import Path
from typing import Any

import pytest

from jali.wire.mock import LABELS, ROWS_MAX, MockKind
from jali_node.actions.datasets.mock_rows import add_mock
from jali_node.errors import InvalidRequest
from jali_node.store import mocks

HEADER = "age,weight,site,note"


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "mock.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_owner_s_file_is_served_with_its_label_and_costs_nothing(house: Any, tmp_path: Path) -> None:
    before = house.population()
    assert add_mock(house.node, "visits", written(tmp_path, HEADER, "30,70.5,north,", "31,,,1.5")) == 2
    reply = house.get(f"/v1/datasets/{house.dataset}/mock", kind="owner")
    assert reply.status_code == 200, reply.text
    rows = reply.json()
    assert rows["label"] == LABELS[MockKind.OWNER] == "the owner's own file, outside the promise"
    assert rows["columns"] == {"age": [30, 31], "weight": [70.5, None], "site": ["north", None], "note": [None, 1.5]}
    assert house.population() == before
    assert [entry["kind"] for entry in house.ledger()][-1] == "mock.added"


def test_a_second_file_takes_the_first_one_s_place(house: Any, tmp_path: Path) -> None:
    add_mock(house.node, "visits", written(tmp_path, HEADER, "30,70,north,"))
    add_mock(house.node, "visits", written(tmp_path, "site,age,weight,note", "south,40,60,"))
    rows = house.get(f"/v1/datasets/{house.dataset}/mock", kind="owner").json()
    assert rows["columns"] == {"age": [40], "weight": [60.0], "site": ["south"], "note": [None]}


def test_kinds_are_kept_apart(house: Any, tmp_path: Path) -> None:
    add_mock(house.node, "visits", written(tmp_path, HEADER, "30,70,north,"))
    version = house.get("/v1/datasets").json()[0]["version"]
    with house.node.database.writing() as session:
        mocks.keep(session, version, MockKind.SYNTHETIC, {"age": [1]})
    owner, synthetic = (
        house.get(f"/v1/datasets/{house.dataset}/mock", kind=kind).json() for kind in ("owner", "synthetic")
    )
    assert (owner["columns"]["age"], synthetic["columns"]["age"]) == ([30], [1])
    assert owner["label"] != synthetic["label"]


def test_without_a_file_there_are_no_such_rows(house: Any) -> None:
    reply = house.get(f"/v1/datasets/{house.dataset}/mock", kind="owner")
    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_resource")
    assert house.get(f"/v1/datasets/{house.dataset}/mock", kind="real").status_code == 400


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((HEADER,), "at least 1 row, got 0"),
        (("age,weight", "1,2"), "expected the columns age, weight, site, note; got age, weight"),
        ((HEADER, "30,70,north,", "30,70,nowhere,"), "line 3: expected one of north, south, east; got 'nowhere'"),
        ((HEADER, "130,70,north,"), "line 2: expected 0 to 100, got 130"),
        ((HEADER, "3.5,70,north,"), "line 2: age is of type integer, got '3.5'"),
        ((HEADER, "30,nan,north,"), "line 2: weight is of type number, got 'nan'"),
        ((HEADER, "30,70,north,inf"), "line 2: note is of type number, got 'inf'"),
        ((HEADER, "30,70,north"), "line 2: expected 4 fields"),
        ((HEADER, "30,70,north,,"), "line 2: expected 4 fields"),
        ((HEADER, *["30,70,north,"] * (ROWS_MAX + 1)), f"in at most {ROWS_MAX} lines"),
    ],
)
def test_what_does_not_fit_the_card_is_refused_with_its_line(
    house: Any, tmp_path: Path, lines: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        add_mock(house.node, "visits", written(tmp_path, *lines))
    assert said in refused.value.detail


def test_a_dataset_that_there_is_not_is_named(house: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no dataset visit"):
        add_mock(house.node, "visit", written(tmp_path, HEADER, "30,70,north,"))
