"""The page "Budgets", over the real node: what is spent and by whom, and what stops."""

from typing import Any

import pytest
from tests.node.test_jobs import form

WHY = "we are reading the ledger"
COUNT, MEAN = {"kind": "count"}, {"kind": "mean", "column": "age"}


def pressed(page: Any, key: str) -> Any:
    return page.button(key=key).click().run()


def confirmed(page: Any, label: str, reason: str = WHY) -> Any:
    if page.text_area:
        page.text_area[0].set_value(reason)
    [button] = [button for button in page.button if button.label == label]
    return button.click().run()


def approved(house: Any) -> dict[str, Any]:
    job = house.post("/v1/jobs", form(house, rounds=2)).json()
    reply = house.post(f"/v1/jobs/{job['id']}/decision", {"digest": job["digest"], "outcome": "approved"}, house.owner)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def test_what_is_spent_held_and_left_is_shown_with_who_spent_it(portal: Any) -> None:
    house = portal.house
    house.grant(1.0)
    approved(house)
    assert house.ask(MEAN, 0.5).status_code == 200
    said = portal.texts(page := portal.page("budgets"))
    budget = house.population()
    for words in ("Spent: ", "Held: ", "Left: ", "Dana Scientist", "study", "visits", f"ε {budget['left']:.3g} in one"):
        assert words in said
    assert "ε 0.5 of ε 1" in said
    assert [metric.value for metric in page.metric] == ["1", "1", "1", "0"]
    assert not page.exception


def test_what_stops_is_said_before_it_is_frozen_and_it_is_frozen_only_with_a_reason(portal: Any) -> None:
    house = portal.house
    house.grant(1.0)
    job = approved(house)
    page = pressed(portal.page("budgets"), "freeze-node")
    said = portal.texts(page)
    assert "of everybody is refused" in said
    assert "It meets Dana Scientist." in said
    assert "1 job is under way and will wait" in said
    assert "Dana Scientist&#x27;s training on visits (0 of 2 rounds done)" in said
    assert house.get("/v1/freezes", house.owner).json() == [], "nothing is done before it is confirmed"
    page = pressed(confirmed(page, "Freeze it", "  x "), "freeze-node")
    assert "3 letters or more" in portal.texts(page)
    assert house.get("/v1/freezes", house.owner).json() == []
    page = confirmed(page, "Freeze it", "reading <b>the</b> ledger")
    said = portal.texts(page)
    assert "Frozen: The whole node test node." in said
    assert "by Olga Owner: reading &lt;b&gt;the&lt;/b&gt; ledger" in said
    assert house.ask(COUNT, 0.1).json()["code"] == "frozen"
    page = confirmed(pressed(page, "freeze-node"), "Let it go on")
    assert "No longer frozen: The whole node test node." in portal.texts(page)
    assert house.ask(COUNT, 0.1).status_code == 200
    assert house.get(f"/v1/jobs/{job['id']}").json()["status"] == "approved"


@pytest.mark.parametrize("what", ["population", "grant"])
def test_a_part_is_frozen_and_lifted(portal: Any, what: str) -> None:
    house = portal.house
    grant = house.grant(1.0)["grant"]
    subject = grant if what == "grant" else house.get("/v1/populations", house.owner).json()[0]["id"]
    page = confirmed(pressed(portal.page("budgets"), f"freeze-{subject}"), "Freeze it")
    assert f"by Olga Owner: {WHY}" in portal.texts(page) or what == "grant"
    assert page.metric[3].value == "1"
    assert house.ask(COUNT, 0.1).json()["code"] == "frozen"
    page = confirmed(pressed(page, f"freeze-{subject}"), "Let it go on")
    assert page.metric[3].value == "0"
    assert house.ask(COUNT, 0.1).status_code == 200


def test_a_grant_is_revoked_for_good_with_the_jobs_that_were_said_to_end(portal: Any) -> None:
    house = portal.house
    grant = house.grant(1.0)["grant"]
    job, waiting = approved(house), house.post("/v1/jobs", form(house, rounds=3)).json()
    change = {"digest": waiting["digest"], "outcome": "changes_asked", "reason": "fewer rounds"}
    assert house.post(f"/v1/jobs/{waiting['id']}/decision", change, house.owner).status_code == 200
    page = pressed(portal.page("budgets"), f"revoke-{grant}")
    said = portal.texts(page)
    assert "does not come back" in said
    assert "2 jobs of theirs end with it" in said
    page = confirmed(page, "Revoke it")
    said = portal.texts(page)
    assert "Revoked for good: The grant of Dana Scientist (study, visits)." in said
    assert "Nobody has a grant" in said
    assert "Revoked" in said
    assert house.get(f"/v1/jobs/{job['id']}").json()["status"] == "cancelled"
    assert house.get(f"/v1/jobs/{waiting['id']}").json()["status"] == "denied"


def test_jobs_go_on_where_another_grant_holds_and_the_dialog_says_so(portal: Any) -> None:
    house = portal.house
    grant, _ = house.grant(1.0)["grant"], house.grant(0.5)
    job = approved(house)
    page = pressed(portal.page("budgets"), f"revoke-{grant}")
    assert "another grant of theirs" in portal.texts(page)
    confirmed(page, "Revoke it")
    assert house.get(f"/v1/jobs/{job['id']}").json()["status"] == "approved"


def test_the_tighter_figure_is_labelled_a_report(portal: Any) -> None:
    house = portal.house
    house.grant(1.0)
    assert house.ask(MEAN, 0.5).status_code == 200
    said = portal.texts(portal.page("budgets"))
    found = house.sdk(house.owner).owner.report(house.get("/v1/populations", house.owner).json()[0]["id"])
    assert "Report, not a promise." in said
    assert f"come to ε {found.tighter:.3g}" in said


def test_cancelling_changes_nothing_and_what_got_no_answer_is_called_uncertain(portal: Any) -> None:
    page = confirmed(pressed(portal.page("budgets"), "freeze-node"), "Cancel")
    assert portal.house.get("/v1/freezes", portal.house.owner).json() == []
    page = pressed(confirmed(pressed(page, "freeze-node"), "Freeze it"), "freeze-node")
    portal.refusals["/v1/freezes/node/end"] = (503, "node_unavailable")
    assert "it is not certain" in portal.texts(confirmed(page, "Let it go on"))
