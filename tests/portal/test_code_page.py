"""A code job's pages: read, sent back, compared line by line, approved, and its output read and let go."""

from typing import Any

import pytest
from tests.node.test_code_jobs import GROUPED, allow, form, submitted, work
from tests.portal.test_reviews import choose

from jali.wire.person import Role
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token
from jali_node.sandbox import cell, code


@pytest.fixture
def house(portal: Any) -> Any:
    allow(portal.house)
    return portal.house


def test_the_function_is_read_compared_line_by_line_and_approved(portal: Any, house: Any) -> None:
    job = submitted(house)
    assert "no ε covers it" in portal.texts(portal.page(kind="Code"))
    page = portal.page("request", id=job["id"])
    said = portal.texts(page)
    for words in ("This leaves the promise: no epsilon covers", "weight", "pandas ", "60 s, 2,048 MB", "is their word"):
        assert words in said, said
    assert page.code[0].value == GROUPED.strip()
    page.text_area[0].set_value("round to whole kilograms")
    portal.press(page, "Ask for these changes")
    revised = form(house, GROUPED.replace("round(1)", "round(0)"), params={"above": 18})
    assert house.post(f"/v1/code-jobs/{job['id']}/revisions", revised).status_code == 201
    said = portal.texts(portal.page("request", id=job["id"], tab="Changes"))
    assert '<tr class="j-gone"><th scope="row">2</th>' in said
    assert '<tr class="j-added"><th scope="row">2</th>' in said
    assert "params › above" in said
    page = choose(portal.page("request", id=job["id"]), "Approve")
    assert "A worker of the node runs it once" in portal.texts(portal.press(page, "Let this code run once"))
    assert house.get(f"/v1/code-jobs/{job['id']}").json()["status"] == "approved"


@pytest.mark.skipif(cell.tier() < code.TIER, reason=f"the sandbox does not reach {code.TIER}")
def test_an_output_is_read_beside_its_checks_and_released_for_a_reason(portal: Any, house: Any) -> None:
    leak = "def job(df):\n    return df.head(30)[['age', 'weight']]"
    job = submitted(house, leak, purpose="<b>to test</b> an output")
    page = choose(portal.page("request", id=job["id"]), "Approve")
    portal.press(page, "Let this code run once")
    assert work(house) == 1
    inbox = portal.texts(portal.page())
    assert "Output waits" in inbox
    page = portal.page("request", id=job["id"])
    said = portal.texts(page)
    for words in ("a table of 30 rows and 2 columns", ">Stop</span>", "are values of weight", "find what is careless"):
        assert words in said, said
    assert "This needs a reason" in portal.texts(portal.press(page, "Destroy the output"))
    [control] = [control for control in page.segmented_control if control.label == "Output"]
    page = control.set_value("Release").run()
    page.text_area[0].set_value("made-up people, all of them")
    said = portal.texts(portal.press(page, "Release the output"))
    assert "Released. The asker can take it" in said
    assert "made-up people, all of them" in said
    assert house.get(f"/v1/code-jobs/{job['id']}/result").status_code == 200
    assert "The privacy promise ended at entry" in portal.texts(portal.page("budgets"))
    audit = portal.texts(portal.page("audit"))
    assert "Output released without a guarantee" in audit


@pytest.mark.skipif(cell.tier() < code.TIER, reason=f"the sandbox does not reach {code.TIER}")
def test_an_auditor_sees_that_an_output_waits_and_not_what_it_is(portal: Any, house: Any) -> None:
    job = submitted(house, "def job(df):\n    return 'a word of one row'")
    portal.press(choose(portal.page("request", id=job["id"]), "Approve"), "Let this code run once")
    assert work(house) == 1
    add_person(house.node, "Aldo Auditor", Role.AUDITOR, ())
    portal.sign_in(create_token(house.node, "Aldo Auditor", 1)[0])
    page = portal.page("request", id=job["id"])
    said = portal.texts(page)
    assert "Output waits" in said
    assert "a word of one row" not in said + "".join(element.value for element in page.code[1:])
    assert not page.button


def test_an_owner_turns_code_on_after_reading_what_ends_with_it(portal: Any) -> None:
    page = portal.press(portal.page("budgets"), "Turn code on")
    assert "With the first output that is released, the promise" in portal.texts(page)
    said = portal.texts(portal.press(page, "Turn them on"))
    assert "Code jobs are on: visits." in said
    assert "visits (code jobs on)" in portal.texts(portal.page("budgets"))
    assert portal.house.get(f"/v1/datasets/{portal.house.dataset}").json()["code_jobs"] is True
