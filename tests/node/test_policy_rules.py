"""The order of speaking, and every condition that a rule may name: facts in, a ruling out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jali.wire.policy import NO_POLICY, Effect, Policy, PolicyInvalid, Rule, parsed
from jali_node.policy import rules
from jali_node.policy.conditions import Asked, speaks
from jali_node.policy.rules import Allow, AskOwner, Deny, Grant, Standing

NOW = datetime(2030, 1, 2, 12, tzinfo=UTC)  # a Wednesday
QUESTION = Asked(
    person=frozenset({"per_1", "Dana"}),
    role="data_scientist",
    project=frozenset({"prj_1", "study"}),
    dataset=frozenset({"ds_1", "visits"}),
    columns=frozenset({"age", "site"}),
    epsilon=0.5,
    statistic="mean",
    total=0.8,
    cap=1.0,
)
JOB = replace(QUESTION, statistic=None, job_kind="train", parameters=1000, total=None, cap=None)
LATER = NOW + timedelta(days=1)
WHOLE = Grant("grt_1", "acc_1", LATER, total=0.8, cap=1.0)
NARROW = replace(WHOLE, id="grt_2", statistics=frozenset({"count"}))


def rule(effect: str = "deny", **conditions: Any) -> Rule:
    return Rule.model_validate({"name": f"{effect} {sorted(conditions)}", "effect": effect, **conditions})


def policy(*found: Rule, two_above: float | None = None) -> Policy:
    return Policy.model_validate({"rule": found, "approval": {"two_persons_above_epsilon": two_above}})


@pytest.mark.parametrize(
    ("conditions", "question", "job"),
    [
        ({}, True, True),
        ({"persons": ["Dana"]}, True, True),
        ({"persons": ["per_1", "Eve"]}, True, True),
        ({"persons": ["Eve"]}, False, False),
        ({"roles": ["data_scientist"]}, True, True),
        ({"roles": ["owner"]}, False, False),
        ({"projects": ["study"]}, True, True),
        ({"projects": ["other"]}, False, False),
        ({"datasets": ["visits"]}, True, True),
        ({"datasets": ["labs"]}, False, False),
        ({"statistics": ["mean"]}, True, False),
        ({"statistics": ["count"]}, False, False),
        ({"columns": ["age"]}, True, True),
        ({"columns": ["weight"]}, False, False),
        ({"job_kinds": ["train"]}, False, True),
        ({"job_kinds": ["train"], "statistics": ["mean"]}, True, True),
        ({"epsilon_above": 0.4}, True, True),
        ({"epsilon_above": 0.5}, False, False),
        ({"epsilon_at_most": 0.5}, True, True),
        ({"epsilon_at_most": 0.4}, False, False),
        ({"epsilon_above": 0.4, "epsilon_at_most": 0.6}, True, True),
        ({"total_above": 0.7}, True, False),
        ({"total_above": 0.8}, False, False),
        ({"total_at_most": 0.8}, True, False),
        ({"total_share_above": 0.79}, True, False),
        ({"total_share_above": 0.81}, False, False),
        ({"parameters_above": 999}, False, True),
        ({"parameters_above": 1000}, False, False),
        ({"parameters_at_most": 1000}, False, True),
        ({"persons": ["Dana"], "datasets": ["labs"]}, False, False),
    ],
)
def test_a_deny_speaks_where_every_condition_holds(conditions: dict[str, Any], question: bool, job: bool) -> None:
    assert speaks(rule(**conditions), QUESTION, NOW) is question
    assert speaks(rule(**conditions), JOB, NOW) is job


@pytest.mark.parametrize(
    ("conditions", "question", "job"),
    [
        ({}, True, False),
        ({"job_kinds": ["train"]}, False, True),
        ({"columns": ["age"]}, False, False),
        ({"columns": ["age", "site", "weight"]}, True, False),
        ({"columns": ["age", "site"], "job_kinds": ["train"]}, False, True),
        ({"job_kinds": ["train"], "parameters_at_most": 999}, False, False),
        ({"job_kinds": ["train"], "parameters_at_most": 1000}, False, True),
    ],
)
def test_an_allow_reaches_no_other_column_and_no_unnamed_job(
    conditions: dict[str, Any], question: bool, job: bool
) -> None:
    assert speaks(rule("allow", **conditions), QUESTION, NOW) is question
    assert speaks(rule("allow", **conditions), JOB, NOW) is job


@pytest.mark.parametrize(
    ("hours", "weekdays", "at", "holds"),
    [
        # Zurich is an hour ahead of UTC in winter, two in summer.
        ("08:00-18:00", None, "2030-01-02T06:59:59", False),
        ("08:00-18:00", None, "2030-01-02T07:00:00", True),
        ("08:00-18:00", None, "2030-01-02T16:59:59", True),
        ("08:00-18:00", None, "2030-01-02T17:00:00", False),
        ("08:00-18:00", None, "2030-07-03T05:59:59", False),
        ("08:00-18:00", None, "2030-07-03T06:00:00", True),
        # 31 March 2030: 02:00 becomes 03:00, so half past two never comes.
        ("02:00-03:00", None, "2030-03-31T00:59:59", False),
        ("02:00-03:00", None, "2030-03-31T01:00:00", False),
        ("03:00-04:00", None, "2030-03-31T01:00:00", True),
        # 27 October 2030: 03:00 becomes 02:00 again, so half past two comes twice.
        ("02:00-03:00", None, "2030-10-27T00:30:00", True),
        ("02:00-03:00", None, "2030-10-27T01:30:00", True),
        ("02:00-03:00", None, "2030-10-27T02:00:00", False),
        # Over midnight the small hours belong to the day before.
        ("22:00-06:00", ["fri"], "2030-01-04T21:30:00", True),
        ("22:00-06:00", ["fri"], "2030-01-05T04:30:00", True),
        ("22:00-06:00", ["fri"], "2030-01-04T04:30:00", False),
        ("22:00-06:00", ["fri"], "2030-01-05T05:00:00", False),
        ("18:00-24:00", None, "2030-01-02T22:59:59", True),
        (None, ["sat", "sun"], "2030-01-04T23:00:00", True),
        (None, ["sat", "sun"], "2030-01-04T22:59:59", False),
        (None, ["sat", "sun"], "2030-01-06T23:00:00", False),
    ],
)
def test_hours_are_those_of_the_wall_clock(hours: str | None, weekdays: list[str] | None, at: str, holds: bool) -> None:
    timed = rule(hours=hours, weekdays=weekdays, zone="Europe/Zurich")
    assert speaks(timed, QUESTION, datetime.fromisoformat(at).replace(tzinfo=UTC)) is holds


ASK, DENY, ALLOW = rule("ask"), rule("deny"), rule("allow")


@pytest.mark.parametrize(
    ("grants", "spoken", "verdict"),
    [
        ([], (), Deny),
        ([], (ALLOW,), Deny),
        ([replace(WHOLE, expires_at=NOW)], (ALLOW,), Deny),
        ([WHOLE], (), Allow),
        ([WHOLE], (ASK,), AskOwner),
        ([WHOLE], (ASK, DENY), Deny),
        ([WHOLE], (ALLOW, ASK), AskOwner),
        ([NARROW], (), AskOwner),
        ([NARROW], (ALLOW,), Allow),
        ([NARROW], (ALLOW, ASK), AskOwner),
        ([NARROW], (ALLOW, DENY), Deny),
        ([NARROW, WHOLE], (), Allow),
        ([replace(WHOLE, for_this=True)], (ASK,), Allow),
        ([replace(WHOLE, for_this=True)], (ASK, DENY), Deny),
    ],
)
def test_a_deny_wins_then_an_ask_then_a_grant_then_an_allow(
    grants: list[Grant], spoken: tuple[Rule, ...], verdict: type
) -> None:
    for order in (spoken, spoken[::-1]):
        assert isinstance(rules.decide(grants, QUESTION, NOW, policy(*order)).verdict, verdict)


def test_the_verdict_names_the_rule_and_both_numbers() -> None:
    said = rules.decide([WHOLE], QUESTION, NOW, policy(rule(epsilon_above=0.4))).verdict
    assert said == Deny(
        "rule \"deny ['epsilon_above']\" of this node's policy says no: it costs epsilon 0.5, above 0.4",
        "deny ['epsilon_above']",
    )
    asked = rules.decide([WHOLE], QUESTION, NOW, policy(rule("ask", reason="call us first"))).verdict
    assert isinstance(asked, AskOwner)
    assert asked.reason.endswith("call us first")


def test_jobs_are_asked_about_unless_a_rule_allows_them_below_the_threshold_of_two() -> None:
    allow = rule("allow", job_kinds=["train"])
    for found, effect in (
        (NO_POLICY, Effect.ASK),
        (policy(ALLOW), Effect.ASK),
        (policy(allow), Effect.ALLOW),
        (policy(allow, two_above=0.5), Effect.ALLOW),
        (policy(allow, two_above=0.4), Effect.ASK),
        (policy(allow, DENY), Effect.DENY),
    ):
        assert rules.ruled(Standing.JOB, JOB, NOW, found).effect is effect


CONDITIONS = st.fixed_dictionaries(
    {"effect": st.sampled_from(list(Effect))},
    optional={
        "persons": st.sampled_from([("Dana",), ("Eve",)]),
        "datasets": st.sampled_from([("visits",), ("labs",)]),
        "columns": st.sampled_from([("age",), ("age", "site"), ("weight",)]),
        "epsilon_above": st.sampled_from([0.1, 0.5, 0.9]),
        "epsilon_at_most": st.sampled_from([0.95, 1.0]),
    },
)
RULES = st.lists(CONDITIONS, max_size=5).map(
    lambda found: tuple(Rule(name=f"r{i}", **conditions) for i, conditions in enumerate(found))
)
GRANTS = st.lists(st.sampled_from([WHOLE, NARROW, replace(WHOLE, expires_at=NOW)]), max_size=2)


@given(
    GRANTS,
    st.sampled_from(Standing),
    st.sampled_from([QUESTION, JOB]),
    RULES,
    CONDITIONS,
    st.integers(0, 5),
    st.sampled_from([None, 0.3]),
)
def test_one_more_deny_never_turns_a_no_into_a_yes(
    grants: list[Grant], standing: Standing, asked: Asked, before: Any, more: Any, place: int, limit: float | None
) -> None:
    deny = Rule(**{**more, "name": "more", "effect": "deny"})
    small, large = policy(*before, two_above=limit), policy(*before[:place], deny, *before[place:], two_above=limit)
    if rules.ruled(standing, asked, NOW, large).effect is Effect.ALLOW:
        assert rules.ruled(standing, asked, NOW, small).effect is Effect.ALLOW
    if isinstance(rules.decide(grants, QUESTION, NOW, large).verdict, Allow):
        assert isinstance(rules.decide(grants, QUESTION, NOW, small).verdict, Allow)


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("x = [", "text", "cannot be read as TOML"),
        ('name = "x"', "name", "Extra inputs are not permitted"),
        ("[approval]\ntwo_persons_above_epsilon = -1", "approval.two_persons_above_epsilon", "got -1"),
        ('[[rule]]\neffect = "deny"', "rule.0.name", "rule 1, name: Field required"),
        ('[[rule]]\nname = "a"\neffect = "no"', "rule.0.effect", "rule 'a', effect: Input should be 'allow', 'ask'"),
    ],
)
def test_a_document_that_is_no_policy_is_refused_by_place(text: str, field: str, words: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parsed(text)
    assert refused.value.field == field
    assert words in refused.value.detail


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ("epsilon_above = 2000", "rule.0.epsilon_above", "less than or equal to 1000, got 2000"),
        ("epsilon_above = nan", "rule.0.epsilon_above", "finite"),
        ("epsilon_above = 2\nepsilon_at_most = 1", "rule.0", "epsilon_above < epsilon_at_most, got 2 and 1"),
        ("total_share_above = 1.5", "rule.0.total_share_above", "less than or equal to 1, got 1.5"),
        ("parameters_above = 1.5", "rule.0.parameters_above", "got 1.5"),
        ("job_kinds = ['train']\ntotal_above = 1", "rule.0", "write two rules"),
        ("statistics = ['mean', 'mode']", "rule.0.statistics.1", "expected one of count"),
        ("persons = []", "rule.0.persons", "at least 1"),
        ("roles = ['boss']", "rule.0.roles.0", "got 'boss'"),
        ("colour = 'x'", "rule.0.colour", "not permitted"),
        ("hours = '8-9'\nzone = 'UTC'", "rule.0.hours", "expected hours such as 08:00-18:00, got '8-9'"),
        ("hours = '08:00-08:00'\nzone = 'UTC'", "rule.0", "another time than they begin"),
        ("hours = '08:00-09:00'", "rule.0", "need a zone"),
        ("zone = 'UTC'", "rule.0", "a zone needs hours or weekdays"),
        ("hours = '08:00-09:00'\nzone = '../../etc/passwd'", "rule.0.zone", "expected a time zone"),
        ("weekdays = ['monday']\nzone = 'UTC'", "rule.0.weekdays.0", "got 'monday'"),
        ("[[rule]]\nname = 'a'\neffect = 'ask'", "text", "different names, got 'a' 2 times"),
    ],
)
def test_an_error_in_a_rule_names_the_rule_the_field_and_the_numbers(line: str, field: str, words: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parsed(f"[[rule]]\nname = 'a'\neffect = 'deny'\n{line}")
    assert refused.value.field == field
    assert words in refused.value.detail
    assert "'a'" in refused.value.detail
