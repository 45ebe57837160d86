"""The pages in each of their states, over the real node."""

from typing import Any

import pytest

PURPOSE = "to see **what** <b>is</b> there ![x](http://evil.test/x.png)"


def test_an_empty_inbox_says_so(portal: Any) -> None:
    said = portal.texts(portal.page())
    assert "Nothing waits" in said
    assert "Olga Owner" in said
    assert "test node" in said


def test_the_inbox_counts_and_lists_what_waits(portal: Any) -> None:
    portal.house.request(1.5)
    portal.house.grant(0.5)
    page = portal.page()
    assert [metric.value for metric in page.metric] == ["1", "under a minute", "0", "0"]
    said = portal.texts(page)
    assert said.count("Dana Scientist") == 1
    assert "ε 1.5" in said


def test_the_filter_is_kept_in_the_address(portal: Any) -> None:
    portal.house.grant(0.5)
    page = portal.page(show="Granted")
    assert "ε 0.5" in portal.texts(page)
    page.segmented_control[0].set_value("waiting").run()
    assert "Nothing waits" in portal.texts(page)


def test_many_requests_are_shown_in_pages(portal: Any) -> None:
    for number in range(1, 23):
        portal.house.request(number / 10)
    page = portal.page()
    assert portal.texts(page).count("Dana Scientist") == 20
    page.number_input[0].set_value(2).run()
    assert portal.texts(page).count("Dana Scientist") == 2


def test_a_request_shows_who_why_what_and_the_cost(portal: Any) -> None:
    wish = portal.house.request(1.0, purpose=PURPOSE, columns=["age"], statistics=["mean"])
    page = portal.page("request", id=wish["id"])
    said = portal.texts(page)
    for words in (
        "Dana Scientist asks for access to visits",
        "1 statistic over 1 of 4 columns",
        "Privacy cost",
        "100 %",
    ):
        assert words in said
    assert "This quota of ε 1, at most" in said
    assert not page.exception


def test_what_the_asker_wrote_is_never_markup(portal: Any) -> None:
    wish = portal.house.request(1.0, purpose=PURPOSE)
    page = portal.page("request", id=wish["id"])
    assert [element.value for element in page.text] == [PURPOSE]
    assert all("evil.test" not in str(element.value) for element in page.markdown)
    assert all("evil.test" not in element.proto.body for element in page.get("html"))


def test_a_smaller_quota_can_be_granted_and_is_used_afterwards(portal: Any) -> None:
    house = portal.house
    wish = house.request(1.0)
    page = portal.page("request", id=wish["id"])
    before = portal.texts(page)
    page.number_input[0].set_value(0.5).run()
    assert portal.texts(page) != before
    page.selectbox[0].set_value(30).run()
    said = portal.texts(portal.press(page, "Grant ε 0.5 for 30 days"))
    assert "Granted ε 0.5 for 30 days" in said
    assert "By</dt><dd>you" in said
    assert house.ask({"kind": "count"}, 0.2).status_code == 200
    assert house.ask({"kind": "mean", "column": "age"}, 0.6).json()["code"] == "budget_exhausted"


def test_a_quota_that_begins_anew_says_what_it_comes_to_and_does(portal: Any) -> None:
    house = portal.house
    wish = house.request(1.0)
    page = portal.page("request", id=wish["id"])
    page.selectbox[1].set_value(30).run()
    assert "Up to 3 times ε 1 in 90 days, so ε 3 in all" in portal.texts(page)
    said = portal.texts(portal.press(page, "Grant ε 1 every 30 days for 90 days"))
    assert "Granted ε 1 every 30 days for 90 days" in said
    mine = house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()
    assert mine["window"]["days"] == 30


def test_a_denial_needs_a_reason_and_tells_it(portal: Any) -> None:
    wish = portal.house.request(1.0)
    page = portal.page("request", id=wish["id"])
    page.segmented_control[0].set_value("Deny").run()
    portal.press(page, "Deny")
    assert "needs a reason" in portal.texts(page)
    assert portal.house.get(f"/v1/requests/{wish['id']}").json()["status"] == "submitted"
    page.text_area[0].set_value("too <broad>")
    portal.press(page, "Deny")
    assert "Denied. The asker reads your reason." in portal.texts(page)
    assert "too &lt;broad&gt;" in portal.texts(page)
    assert portal.house.get(f"/v1/requests/{wish['id']}").json()["reason"] == "too <broad>"


def test_a_decision_made_elsewhere_is_explained_and_nothing_is_recorded(portal: Any) -> None:
    house = portal.house
    wish = house.request(1.0)
    page = portal.page("request", id=wish["id"])
    no = {"digest": wish["digest"], "outcome": "denied", "reason": "first"}
    assert house.post(f"/v1/requests/{wish['id']}/decision", no, house.owner).status_code == 200
    said = portal.texts(portal.press(page, "Grant"))
    assert "Nothing was recorded" in said
    assert "first" in said
    assert house.get(f"/v1/requests/{wish['id']}").json()["status"] == "denied"


def test_the_digest_that_was_read_is_the_one_that_is_sent(portal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wish = portal.house.request(1.0)
    page = portal.page("request", id=wish["id"])
    desk = portal.reception.desk(portal.session)
    as_it_is_now = desk.request(wish["id"]).model_copy(update={"digest": "f" * 64, "purpose": "another purpose"})
    monkeypatch.setattr(type(desk), "request", lambda self, request_id: as_it_is_now)
    portal.press(page, "Grant")
    assert portal.house.get(f"/v1/requests/{wish['id']}").json()["status"] == "granted"


def test_a_quota_larger_than_what_is_left_is_pointed_out(portal: Any) -> None:
    house = portal.house
    house.grant(3.0)
    assert house.ask({"kind": "count"}, 2.5).status_code == 200
    page = portal.page("request", id=house.request(2.9)["id"])
    assert "larger than what is left" in portal.texts(page)


def test_other_open_quotas_are_counted(portal: Any) -> None:
    portal.house.grant(2.5)
    page = portal.page("request", id=portal.house.request(2.5)["id"])
    said = portal.texts(page)
    assert "Promised in 1 other open quota" in said
    assert "promise more than is left" in said


@pytest.mark.parametrize("wrong", ["", "req_none", "req_../../me", "job_01", "x"])
def test_an_id_that_is_none_says_so(portal: Any, wrong: str) -> None:
    assert "There is no such request" in portal.texts(portal.page("request", id=wrong))


def test_the_ledger_shows_accounts_entries_and_their_verification(portal: Any) -> None:
    portal.house.grant(1.0)
    portal.house.ask({"kind": "count"}, 0.5)
    page = portal.page("ledger")
    said = portal.texts(page)
    for words in ("people", "Cost set aside", "ε 0.5", "Answer released", "pseudonymous"):
        assert words in said
    assert "Dana" not in said
    portal.press(page, "Verify")
    entries = portal.house.ledger()
    assert f"The chain holds: {len(entries)} entries" in portal.texts(page)
    assert entries[-1]["hash"] in portal.texts(page)


def test_a_noted_head_that_is_not_passed_is_told(portal: Any) -> None:
    page = portal.page("ledger")
    page.text_input[0].set_value("f" * 64).run()
    assert "both its entry and its hash" in portal.texts(portal.press(page, "Verify"))
    [place] = [field for field in page.number_input if field.label == "Its entry"]
    place.set_value(2).run()
    assert "not the one of the checkpoint" in portal.texts(portal.press(page, "Verify"))


def test_entries_are_shown_newest_first_in_pages(portal: Any) -> None:
    for _ in range(25):
        portal.house.request(0.1)
    page = portal.page("ledger")
    newest = len(portal.house.ledger())
    assert f">{newest}<" in portal.texts(page)
    assert ">1<" not in portal.texts(page)
    [place] = [field for field in page.number_input if field.label.startswith("Page")]
    place.set_value(2).run()
    assert ">1<" in portal.texts(page)


@pytest.mark.parametrize("name", ["inbox", "ledger", "request"])
def test_a_node_that_is_down_is_told_and_tried_again(portal: Any, name: str) -> None:
    wish = portal.house.request(1.0)
    portal.down = True
    page = portal.page(name, id=wish["id"])
    assert "The node does not answer" in portal.texts(page)
    portal.down = False
    assert "The node does not answer" not in portal.texts(portal.press(page, "Try again"))


def test_a_token_that_is_no_longer_good_ends_the_session(portal: Any) -> None:
    portal.refusals["/v1/requests"] = (401, "token_expired")
    assert "Your session is over" in portal.texts(portal.page())
    assert portal.reception.desk(portal.session) is None


def test_without_a_session_no_page_shows_anything(portal: Any) -> None:
    wish = portal.house.request(1.0)
    portal.session = "guessed"
    for name in ("inbox", "ledger", "request"):
        said = portal.texts(portal.page(name, id=wish["id"]))
        assert "Your session is over" in said
        assert "Dana" not in said


def test_an_owner_who_is_none_any_more_sees_nothing(portal: Any) -> None:
    portal.refusals["/v1/requests"] = (403, "access_denied")
    assert "Your role does not open this" in portal.texts(portal.page())


def test_a_decision_that_got_no_answer_is_called_uncertain(portal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wish = portal.house.request(1.0)
    page = portal.page("request", id=wish["id"])
    portal.refusals[f"/v1/requests/{wish['id']}/decision"] = (503, "node_unavailable")
    assert "it is not certain" in portal.texts(portal.press(page, "Grant"))


def test_a_request_that_waits_for_a_second_person_says_so_and_a_reviewer_may_sign_in_and_give_it(portal: Any) -> None:
    from jali.wire.person import Role
    from jali_node.actions.people.add_person import add_person
    from jali_node.actions.people.create_token import create_token

    house = portal.house
    text = "[approval]\ntwo_persons_above_epsilon = 0.5\n"
    assert house.client.put("/v1/policy", headers=house.bearer(house.owner), json={"text": text}).status_code == 200
    wish = house.request(1.0)
    page = portal.press(portal.page("request", id=wish["id"]), "Grant ε 1")
    said = portal.texts(page)
    assert "two persons must agree" in said
    assert "a second person: above epsilon 0.5 two must agree, and one has" in said
    assert "by you" in said
    add_person(house.node, "Rosa Reviewer", Role.REVIEWER)
    portal.sign_in(create_token(house.node, "Rosa Reviewer", 1)[0])
    said = portal.texts(portal.press(portal.page("request", id=wish["id"]), "Grant ε 1"))
    assert "Granted ε 1 for 90 days" in said
    assert "by another" in said


def test_the_audit_trail_shows_who_did_what_and_the_choice_narrows_it(portal: Any) -> None:
    portal.house.grant(0.5)
    said = portal.texts(page := portal.page("audit"))
    assert "Access granted" in said
    assert "Dana Scientist" in said
    assert "Person added" in said
    assert portal.texts(portal.page("audit", about="Requests and grants")).count("Access granted") == 1
    narrowed = portal.texts(portal.page("audit", about="People and sign-ins"))
    assert "Access granted" not in narrowed
    assert "Person added" in narrowed
    assert not page.exception


def test_the_audit_trail_has_pages_back_to_the_first_entry(portal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from jali_portal.viewmodels import audit

    monkeypatch.setattr(audit, "LINES", 5)
    page, seen = portal.page("audit"), ""
    while any(button.label == "Older" for button in page.button):
        seen += portal.texts(page)
        page = portal.press(page, "Older")
    assert "Node created" not in seen
    assert "Node created" in portal.texts(page)
    assert "Node created" not in portal.texts(portal.press(page, "Newer"))
