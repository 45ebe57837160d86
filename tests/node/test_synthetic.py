"""Synthetic mock rows: charged before a row is read, drawn once, kept, and handed out with what they are.

The mechanism itself is OpenDP's and needs jali[synthetic]; here one of the same form stands in for it, and
`tests/privacy/test_synthetic.py` runs the real one.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from sqlalchemy import select

from jali.wire.dataset import Card, Column, UnitKind
from jali.wire.money import to_fixed
from jali_node.actions.budgets.open_population import open_population
from jali_node.actions.datasets import synthesize as action
from jali_node.actions.datasets.register_dataset import register_dataset
from jali_node.actions.datasets.synthesize import PROJECT, Wish, cells, quoted, synthesize
from jali_node.commands import node as command
from jali_node.engine.tally import Bins, Categories
from jali_node.engine.warehouse import Warehouse
from jali_node.errors import BudgetExhausted, EpsilonTooSmall, ExtraMissing, InvalidRequest
from jali_node.ledger import accountant, book
from jali_node.mechanisms import synthetic
from jali_node.tables import ProjectRow, SpendRow

TELLTALE = "patient-4711"


class StandIn:
    """Draws codes evenly, and remembers what it was given."""

    def __init__(self) -> None:
        self.rho, self.rows_each = 0.0, 0
        self.given: list[Mapping[str, NDArray[np.int64]]] = []
        self.failing = 0

    def mechanism(self, sizes: Mapping[str, int], rho: float, rows_each: int) -> "StandIn":
        self.rho, self.rows_each = rho, rows_each
        return self

    def drawn(self, made: Any, codes: Any, sizes: Mapping[str, int], rows: int) -> dict[str, NDArray[np.int64]]:
        self.given.append(codes)
        if self.failing >= len(self.given):
            raise MemoryError(TELLTALE)
        return {name: np.arange(rows, dtype=np.int64) % size for name, size in sizes.items()}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn()
    monkeypatch.setattr(synthetic, "missing", lambda: "")
    monkeypatch.setattr(synthetic, "mechanism", made.mechanism)
    monkeypatch.setattr(synthetic, "drawn", made.drawn)
    return made


def states(house: Any) -> list[str]:
    with house.node.database.reading() as session:
        return list(session.scalars(select(SpendRow.state)))


def test_a_quote_is_free_and_reads_no_row(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Warehouse, "_attach", None)
    before = house.population(), house.ledger()
    offer = quoted(house.node, Wish("visits", 100, 0.5))
    assert offer.price == pytest.approx(0.5, abs=1e-9)
    assert offer.sizes == {"age": 21, "weight": 21, "site": 4}, "20 bins or the categories, and one for missing"
    assert (house.population(), house.ledger()) == before


def test_the_price_is_charged_as_one_concentrated_event_before_rows_are_read(
    house: Any, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    read = Warehouse.codes

    def reading(self: Warehouse, *args: Any) -> Any:
        seen.extend(states(house))
        return read(self, *args)

    monkeypatch.setattr(Warehouse, "codes", reading)
    offer = synthesize(house.node, Wish("visits", 50, 0.5))
    assert seen == [book.BEGUN]
    assert states(house) == [book.COMMITTED]
    assert stand_in.rho == offer.event.rho
    assert house.population()["spent"] == pytest.approx(0.5, abs=1e-9)
    held = [entry["body"] for entry in house.ledger() if entry["kind"] == "spend.held"]
    assert held[0]["event"] == {"kind": "concentrated", "v": 1, "rho": repr(offer.event.rho)}
    assert held[0]["grant"] is None
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_the_mechanism_gets_every_row_as_public_codes(house: Any, stand_in: StandIn) -> None:
    synthesize(house.node, Wish("visits", 50, 0.5))
    (codes,) = stand_in.given
    ages = [(7 * i) % 101 for i in range(2000)]
    assert np.bincount(codes["age"]).tolist() == np.bincount([min(19, age // 5) for age in ages]).tolist()
    assert np.bincount(codes["site"]).tolist() == [500, 500, 500, 500], "west is no declared category"
    assert {name: (len(values), values.dtype) for name, values in codes.items()} == dict.fromkeys(
        ["age", "weight", "site"], (2000, np.dtype(np.int64))
    )


def test_the_rows_are_handed_out_with_what_they_are(house: Any, stand_in: StandIn) -> None:
    synthesize(house.node, Wish("visits", 50, 0.5, ("age", "site")))
    frame = house.sdk()["visits"].mock(40, kind="synthetic")
    assert frame.attrs["jali"] == "rows drawn from a differentially private release"
    assert list(frame.columns) == ["age", "weight", "site", "note"]
    assert len(frame) == 40
    assert frame["age"].dropna().between(0, 100).all()
    assert frame["age"].isna().any()
    assert set(frame["site"].dropna()) == {"north", "south", "east"}
    assert frame["weight"].isna().all(), "what was not asked for is missing"
    body = house.get(f"/v1/datasets/{house.dataset}/mock", kind="synthetic").json()
    entry = next(entry["body"] for entry in house.ledger() if entry["kind"] == "mock.added")
    assert entry["mock"] == body["kind"] == "synthetic"


def test_rows_that_cannot_be_read_are_answered_like_an_empty_table(
    house: Any, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError(TELLTALE)

    monkeypatch.setattr(Warehouse, "codes", fail)
    synthesize(house.node, Wish("visits", 50, 0.5))
    assert {len(codes) for codes in stand_in.given[0].values()} == {0}
    assert states(house) == [book.COMMITTED]
    assert TELLTALE not in caplog.text
    assert house.get(f"/v1/datasets/{house.dataset}/mock", kind="synthetic").status_code == 200


def test_a_mechanism_that_fails_on_the_rows_is_asked_about_none(house: Any, stand_in: StandIn) -> None:
    stand_in.failing = 1
    synthesize(house.node, Wish("visits", 50, 0.5))
    assert [len(codes["age"]) for codes in stand_in.given] == [2000, 0]
    assert states(house) == [book.COMMITTED]


def test_a_mechanism_that_fails_always_leaves_a_spend_that_stands(house: Any, stand_in: StandIn) -> None:
    stand_in.failing = 2
    with pytest.raises(MemoryError):
        synthesize(house.node, Wish("visits", 50, 0.5))
    assert states(house) == [book.SETTLED]
    assert house.population()["spent"] == pytest.approx(0.5, abs=1e-9)
    assert house.get(f"/v1/datasets/{house.dataset}/mock", kind="synthetic").status_code == 404


def test_what_the_cap_has_no_room_for_is_refused_and_nothing_is_written(house: Any, stand_in: StandIn) -> None:
    before = house.population(), house.ledger()
    with pytest.raises(BudgetExhausted, match="the population's cap of 2"):
        synthesize(house.node, Wish("visits", 50, 3.0))
    assert (house.population(), house.ledger()) == before
    assert stand_in.given == []
    with house.node.database.reading() as session:
        assert PROJECT not in session.scalars(select(ProjectRow.name)).all()


def test_without_the_extra_nothing_is_charged(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "missing", lambda: "mbi")
    before = house.ledger()
    with pytest.raises(ExtraMissing, match=r"jali\[synthetic\].*missing: mbi"):
        synthesize(house.node, Wish("visits", 50, 0.5))
    assert house.ledger() == before


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"dataset": "visit"}, "no dataset visit"),
        ({"columns": ("age", "ag")}, "no column ag"),
        ({"columns": ("age", "note")}, "column note has neither"),
        ({"columns": ("age",)}, "expected 2 to 20 columns .*, got 1"),
        ({"rows": 0}, "1 <= rows <= 10000, got 0"),
        ({"rows": 10_001}, "1 <= rows <= 10000, got 10001"),
        ({"epsilon": 0.0}, "0 < epsilon <= 1000, got 0"),
    ],
)
def test_a_wish_that_does_not_fit_is_refused_by_name(house: Any, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        quoted(house.node, Wish(**{"dataset": "visits", "rows": 10, "epsilon": 0.5, **wish}))


def test_a_price_below_any_noise_is_refused(house: Any) -> None:
    with pytest.raises(EpsilonTooSmall):
        quoted(house.node, Wish("visits", 10, 1e-6))


def test_units_that_are_entities_count_with_all_the_rows_that_are_read_of_them(house: Any, stand_in: StandIn) -> None:
    open_population(house.node, "persons", UnitKind.ENTITY, 100, 2.0, 1e-6)
    card = {
        "name": "stays", "title": "Stays", "population": "persons", "entity": "age", "max_rows": 3,
        "columns": [column.model_dump(mode="json") for column in house.card.columns],
    }  # fmt: skip
    register_dataset(house.node, house.folder / "visits.parquet", Card.model_validate(card))
    assert quoted(house.node, Wish("stays", 10, 0.5)).sizes == {"weight": 21, "site": 4}, "no row says whose it is"
    with pytest.raises(InvalidRequest, match="column age says whose row it is"):
        quoted(house.node, Wish("stays", 10, 0.5, ("age", "site")))
    synthesize(house.node, Wish("stays", 10, 0.5))
    assert stand_in.rows_each == 3
    assert len(stand_in.given[0]["site"]) == 3 * 101, "no more than three rows of any age"


def test_rho_is_never_rounded_above_what_is_charged(house: Any) -> None:
    for epsilon in (0.013, 0.1, 0.37, 1.0, 1.9):
        offer = quoted(house.node, Wish("visits", 10, epsilon))
        terms = book.terms(_account(house, offer.registered.population.account_id))
        assert accountant.price(accountant.charge(offer.event, terms), terms) <= to_fixed(epsilon)


def _account(house: Any, account_id: str) -> Any:
    with house.node.database.reading() as session:
        found = session.get_one(book.AccountRow, account_id)
        session.expunge(found)
        return found


@pytest.mark.parametrize(("lower", "upper"), [(0, 1), (-3, 4), (0, 19), (0, 20), (0, 100), (18, 120)])
def test_whole_numbers_come_back_into_the_bin_they_were_read_as(lower: int, upper: int) -> None:
    group: Any = action._group(Column(name="x", type="integer", lower=lower, upper=upper))
    rng, span = np.random.default_rng(1), upper - lower
    for code in range(group.number):
        for value in cells(group, np.full(50, code), rng):
            assert isinstance(value, int)
            assert lower <= value <= upper
            assert min(group.number - 1, (value - lower) * group.number // span) == code
    assert cells(group, np.array([group.number]), rng) == [None]
    if span < 20:
        assert group.number == span + 1, "few numbers are told apart"


def test_numbers_and_categories_come_back_too() -> None:
    rng = np.random.default_rng(1)
    weights = cells(Bins(Column(name="w", type="number", lower=-1, upper=1), 4), np.array([0, 3, 4]), rng)
    assert -1 <= float(weights[0] or 0) <= -0.5 < 0.5 <= float(weights[1] or 0) <= 1
    assert weights[2] is None
    sites = Categories(Column(name="s", type="category", categories=("a", "b")))
    assert cells(sites, np.array([1, 0, 2]), rng) == ["b", "a", None]


def test_the_command_quotes_and_synthesizes(house: Any, stand_in: StandIn) -> None:
    runner = CliRunner()
    line = ["dataset", "synthesize", "visits", "--folder", str(house.folder), "--epsilon", "0.4", "--rows", "20"]
    quote = runner.invoke(command, [*line, "--quote"])
    assert quote.output.strip() == "age, weight, site: costs epsilon 0.4; 2 is left"
    assert states(house) == []
    done = runner.invoke(command, [*line, "--columns", "age, site"])
    assert "20 mock rows, labelled as drawn from a differentially private release" in done.output
    assert states(house) == [book.COMMITTED]
    assert TELLTALE not in json.dumps(house.ledger())
