from typing import Any

import numpy as np
import pandas as pd
import pytest

from jali import errors
from jali.eda.mock import LABEL as MOCK_LABEL
from jali.wire.request import RequestStatus


def test_looking_completing_and_measuring_never_spend(fake: Any, visits: Any) -> None:
    for seen in (visits, visits["age"], visits.quote, visits.groupby("site"), visits.groupby("site")["age"]):
        repr(seen)
        dir(seen)
        bool(seen)
        getattr(seen, "_repr_html_", str)()
    visits._ipython_key_completions_()
    hasattr(visits, "nothing")
    hasattr(visits, "_ipython_canary_method_should_not_exist_")
    assert "age" in visits
    for seen in (visits, visits["age"]):
        with pytest.raises(TypeError, match="count"):
            len(seen)
        with pytest.raises(TypeError, match="mock"):
            list(seen)
    visits.budget()
    visits.mock()
    visits.dtypes  # noqa: B018
    visits.quote.describe(epsilon=1.0)
    assert fake.charged_calls == 0
    assert fake.left == 3.0


def test_the_repr_shows_schema_bounds_and_budget(visits: Any) -> None:
    for text in ("age at admission", "0 to 110 years", "ε 3 left of 4", "about 12,000 rows", "no public bounds"):
        assert text in str(visits)
        assert text in visits._repr_html_()
    assert "<b>stay</b>" not in visits._repr_html_()
    assert "&lt;b&gt;stay&lt;/b&gt;" in visits._repr_html_()


@pytest.mark.parametrize(("code", "shown"), [("grant_required", "request_access"), ("node_unavailable", "not known")])
def test_the_repr_does_not_raise_when_the_budget_is_not_known(fake: Any, visits: Any, code: str, shown: str) -> None:
    fake.refuse(f"/v1/datasets/{fake.card.id}/budget", code)
    assert shown in str(visits)
    assert shown in visits._repr_html_()


def test_the_repr_does_not_raise_without_a_project(fake: Any) -> None:
    fake.projects = ()
    assert "no project" in str(fake.node()["visits"])


def test_columns_are_items_and_attributes_and_a_near_miss_is_named(visits: Any) -> None:
    assert visits["age"].bounds == (0, 110)
    assert visits.site.categories == ("north", "south", "<east>")
    assert callable(visits.count)
    assert visits["count"].bounds == (-1, 1)
    assert {"age", "stay", "describe"} <= set(dir(visits))
    assert visits.columns == ["age", "stay", "site", "count", "cost"]
    with pytest.raises(errors.UnknownColumn, match="did you mean 'stay'"):
        visits["Stays"]
    with pytest.raises(AttributeError, match="did you mean 'age'"):
        visits.agee  # noqa: B018


def test_mock_rows_lie_within_the_public_facts(visits: Any) -> None:
    frame = visits.mock(500, seed=7)
    assert frame.attrs["jali"] == MOCK_LABEL
    assert len(frame) == 500
    assert frame["age"].between(0, 110).all()
    assert frame["age"].dtype == np.int64
    assert frame["stay"].between(0, 60).all()
    assert set(frame["site"]) == {"north", "south", "<east>"}
    assert frame["cost"].isna().all()
    pd.testing.assert_frame_equal(frame, visits.mock(500, seed=7))
    assert not frame.equals(visits.mock(500, seed=8))
    assert (visits.dtypes == frame.dtypes).all()
    with pytest.raises(errors.InvalidRequest, match="n >= 0, got -1"):
        visits.mock(-1)


def test_what_the_card_rules_out_is_refused_before_anything_is_sent(fake: Any, visits: Any) -> None:
    sent = len(fake.calls)
    for ask in (visits, visits.quote):
        with pytest.raises(errors.BoundsUnknown, match="cost has none"):
            ask["cost"].mean(epsilon=0.1)
        with pytest.raises(errors.WrongColumnType, match="value_counts"):
            ask["site"].hist(epsilon=0.1)
        with pytest.raises(errors.WrongColumnType, match="hist"):
            ask["age"].value_counts(epsilon=0.1)
        with pytest.raises(errors.WrongColumnType):
            ask.groupby("age")
        with pytest.raises(errors.UnknownColumn):
            ask.groupby("site")["agee"]
        with pytest.raises(errors.BoundsUnknown):
            ask.describe(epsilon=1.0, columns=["age", "cost"])
        with pytest.raises(errors.InvalidRequest, match="got 4096") as failure:
            ask["age"].hist(bins=4096, epsilon=0.1)
        assert failure.value.field == "bins"
        with pytest.raises(errors.InvalidRequest, match="levels"):
            ask["age"].quantile(1.5, epsilon=0.1)
    assert len(fake.calls) == sent


def test_a_price_or_an_error_is_given_and_not_both(fake: Any, visits: Any) -> None:
    sent = len(fake.calls)
    for given, found in (({}, "got neither"), ({"epsilon": 0.1, "error": 0.5}, "got both")):
        with pytest.raises(errors.InvalidRequest, match=found):
            visits["age"].mean(**given)
    with pytest.raises(errors.InvalidRequest, match="0 < error"):
        visits["age"].mean(error=0.0)
    assert len(fake.calls) == sent


@pytest.mark.parametrize("epsilon", [0, -1, float("nan"), float("inf"), 1001, "1", True])
def test_a_price_that_is_none_is_refused_by_name(fake: Any, visits: Any, epsilon: Any) -> None:
    sent = len(fake.calls)
    for ask in (visits.count, visits.quote["age"].mean):
        with pytest.raises(errors.InvalidRequest, match="0 < epsilon <= 1000, got") as failure:
            ask(epsilon=epsilon)
        assert failure.value.field == "epsilon"
    assert len(fake.calls) == sent


def test_what_the_node_does_not_announce_is_not_sent(fake: Any) -> None:
    fake.info = fake.info.model_copy(update={"capabilities": ("statistic:count",)})
    visits = fake.node()["visits"]
    with pytest.raises(errors.NotOffered, match="Aare does not offer the statistic mean"):
        visits["age"].mean(epsilon=0.1)
    with pytest.raises(errors.NotOffered):
        visits.request_access(purpose="to see the means", epsilon=1.0, statistics=["mean"])
    assert visits.count(epsilon=0.1).value == 12_000
    assert fake.charged_calls == 1


def test_the_node_s_refusal_arrives_under_its_name(fake: Any, visits: Any) -> None:
    fake.refuse("/v1/queries", "budget_exhausted", "ε 0.1 is left", left=0.1)
    with pytest.raises(errors.BudgetExhausted, match=r"0\.1 is left") as failure:
        visits["age"].mean(epsilon=1.0)
    assert failure.value.facts == {"left": 0.1}
    fake.refuse("/v1/queries", "approval_required", "the owner decides", 202, request="req_01")
    with pytest.raises(errors.ApprovalRequired) as waiting:
        visits["age"].mean(epsilon=1.0)
    assert waiting.value.facts == {"request": "req_01"}


def test_an_answer_to_another_question_is_refused(fake: Any, visits: Any) -> None:
    visits["age"].mean(epsilon=0.1)
    wrong = next(iter(fake.releases.values()))
    fake._release = lambda query: wrong
    with pytest.raises(errors.UnexpectedReply, match="another question"):
        visits["stay"].mean(epsilon=0.1)


def test_measurements_of_another_form_are_refused(fake: Any, visits: Any) -> None:
    answer = fake._release
    fake._release = lambda query: answer(query).model_copy(update={"measurements": {}})
    with pytest.raises(errors.UnexpectedReply, match="mean of age"):
        visits["age"].mean(epsilon=0.1)


def test_access_is_asked_for_followed_and_waited_for(fake: Any, visits: Any) -> None:
    wish = visits.request_access(purpose="<length> of stay", epsilon=2, statistics=["mean"], columns=["stay"])
    assert wish.status is RequestStatus.SUBMITTED
    assert "submitted · ε 2 for visits" in str(wish)
    assert "&lt;length&gt;" in wish._repr_html_()
    with pytest.raises(errors.DecisionPending, match=r"req_01 within 0\.01 s"):
        wish.wait(timeout_s=0.01, poll_s=0.001)
    with pytest.raises(TimeoutError):
        wish.wait(timeout_s=0)
    decided = {"status": RequestStatus.DENIED, "reason": "too broad"}
    fake.requests["req_01"] = fake.requests["req_01"].model_copy(update=decided)
    assert wish.wait(timeout_s=1).reason == "too broad"
    assert "too broad" in str(fake.node().requests()[0])


def test_access_is_not_asked_for_columns_that_are_not_there(fake: Any, visits: Any) -> None:
    with pytest.raises(errors.UnknownColumn):
        visits.request_access(purpose="to see what is there", epsilon=1.0, columns=["agee"])
    with pytest.raises(errors.InvalidRequest, match="purpose"):
        visits.request_access(purpose="short", epsilon=1.0)
    assert fake.requests == {}
