"""Lists that must agree: statistics on both sides of the wire, refusals and their codes, statuses and their table."""

import inspect
import pkgutil
import re
from types import ModuleType
from typing import Any, get_args

import pytest

import jali.estimates
import jali.wire.statistics
import jali_node.statistics
from jali import estimates
from jali.wire.problem import Code
from jali.wire.statistics import STATISTICS as ASKABLE
from jali.wire.statistics import Statistic
from jali_node import errors
from jali_node.errors import Refused
from jali_node.routes.about import CAPABILITIES
from jali_node.statistics import BY_KIND
from jali_node.statistics import STATISTICS as MEASURED

KINDS = [ask.model_fields["kind"].default for ask in ASKABLE]
NOT_STATISTICS = (
    {"ask"},
    {"columns", "keys", "measurement", "plan", "work"},
    {"derivation", "moments", "noise", "promise", "row", "tree"},
)


def files(package: ModuleType) -> set[str]:
    """Return the names of a package's modules."""
    return {module.name for module in pkgutil.iter_modules(package.__path__)}


def subclasses(base: type[Refused]) -> list[type[Refused]]:
    return [kind for child in base.__subclasses__() for kind in (child, *subclasses(child))]


def test_every_statistic_is_askable_measurable_readable_and_announced() -> None:
    assert sorted(KINDS) == sorted(BY_KIND) == sorted(estimates.ESTIMATES)
    assert sorted(CAPABILITIES) == sorted(
        [*(f"statistic:{kind}" for kind in KINDS), "job:train", "job:events", "job:code"]
    )
    assert len(set(KINDS)) == len(KINDS)


def test_no_statistics_file_is_left_out_of_its_list() -> None:
    packages = (jali.wire.statistics, jali_node.statistics, jali.estimates)
    for package, others in zip(packages, NOT_STATISTICS, strict=True):
        assert files(package) - others == set(KINDS)


def test_the_wire_parses_the_very_statistics_that_it_lists() -> None:
    union, _ = get_args(Statistic)
    assert set(get_args(union)) == set(ASKABLE)


@pytest.mark.parametrize("module", MEASURED, ids=lambda module: str(module.KIND))
def test_a_statistic_argues_its_sensitivity_and_says_how_its_price_is_split(module: Any) -> None:
    assert "Sensitivity:" in (module.__doc__ or "")
    assert module.SPLIT
    assert module.__name__.rsplit(".", 1)[-1] == module.KIND


@pytest.mark.parametrize("ask", ASKABLE, ids=lambda ask: str(ask.__name__))
def test_a_statistic_names_the_columns_that_it_reads_and_describes_itself(ask: Any) -> None:
    assert ask.__doc__
    for name in ("reads", "describe"):
        assert getattr(ask, name) is not getattr(ask.__mro__[1], name)


def test_each_code_has_one_refusal_of_its_name() -> None:
    named = [kind for kind in subclasses(Refused) if "code" in vars(kind)]
    found = {kind.code: kind for kind in named}
    assert len(found) == len(named), "two refusals share a code"
    assert {code: kind.__name__ for code, kind in found.items()} == {code: code.class_name for code in Code}


def test_a_refusal_without_a_code_of_its_own_is_a_reason_of_one_that_has() -> None:
    reasons = [kind for kind in subclasses(Refused) if "code" not in vars(kind)]
    assert {kind.__bases__ for kind in reasons} == {(errors.GraphRefused,)}


def test_statuses_are_those_of_the_table_in_the_docstring() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+) +(\d{3})", inspect.getdoc(errors) or ""))
    assert {name: int(status) for name, status in drawn.items()} == {
        kind.__name__: kind.status for kind in subclasses(Refused)
    }


@pytest.mark.parametrize("kind", subclasses(Refused), ids=lambda kind: str(kind.__name__))
def test_a_refusal_becomes_a_problem_with_its_code_status_and_facts(kind: type[Refused]) -> None:
    problem = kind("what happened", field="a.b", left=1).problem()
    assert (problem.code, problem.status, problem.field) == (kind.code, kind.status, "a.b")
    assert (problem.detail, problem.facts) == ("what happened", {"left": 1})


def test_the_node_announces_its_capabilities_to_anyone(house: Any) -> None:
    reply = house.client.get("/v1/node")
    assert reply.status_code == 200
    assert reply.json()["capabilities"] == list(CAPABILITIES)
