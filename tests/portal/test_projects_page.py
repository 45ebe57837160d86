"""The page "Projects", over the real node: what they stand on, who belongs to them, and their end."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.portal.test_budgets_page import MEAN, confirmed, pressed

from jali.wire.person import Role
from jali_node.actions.people.add_person import add_person


def test_a_project_shows_its_agreement_members_grants_requests_and_releases(portal: Any) -> None:
    house = portal.house
    house.grant(1.0)
    assert house.ask(MEAN, 0.5).status_code == 200
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    house.sdk(house.owner).owner.add_project("falls <b>", "to **prevent** them", "BASEC 2026-01234", tomorrow)
    said = portal.texts(page := portal.page("projects"))
    for words in ("falls &lt;b&gt;", "BASEC 2026-01234", f"after {tomorrow.day} {tomorrow:%B %Y} (UTC)", "none given"):
        assert words in said
    page.selectbox(key="name").set_value("study").run()
    said = portal.texts(page)
    release = house.get("/v1/releases", project=house.project).json()[0]["id"]
    for words in ("no end set", "to test", "ε 0.5 of ε 1", "Granted", f"Answer …{release[-6:]}"):
        assert words in said
    page.selectbox(key="name").set_value("falls <b>").run()
    said = portal.texts(page)
    assert "to **prevent** them" in [element.value for element in page.text], "as it was written, not as markup"
    for words in ("Nobody belongs to it yet.", "Nothing has been granted for it.", "Nothing has been released for it."):
        assert words in said
    assert not page.exception


def test_an_owner_begins_a_project_adds_a_member_and_removes_one_who_then_cannot_ask(portal: Any) -> None:
    house = portal.house
    house.grant(1.0)
    page = portal.page("projects")
    page.text_input(key="begin-name").set_value("falls")
    page = portal.press(page, "Begin the project")
    assert "Nothing was changed: purpose" in portal.texts(page)
    page.text_area(key="begin-purpose").set_value("to prevent them")
    page = portal.press(page, "Begin the project")
    assert "Begun: falls." in portal.texts(page)
    assert page.selectbox(key="name").value == "falls"
    dana = house.get("/v1/me").json()["id"]
    page.selectbox(key="join-person").set_value(dana)
    page = portal.press(page, "Add")
    assert "Dana Scientist belongs to falls now." in portal.texts(page)
    page.selectbox(key="name").set_value("study").run()
    page = pressed(page, f"leave-{dana}")
    said = portal.texts(page)
    assert "Their 1 open grant for it serves nobody." in said
    assert "No job is under way" in said
    assert house.ask(MEAN, 0.1).status_code == 200, "nothing is done before it is confirmed"
    page = confirmed(page, "Remove them")
    assert "Dana Scientist belongs to study no longer." in portal.texts(page)
    assert house.ask({"kind": "count"}, 0.1).status_code == 403


def test_a_project_is_given_a_last_day_ended_and_prolonged(portal: Any) -> None:
    house = portal.house
    house.grant(1.0)
    page = portal.page("projects", name="study")
    page = portal.press(page, "Set the last day")
    assert "Choose a day first" in portal.texts(page)
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    page.date_input(key=f"last-day-{house.project}").set_value(day)
    page = portal.press(page, "Set the last day")
    assert f"until the end of {day:%d %B %Y}" in portal.texts(page)
    page = pressed(page, "end-project")
    assert "That stops Dana Scientist." in portal.texts(page)
    page = confirmed(page, "End it")
    assert "Ended: study." in portal.texts(page)
    assert house.ask(MEAN, 0.1).json()["code"] == "project_ended"
    page.date_input(key=f"last-day-{house.project}").set_value(day)
    portal.press(page, "Set the last day")
    assert house.ask(MEAN, 0.1).status_code == 200


def test_only_those_who_are_here_can_be_added(portal: Any) -> None:
    gone = add_person(portal.house.node, "Gone Already", Role.DATA_SCIENTIST)
    owner = portal.house.sdk(portal.house.owner).owner
    owner.people.remove(next(person for person in owner.people.all() if person.id == gone.id))
    options = portal.page("projects", name="study").selectbox(key="join-person").options
    assert options == ["Olga Owner"]
