"""Populations: what a cap means, a higher one, and whose people a table is about."""

import math
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.node.test_commands import CARD, typed

from jali.wire.money import to_fixed
from jali_node.actions.budgets import choose_cap
from jali_node.actions.budgets.open_population import checked_terms
from jali_node.actions.budgets.raise_population import raise_population
from jali_node.errors import InvalidRequest
from jali_node.ledger import accountant
from jali_node.ledger.account import Account
from jali_node.ledger.event import Gaussian

MEAN = {"kind": "mean", "column": "age"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "node"
    typed(made, "init", "--name", "Clinic", "--owner", "Olga")
    for name in ("people", "rows"):
        typed(made, "population", "add", name, "--units", "1234", "--epsilon", "2")
    (tmp_path / "card.toml").write_text(CARD)
    (tmp_path / "bare.toml").write_text(CARD.replace('population = "people"\n', "").replace("visits", "falls"))
    (tmp_path / "visits.csv").write_text("age\n41\n")
    return made


def test_as_many_questions_fit_as_an_account_takes_one_by_one() -> None:
    for cap, noise in ((0.3, 20.0), (1.0, 10.0), (3.0, 50.0)):
        terms = checked_terms(2000, cap, 1e-6)
        cost = accountant.charge(Gaussian(noise), terms)
        account, taken = Account.opened(to_fixed(cap), terms), 0
        while account.fits(cost):
            account, taken = account.with_held(cost), taken + 1
        assert choose_cap.fitting(to_fixed(cap), terms, cost) == taken > 0


def test_a_belief_moves_by_the_odds_and_by_no_more() -> None:
    for prior in (0.01, 0.3, 0.5, 0.99):
        for epsilon in (0.1, 1.0, 5.0):
            after = choose_cap.believed(prior, epsilon)
            assert after / (1 - after) == pytest.approx(prior / (1 - prior) * math.exp(epsilon), rel=1e-9)


def test_choosing_says_what_each_cap_means_and_refuses_nonsense(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from jali_node.commands import node

    def chosen(*given: str) -> Any:
        return CliRunner().invoke(node, ["population", "choose", *given])

    said = chosen("--units", "100000", "--epsilon", "1", "--epsilon", "3", "--prior", "0.1").output
    assert "0.232" in said
    assert "0.691" in said
    [one, three] = choose_cap.choices(100_000, 1e-6, 0.01, (1.0, 3.0))
    assert f"{one.questions:,}" in said
    assert one.questions < three.questions
    assert "for all time." in said
    assert "19.61  redistricting data of the U.S. census of 2020" in said
    weekly = chosen("--units", "100000", "--epsilon", "0.1", "--prior", "0.5", "--refresh-days", "30").output
    assert "in each window of 30 days." in weekly
    assert "13 times in a year, where from 0.5 one may become this sure: 0.786 at 0.1" in weekly
    assert "no bound" in weekly
    for given, said in (
        (("--units", "9", "--refresh-days", "0"), "days: expected 1 <= days"),
        (("--units", "0"), "units: expected 1"),
        (("--units", "9", "--prior", "1"), "prior: expected 0 < prior < 1, got 1"),
        (("--units", "9", "--error", "2"), "error: expected"),
        (("--units", "9", "--epsilon", "-1"), "epsilon: expected"),
    ):
        result = chosen(*given)
        assert (result.exit_code, said in result.output) == (1, True), result.output


def test_a_raised_cap_makes_room_and_stands_in_the_ledger(house: Any) -> None:
    assert house.ask(MEAN, 0.5).status_code == 200
    before = house.population()
    raised = raise_population(house.node, "people", 3.0)
    after = house.population()
    assert (raised.before, after["cap"], after["spent"]) == (2.0, 3.0, before["spent"])
    assert after["left"] > before["left"]
    kinds = [entry["kind"] for entry in house.ledger()]
    assert kinds[-2:] == ["account.raised", "population.raised"]
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]
    for wrong, said in (
        (2.5, "above 3, at most 1000, got 2.5"),
        (3.0, "above 3"),
        (math.nan, "got nan"),
        (math.nextafter(3.0, 4.0), "above 3"),
        (2000.0, "at most 1000, got 2000"),
    ):
        with pytest.raises(InvalidRequest, match=said):
            raise_population(house.node, "people", wrong)
    with pytest.raises(InvalidRequest, match="known: people"):
        raise_population(house.node, "persons", 4.0)


def test_raising_at_the_machine_says_what_it_means(folder: Path) -> None:
    said = typed(folder, "population", "raise", "people", "--epsilon", "3").output
    assert "epsilon 3, before 2" in said
    assert "0.953 sure, no longer 0.881" in said
    assert "never" in typed(folder, "population", "raise", "people", "--epsilon", "1", code=1).output


def test_registering_says_whose_budget_a_table_spends_and_what_a_wrong_answer_breaks(
    folder: Path, tmp_path: Path
) -> None:
    first = typed(folder, "dataset", "add", str(tmp_path / "visits.csv"), "--card", str(tmp_path / "card.toml")).output
    assert "about population people, and spends from its account of epsilon 2; no other table does" in first
    assert "also in rows: the promises to them add up" in first
    (tmp_path / "more.toml").write_text(CARD.replace("visits", "stays"))
    second = typed(folder, "dataset", "add", str(tmp_path / "visits.csv"), "--card", str(tmp_path / "more.toml")).output
    assert "together with visits" in second
    assert "If none of its people are in visits: nobody is harmed" in second


def test_a_card_without_a_population_is_refused_where_nobody_can_answer(folder: Path, tmp_path: Path) -> None:
    arguments = ("dataset", "add", str(tmp_path / "visits.csv"), "--card", str(tmp_path / "bare.toml"))
    assert "known: people, rows" in typed(folder, *arguments, code=1).output


def test_a_card_without_a_population_is_asked_about_at_a_terminal(folder: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = ["dataset", "add", str(tmp_path / "visits.csv"), "--card", str(tmp_path / "bare.toml")]
    command = [sys.executable, "-m", "jali", "node", *arguments, "--folder", str(folder)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, text=True) as process:
        os.write(ours, b"rows\n")
        said, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    assert "Whose data is this?" in said
    assert "people: 1,200 units (row), epsilon 2; no table as yet" in said
    assert "about population rows" in said
