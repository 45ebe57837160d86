import pickle

import pytest

from jali import errors
from jali.wire.problem import Code, Problem


def test_every_code_has_a_class_of_the_same_name() -> None:
    assert {code.value for code in Code} == set(errors.BY_CODE)
    assert {code: kind.__name__ for code, kind in errors.BY_CODE.items()} == {code: code.class_name for code in Code}


def test_every_error_is_drawn_in_the_tree() -> None:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.JaliError)]
    assert len(classes) > len(Code)
    assert errors.__doc__ is not None
    assert [kind.__name__ for kind in classes if f" {kind.__name__}" not in errors.__doc__] == []


def test_a_problem_becomes_the_exception_of_its_name_with_its_facts() -> None:
    problem = Problem(
        title="t", status=403, code="budget_exhausted", detail="too much", field="epsilon", facts={"left": 1}
    )
    failure = errors.from_problem(problem)
    assert type(failure) is errors.BudgetExhausted
    assert (failure.detail, failure.field, failure.facts, failure.status) == ("too much", "epsilon", {"left": 1}, 403)


def test_a_code_from_a_newer_node_is_still_a_refusal() -> None:
    failure = errors.from_problem(Problem(title="t", status=400, code="not_yet_invented", detail="no"))
    assert type(failure) is errors.Refused


def test_an_error_is_one_line_in_a_notebook() -> None:
    assert errors.UnknownColumn("no column 'x'")._render_traceback_() == ["UnknownColumn: no column 'x'"]


def test_unknown_names_are_key_errors_with_a_readable_message() -> None:
    with pytest.raises(KeyError, match="no column x"):
        raise errors.UnknownColumn("no column x")
    assert str(errors.UnknownColumn("it's")) == "it's"


def test_errors_survive_pickling() -> None:
    failure = pickle.loads(pickle.dumps(errors.GrantRequired("ask", facts={"a": 1}, status=403)))  # noqa: S301
    assert (failure.detail, failure.facts, failure.status) == ("ask", {"a": 1}, 403)
