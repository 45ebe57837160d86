"""Every page for every role that comes in: who sees which button, and that an auditor changes nothing by any."""

import io
import zipfile
from typing import Any

import pytest

from jali.wire.person import Role
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token

READING = {"Verify the chain", "Older", "Newer", "Open the next one", "Review the next one"}
OWN_KEYS = {"Make a token", "End it now"}
"""One's own tokens are one's own, an auditor's too: a stolen one has to be ended."""
DECIDING = {"Grant ε 1 for 90 days", "Comment"}
BUDGETS = {"Freeze the whole node", "Freeze population", "Freeze", "Revoke", "Turn code on"}
PROJECTS = {"Begin the project", "Set the last day", "End it now", "Remove", "Add"}
PEOPLE = {"Add and invite", "Invite: Dana Scientist"}
PAGES: dict[str, dict[str, str]] = {
    "inbox": {},
    "budgets": {},
    "projects": {"name": "study"},
    "ledger": {},
    "audit": {},
    "policies": {},
    "people": {},
    "request": {},
}
CHANGES = {
    # what each role may change on a page; whatever else it can press only reads
    Role.OWNER: {
        "budgets": BUDGETS,
        "projects": PROJECTS,
        "policies": {"Check and try"},
        "people": PEOPLE | OWN_KEYS,
        "request": {"Grant ε 1 for 90 days"},
        "discussion": DECIDING,
    },
    Role.REVIEWER: {"people": OWN_KEYS, "request": {"Grant ε 1 for 90 days"}, "discussion": DECIDING},
    Role.AUDITOR: {"people": OWN_KEYS},
}
NAMES = {Role.REVIEWER: "Rosa Reviewer", Role.AUDITOR: "Aldo Auditor"}


def come_in(portal: Any, role: Role) -> None:
    if role in NAMES:
        add_person(portal.house.node, NAMES[role], role)
        portal.sign_in(create_token(portal.house.node, NAMES[role], 1)[0])


@pytest.mark.parametrize("role", list(CHANGES))
def test_each_role_sees_on_each_page_what_it_may_do_and_no_more(portal: Any, role: Role) -> None:
    portal.house.grant(0.5)
    wish = portal.house.request(1.0)
    come_in(portal, role)
    pages = PAGES | {"request": {"id": wish["id"]}, "discussion": {"id": wish["id"], "tab": "Discussion"}}
    page = portal.page()
    for name, query in pages.items():
        page = portal.turned(page, "request" if name == "discussion" else name, **query)
        assert not page.exception, name
        seen = {button.label.replace("\u00a0", " ") for button in page.button}
        assert seen - READING == CHANGES[role].get(name, set()), name
        assert "does not open" not in portal.texts(page), name
    assert portal.house.get(f"/v1/requests/{wish['id']}").json()["status"] == "submitted"


def test_an_auditor_reads_cost_discussion_and_who_they_are(portal: Any) -> None:
    wish = portal.house.request(1.0)
    come_in(portal, Role.AUDITOR)
    page = portal.page("request", id=wish["id"])
    said = portal.texts(page)
    for words in (
        "Signed in as auditor",
        "Aldo Auditor",
        "Privacy cost",
        "This quota of ε 1",
        "You read as an auditor",
    ):
        assert words in said
    assert not page.text_area
    page = portal.page("request", id=wish["id"], tab="Discussion")
    assert "Dana Scientist asked" in portal.texts(page)
    assert not page.text_area


@pytest.mark.parametrize("role", list(CHANGES))
def test_a_project_s_evidence_is_for_owners_and_auditors_to_take(portal: Any, role: Role) -> None:
    come_in(portal, role)
    page = portal.page("projects", name="study")
    assert bool(page.get("download_button")) is (role is not Role.REVIEWER)
    desk = portal.reception.desk(portal.session)
    if role is not Role.REVIEWER:
        [project] = desk.owner.projects()
        with zipfile.ZipFile(io.BytesIO(desk.owner.evidence_file(project))) as pack:
            assert "manifest.sig" in pack.namelist()
