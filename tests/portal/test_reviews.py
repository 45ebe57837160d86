"""A request's life as its reviewer sees it: checks, changes, discussion, and the inbox that it waits in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update
from tests.node.test_jobs import form as job_form

from jali_node.tables import AccessRequestRow, NoticeRow


def resubmit(house: Any, wish: dict[str, Any], **changes: Any) -> dict[str, Any]:
    form = {"dataset": house.dataset, "project": house.project, "purpose": "to test the house", "epsilon": 1.0}
    reply = house.post(f"/v1/requests/{wish['id']}/revisions", {**form, **changes})
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def choose(page: Any, choice: str) -> Any:
    [control] = [control for control in page.segmented_control if control.label == "Decision"]
    return control.set_value(choice).run()


def test_changes_are_asked_for_made_compared_and_granted(portal: Any) -> None:
    house = portal.house
    wish = house.request(1.0, columns=["age", "weight"])
    page = choose(portal.page("request", id=wish["id"]), "Ask for changes")
    said = portal.texts(portal.press(page, "Ask for these changes"))
    assert "This needs a reason" in said
    page.text_area[0].set_value("drop <b>weight</b>, please")
    said = portal.texts(portal.press(page, "Ask for these changes"))
    for words in ("Changes are asked for.", "Waits for the asker", "drop &lt;b&gt;weight&lt;/b&gt;, please"):
        assert words in said
    resubmit(house, wish, columns=["age"], epsilon=0.5, purpose="less is <i>enough</i>")
    page = portal.page("request", id=wish["id"], tab="Changes")
    said = portal.texts(page)
    for words in (
        "3 changes from revision 1 to 2",
        "<td >columns</td><td >weight</td><td >(gone)</td>",
        "<td >epsilon</td><td >1.0</td><td >0.5</td>",
        "<td >purpose</td><td >to test the house</td><td >less is &lt;i&gt;enough&lt;/i&gt;</td>",
        ">Revision 2</span>",
    ):
        assert words in said, said
    said = portal.texts(portal.press(page, "Grant ε 0.5"))
    assert "Granted ε 0.5 for 90 days" in said
    assert house.ask({"kind": "mean", "column": "age"}, 0.2).status_code == 200


def test_a_decision_about_an_older_revision_names_both_and_records_nothing(portal: Any) -> None:
    wish = portal.house.request(1.0)
    page = portal.page("request", id=wish["id"])
    resubmit(portal.house, wish, epsilon=0.5)
    said = portal.texts(portal.press(page, "Grant ε 1"))
    assert "You read revision 1; by now there is revision 2" in said
    assert portal.house.get(f"/v1/requests/{wish['id']}").json()["status"] == "submitted"


def test_the_discussion_is_read_escaped_and_answered(portal: Any) -> None:
    house = portal.house
    wish = house.request(1.0)
    house.post(f"/v1/requests/{wish['id']}/comments", {"text": "![x](http://evil.test/x.png) <b>why</b>"})
    page = portal.page("request", id=wish["id"], tab="Discussion")
    assert "![x](http://evil.test/x.png) <b>why</b>" in [element.value for element in page.text]
    assert all("evil.test" not in element.proto.body for element in page.get("html"))
    assert "Dana Scientist (the asker) wrote" in portal.texts(page)
    [comment] = [area for area in page.text_area if area.label.startswith("Comment")]
    comment.set_value("which sites?")
    said = portal.texts(portal.press(page, "Comment"))
    assert "Your comment is there" in said
    assert "You wrote" in said
    assert house.get(f"/v1/requests/{wish['id']}/discussion").json()[-1]["text"] == "which sites?"
    assert "nothing to say yet" in portal.texts(portal.press(page, "Comment")).lower()


def test_checks_stand_beside_the_decision_and_say_what_is_unusual(portal: Any) -> None:
    house = portal.house
    house.grant(2.5)
    narrow = portal.texts(portal.page("request", id=house.request(0.1, columns=["age"], statistics=["mean"])["id"]))
    assert "It names the statistics and columns that it needs." in narrow
    assert "An answer is due in 4 days." in narrow
    wide = portal.texts(portal.page("request", id=house.request(2.9)["id"]))
    for words in ("It is for all statistics and all columns", "more is promised than is left", "2 other requests"):
        assert words in wide


def test_more_budget_and_single_questions_are_read_and_granted(portal: Any) -> None:
    house = portal.house
    house.grant(0.5, statistics=["count"])
    grant = house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()["grant"]
    more = {"kind": "budget", "grant": grant, "purpose": "to test the house", "epsilon": 0.25}
    wish = house.post("/v1/requests", more).json()
    page = portal.page("request", id=wish["id"])
    said = portal.texts(page)
    assert "Dana Scientist asks for more budget on visits" in said
    assert "This quota of ε 0.75, at most" in said
    assert "Granted ε 0.25 more" in portal.texts(portal.press(page, "Grant ε 0.25 more"))
    filed = house.ask({"kind": "mean", "column": "age"}, 0.3).json()["facts"]["request"]
    page = portal.page("request", id=filed)
    assert "One question: mean of age" in portal.texts(page)
    portal.press(page, "Grant this question at ε 0.3")
    assert house.ask({"kind": "mean", "column": "age"}, 0.3).status_code == 200


def test_a_job_s_page_has_the_same_tabs_and_decisions(portal: Any) -> None:
    house = portal.house
    job = house.post("/v1/jobs", job_form(house)).json()
    page = choose(portal.page("request", id=job["id"]), "Ask for changes")
    assert "The node has built the model from its description" in portal.texts(page)
    page.text_area[0].set_value("fewer rounds")
    assert "Waits for the asker" in portal.texts(portal.press(page, "Ask for these changes"))
    new = {**job_form(house, rounds=1)}
    assert house.post(f"/v1/jobs/{job['id']}/revisions", new).status_code == 201
    said = portal.texts(portal.page("request", id=job["id"], tab="Changes"))
    assert "<td >rounds</td><td >2</td><td >1</td>" in said
    portal.press(portal.page("request", id=job["id"]), "Approve")
    assert house.get(f"/v1/jobs/{job['id']}").json()["status"] == "approved"


def test_an_owner_pauses_a_job_lets_it_go_on_and_ends_it_after_being_asked(portal: Any) -> None:
    house = portal.house
    job = house.post("/v1/jobs", job_form(house)).json()
    portal.press(portal.page("request", id=job["id"]), "Approve")

    def pressed(key: str, confirmed: str) -> str:
        page = portal.page("request", id=job["id"])
        [button] = [button for button in page.button if button.key == f"{key}-{job['id']}"]
        asked = button.click().run()
        assert house.get(f"/v1/jobs/{job['id']}").json() == before, "nothing is done before it is confirmed"
        return str(portal.texts(portal.press(asked, confirmed)))

    before = house.get(f"/v1/jobs/{job['id']}").json()
    pressed("pause", "Pause it")
    before = house.get(f"/v1/jobs/{job['id']}").json()
    assert before["paused_until"]
    assert "Unless somebody lets it go on by" in portal.texts(portal.page("request", id=job["id"]))
    pressed("resume", "Let it go on")
    before = house.get(f"/v1/jobs/{job['id']}").json()
    assert before["paused_until"] is None
    pressed("end", "End it for good")
    assert house.get(f"/v1/jobs/{job['id']}").json()["status"] == "cancelled"
    assert house.population()["held"] == 0


def test_the_inbox_s_filters_stand_in_the_address(portal: Any) -> None:
    house = portal.house
    house.request(1.5)
    house.post("/v1/jobs", job_form(house))
    assert "Dana Scientist</span><span>Access" in portal.texts(portal.page())
    training = portal.texts(portal.page(kind="Training"))
    assert "<span>Training</span>" in training
    assert "<span>Access</span>" not in training
    assert "Nothing here" not in portal.texts(portal.page(search="dana VISITS"))
    assert "Nothing waits" in portal.texts(portal.page(search="somebody else"))
    assert "Dana Scientist" in portal.texts(portal.page(kind="Nonsense", project="study"))


def test_what_is_overdue_or_back_with_its_asker_is_counted_and_marked(portal: Any) -> None:
    house = portal.house
    late, back = house.request(1.0), house.request(0.5)
    body = {"digest": back["digest"], "outcome": "changes_asked", "reason": "why?"}
    assert house.post(f"/v1/requests/{back['id']}/decision", body, house.owner).status_code == 200
    days_ago = datetime.now(UTC) - timedelta(days=2, minutes=1)
    with house.node.database.writing() as session:
        session.execute(update(AccessRequestRow).where(AccessRequestRow.id == late["id"]).values(answer_by=days_ago))
    page = portal.page()
    assert [metric.value for metric in page.metric] == ["1", "under a minute", "1", "1"]
    said = portal.texts(page)
    assert "under a minute, 2 days overdue" in said
    assert ">Overdue</span>" in said
    assert "ε 0.5" in portal.texts(portal.page(show="Changes asked"))


def test_what_has_lapsed_says_so_and_offers_no_decision(portal: Any) -> None:
    wish = portal.house.request(1.0)
    with portal.house.node.database.writing() as session:
        session.execute(update(AccessRequestRow).values(undecided_until=datetime.now(UTC)))
    page = portal.page("request", id=wish["id"])
    assert "Lapsed" in portal.texts(page)
    assert "nobody decided in time" in portal.texts(page)
    assert not page.segmented_control
    assert "Nothing waits" in portal.texts(portal.page())


def test_dead_letters_are_shown_to_the_owner_who_sends_them_again(portal: Any) -> None:
    house = portal.house
    assert "could not be delivered" not in portal.texts(portal.page())
    dead = NoticeRow(
        id="msg_01", receiver="webhook:chat", event="request.filed", about="req_01", body="{}", state="dead",
        attempts=10, created_at=datetime.now(UTC), trouble="answered 500",
    )  # fmt: skip
    with house.node.database.writing() as session:
        session.add(dead)
    page = portal.page()
    said = portal.texts(page)
    assert "1 notice could not be delivered" in said
    assert "answered 500" in said
    assert "They are due again" in portal.texts(portal.press(page, "Send them again"))
    assert house.get("/v1/notices", house.owner).json()[0]["state"] == "waiting"
