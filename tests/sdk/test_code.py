"""A function is tried on mock rows, submitted, read, run once, read again, and its output comes back as pandas."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.node.test_code_jobs import allow, work

from jali import errors
from jali_node.sandbox import cell, code

THRESHOLD = 3
COLUMNS = ["age", "weight", "site"]
needs_the_sandbox = pytest.mark.skipif(cell.tier() < code.TIER, reason=f"the sandbox does not reach {code.TIER}")


def mean_weight(df: pd.DataFrame, above: int = 0) -> pd.DataFrame:
    return df[df.age >= above].groupby("site", observed=True).weight.agg(["mean", "count"]).round(1)


def uses_a_global(df: pd.DataFrame) -> Any:
    large = df.age > 50
    return int(large.sum()) + THRESHOLD


def fails_on_a_name(df: pd.DataFrame) -> Any:
    first = df.age
    return first + df.heigth


@pytest.fixture
def visits(house: Any) -> Any:
    allow(house)
    return house.sdk()["visits"]


def line_of(text: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)


def test_a_function_is_tried_here_on_mock_rows_and_sees_its_columns_alone(visits: Any) -> None:
    found = visits.try_code(mean_weight, columns=COLUMNS, params={"above": 20})
    assert list(found.columns) == ["mean", "count"]
    assert visits.try_code("def names(df):\n    return list(df.columns)", columns=["site", "age"]) == ["site", "age"]
    types = "def types(df):\n    return [str(kind) for kind in df.dtypes]"
    assert visits.try_code(types, columns=COLUMNS) == ["int64", "float64", "category"]


@pytest.mark.parametrize(
    ("fn", "line", "said"),
    [
        (uses_a_global, "return int(large.sum()) + THRESHOLD", "THRESHOLD comes from outside the function"),
        (lambda df: 1, "", "expected a plain function"),
        (pd.DataFrame.describe, "", ""),
        ("def f(df):\n    import os\n    return os.environ", "", "line 2: os is not loaded in the sandbox"),
        ("def f(df)\n    return 1", "", "it is not Python"),
        ("\n# above it\ndef f(df):\n    return here", "", "the text, line 4: here comes from outside"),
    ],
)
def test_what_does_not_stand_on_its_own_is_refused_and_the_line_is_named(
    visits: Any, fn: Any, line: str, said: str
) -> None:
    with pytest.raises(errors.NotTransportable) as refused:
        visits.try_code(fn, columns=COLUMNS)
    assert said in str(refused.value)
    if line:
        assert f"test_code.py, line {line_of(line)}:" in str(refused.value)


def test_a_failure_on_mock_rows_names_the_line_and_sends_nothing(visits: Any, house: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="heigth") as refused:
        visits.run_code(fails_on_a_name, columns=COLUMNS, purpose="to test what fails")
    assert f"test_code.py, line {line_of('return first + df.heigth')}" in str(refused.value)
    with pytest.raises(errors.InvalidRequest, match="mean_weight takes above, got below"):
        visits.run_code(mean_weight, columns=COLUMNS, params={"below": 1}, purpose="to test what fails")
    with pytest.raises(errors.UnknownColumn):
        visits.run_code(mean_weight, columns=["ages"], purpose="to test what fails")
    assert house.get("/v1/code-jobs").json() == []


def test_where_code_jobs_are_off_the_author_is_told_who_turns_them_on(house: Any) -> None:
    with pytest.raises(errors.CodeJobsOff, match="only its owner turns them on"):
        house.sdk()["visits"].run_code(mean_weight, columns=COLUMNS, purpose="to test what is off")


@needs_the_sandbox
def test_from_the_notebook_through_two_decisions_to_a_frame(visits: Any, house: Any) -> None:
    owner = house.sdk(house.owner).owner
    job = visits.run_code(mean_weight, columns=COLUMNS, params={"above": 20}, purpose="to plan beds by site")
    assert "no epsilon covers" in repr(job)
    assert "mean" in job.tryout
    with pytest.raises(errors.DecisionPending, match="an owner or a reviewer"):
        job.wait(0)
    [waiting] = owner.code_jobs()
    owner.decide_code(waiting, "changes_asked", "only those above 50, please")
    with pytest.raises(errors.DecisionPending, match="only those above 50"):
        job.wait(0)
    job.resubmit(params={"above": 50})
    assert [change.field for change in job.changes if not change.field.startswith("tryout")] == ["params.above"]
    owner.decide_code(owner.code_jobs()[0], "approved")
    assert work(house) == 1
    assert job.refresh().status == "running"
    with pytest.raises(errors.UnknownResource):
        job.result()
    owner.release(owner.held(owner.code_jobs()[0]), "three groups of hundreds")
    found = job.wait(60).result()
    assert found.index.name == "site"
    assert list(found.columns) == ["mean", "count"]
    assert found["count"].dtype == "int64"
    assert "the privacy promise ended at entry" in repr(house.sdk()["visits"])
    assert visits.code_job(job.id).released().output == job.released().output


@needs_the_sandbox
def test_a_destroyed_output_and_a_released_failure_say_so(visits: Any, house: Any) -> None:
    owner = house.sdk(house.owner).owner
    fails = "def never(df):\n    if len(df) > 1000:\n        raise ValueError('too many')\n    return 1"
    kept, lost = (visits.run_code(text, columns=COLUMNS, purpose="to test an end") for text in (fails, mean_weight))
    for waiting in owner.code_jobs():
        owner.decide_code(waiting, "approved")
    assert work(house) == 2
    owner.release(owner.held(kept.record), "its message names no row")
    owner.destroy(owner.held(lost.record), "too fine")
    with pytest.raises(errors.JobEnded, match="it failed, line 3 of the function: ValueError: too many"):
        kept.wait(60).result()
    with pytest.raises(errors.JobEnded, match="too fine"):
        lost.wait(60)
