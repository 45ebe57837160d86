"""A wish in a notebook, over the real node: discussed, changed, resubmitted, and the question asked at last."""

from typing import Any

import pytest
from torch import nn

from jali import errors, federation


@pytest.fixture
def house(build_house: Any) -> Any:
    return build_house(cap=3.0)


def test_changes_asked_for_are_read_discussed_and_made(house: Any) -> None:
    node, owner = house.sdk(), house.sdk(house.owner).owner
    wish = node["visits"].request_access(purpose="length of stay by site", epsilon=2.0, columns=["age", "weight"])
    assert "the owner means to answer by" in repr(wish)
    assert "lapses on" in repr(wish)
    [seen] = owner.requests()
    owner.decide(seen, "changes_asked", "why <weight>?")
    assert wish.wait(timeout_s=1).status.value == "changes_asked"
    assert "the owner says: why <weight>?\n  answer with comment(...) or resubmit(...)" in repr(wish)
    assert "why &lt;weight&gt;?" in wish._repr_html_()
    talk = wish.comment("it is not needed")
    assert [remark.text for remark in talk] == ["", "why <weight>?", "it is not needed"]
    assert "Olga Owner asked for changes: why <weight>?" in repr(talk)
    assert "why &lt;weight&gt;?" in talk._repr_html_()
    assert repr(wish.changes) == "revision 1 is the only one"
    changes = wish.resubmit(columns=["age"], epsilon=1.5).changes
    assert repr(changes) == "\n".join(
        ["2 changes from revision 1 to 2", "  columns: removed weight", "  epsilon: 2.0 -> 1.5"]
    )
    assert '<th scope="col">Revision 2</th>' in changes._repr_html_()
    with pytest.raises(errors.DecisionOutdated, match=r"revision 1 .* the newest is revision 2"):
        owner.decide(seen, "granted")
    [seen] = owner.requests()
    assert [change.field for change in owner.changes(seen).changes] == ["columns", "epsilon"]
    owner.comment(seen, "thank you")
    owner.decide(seen, "granted")
    assert [request.status.value for request in node.requests()] == ["granted"]
    assert node.requests()[0].discussion[-1].happened.value == "granted"
    assert "revision 2" in repr(node.requests()[0])


def test_what_cannot_be_changed_is_refused_before_it_is_sent(house: Any) -> None:
    wish = house.sdk()["visits"].request_access(purpose="length of stay by site", epsilon=2.0)
    with pytest.raises(
        errors.InvalidRequest, match="purpose, epsilon, statistics, columns, job_kinds, delta; got dataset"
    ):
        wish.resubmit(dataset="ds_1")
    with pytest.raises(errors.InvalidRequest, match="nothing differs"):
        wish.resubmit()
    assert wish.withdraw().status.value == "withdrawn"
    with pytest.raises(errors.DecisionOutdated, match="withdrawn already"):
        wish.resubmit(epsilon=1.0)


def test_more_of_a_quota_is_asked_for_and_given(house: Any) -> None:
    visits, owner = house.sdk()["visits"], house.sdk(house.owner).owner
    with pytest.raises(errors.GrantRequired):
        visits.request_budget(purpose="for one more figure", epsilon=0.5)
    house.grant(0.5)
    wish = visits.request_budget(purpose="for one more figure", epsilon=0.5)
    assert "ε 0.5 more for visits" in repr(wish)
    wish.resubmit(epsilon=0.25)
    owner.decide(owner.requests()[0], "granted")
    assert wish.refresh().status.value == "granted"
    assert "0.75" in repr(visits.budget())


def test_a_question_that_needs_asking_is_asked_once_it_is_granted(house: Any) -> None:
    house.grant(1.0, statistics=["count"])
    visits, owner = house.sdk()["visits"], house.sdk(house.owner).owner
    with pytest.raises(errors.ApprovalRequired) as refusal:
        visits["age"].mean(epsilon=0.3)
    wish = next(wish for wish in house.sdk().requests() if wish.id == refusal.value.facts["request"])
    assert "one question of visits at ε 0.3" in repr(wish)
    assert "question: mean of age" in repr(wish)
    wish.resubmit(purpose="the mean age goes into the report's first table")
    owner.decide(owner.requests()[0], "granted")
    assert "ask it now" in repr(wish.refresh())
    assert float(visits["age"].mean(epsilon=0.3)) > 0


def test_a_training_job_is_discussed_and_resubmitted_with_another_model(house: Any) -> None:
    node, owner = house.sdk(), house.sdk(house.owner).owner
    fed = federation.Federation([node])
    job = fed["visits"].train(
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1)),
        target=("age", 50), features=["weight", "site"], epsilon=1.0, rounds=2, batch=200, purpose="to test the house",
    )  # fmt: skip
    [name] = job.jobs
    owner.decide_job(owner.jobs()[0], "changes_asked", "a smaller model, please")
    with pytest.raises(errors.DecisionPending, match="asks for changes: a smaller model, please"):
        job.wait(timeout_s=1)
    job.resubmit(nn.Linear(4, 1), rounds=1)
    said = repr(job.requests[name].changes)
    for words in ("rounds: 2 -> 1", "graph.n1: removed", "weights: "):
        assert words in said
    job.requests[name].comment("done")
    [seen] = node.jobs()
    assert "revision 2" in repr(seen)
    with pytest.raises(errors.InvalidRequest, match="does not hand out first weights"):
        seen.resubmit(rounds=3)
    assert owner.decide_job(owner.jobs()[0], "approved").status.value == "approved"
    assert job.wait(timeout_s=1).training.rounds == 1
