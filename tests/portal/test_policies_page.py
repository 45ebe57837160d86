"""The page "Policies", over the real node: checked at its lines, tried on the last requests, and only then adopted."""

import doctest
from typing import Any

import pytest
from tests.portal.test_budgets_page import confirmed, pressed

from jali.wire import policy
from jali_portal.viewmodels import policies

FIRST = '[[rule]]\nname = "dear ones"\neffect = "ask"\nepsilon_above = 0.4\n'
SECOND = FIRST + '\n[[rule]]\nname = "no <b>means</b>"\neffect = "deny"\nstatistics = ["mean"]\n'
WRONG = """[approval]
two_persons_above_epsilon = -1

[[rule]]
name = "hours"
effect = "deny"
statistics = [
  "mean",
  "meen",
]
hours = "18-8"
zone = "Europe/Zurich"

[[rule]]
effect = "allow"
colour = "red"
"""


def tried(page: Any, portal: Any, text: str) -> Any:
    page.text_area(key="policy-text").set_value(text)
    return portal.press(page, "Check and try")


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(policies).failed == doctest.testmod(policy).failed == 0


def test_all_that_is_wrong_is_found_at_its_line() -> None:
    found = [(policies.line_of(WRONG, wrong.field, wrong.detail), wrong.field) for wrong in policy.complaints(WRONG)]
    assert found == [
        (2, "approval.two_persons_above_epsilon"),
        (7, "rule.0.statistics.1"),
        (11, "rule.0.hours"),
        (14, "rule.1.name"),
        (16, "rule.1.colour"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[[rule]]\nname = "a\n', 2),
        ("# fine\nsurprise = 1\n", 2),
        ("[aproval]\ntwo = 1\n", 1),
        ('[[rule]]\nname = "a"\neffect = "ask"\n[[rule]]\nname = "a"\neffect = "ask"\n', None),
        ("x" * (policy.TEXT_MAX + 1), None),
        ('rule = [{name = "a", effect = "no"}]', None),
    ],
)
def test_what_is_no_toml_has_its_line_too_and_what_is_about_all_of_it_has_none(text: str, line: int | None) -> None:
    [wrong] = policy.complaints(text)
    assert policies.line_of(text, wrong.field, wrong.detail) == line
    assert [one.number for one in policies.listing(text, [wrong]) if one.notes] == [str(line or "")]


def test_a_text_is_checked_tried_confirmed_and_only_then_in_force(portal: Any) -> None:
    house = portal.house
    house.grant(1.0)
    for statistic in ({"kind": "count"}, {"kind": "mean", "column": "age"}):
        assert house.ask(statistic, 0.3).status_code == 200
    page = portal.page("policies")
    assert "No policy has been put in force" in portal.texts(page)
    page = tried(page, portal, WRONG)
    said = portal.texts(page)
    assert "5 things are wrong" in said
    assert "expected hours such as 08:00-18:00, got &#x27;18-8&#x27;" in said
    assert not [button for button in page.button if button.label.startswith("Adopt")]
    page = tried(page, portal, SECOND.replace('["mean"]', '["mean"]\ndatasets = ["visit"]'))
    assert "this node has no dataset &#x27;visit&#x27; (did you mean visits?)" in portal.texts(page)
    page = tried(page, portal, SECOND)
    said = portal.texts(page)
    for words in (
        "1 of the last 2 requests would be answered otherwise",
        "1 answered → refused",
        "mean of age, visits",
    ):
        assert words in said
    assert "no &lt;b&gt;means&lt;/b&gt;" in said
    page = pressed(page, "adopt")
    assert "Version 1, in place of version 0" in portal.texts(page)
    assert house.get("/v1/policy", house.owner).json()["number"] == 0, "nothing is in force before it is confirmed"
    page = confirmed(page, "Adopt it")
    said = portal.texts(page)
    assert "Version 1 is in force." in said
    assert "by Olga Owner" in said
    assert house.get("/v1/policy", house.owner).json()["text"] == SECOND
    page = confirmed(pressed(tried(page, portal, FIRST), "adopt"), "Adopt it")
    page.selectbox[0].set_value(1).run()
    assert "no &lt;b&gt;means" in portal.texts(page), "the version before stays readable"


def test_a_policy_that_another_owner_put_in_force_meanwhile_is_not_overwritten(portal: Any) -> None:
    house = portal.house
    page = pressed(tried(portal.page("policies"), portal, FIRST), "adopt")
    house.sdk(house.owner).owner.set_policy(SECOND)
    page = confirmed(page, "Adopt it")
    assert "Nothing was changed: another policy is in force" in portal.texts(page)
    assert house.get("/v1/policy", house.owner).json()["text"] == SECOND
    portal.refusals["/v1/policy/dry-run"] = (503, "node_unavailable")
    assert "It could not be tried" in portal.texts(tried(page, portal, FIRST + "# more"))
