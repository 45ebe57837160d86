"""Every route is given what its document allows and what it forbids, by everybody: schemathesis, with its checks.

One check is left out, `positive_data_acceptance`: a 400 also says what no schema can, such as that a table has no
column of that name, or that two fields contradict each other.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from tests.node.test_roles import CALLERS, OWNER, Town, town  # noqa: F401 - a fixture

from jali.wire.problem import MEDIA_TYPE

LEFT_OUT = "positive_data_acceptance"
NOBODY = "nobody"
EVERYBODY = (NOBODY, *sorted(set(CALLERS) - {OWNER}), OWNER)
"""The owner is the last: what an owner does to people ends their tokens."""


class Fuzz:
    """Sends what schemathesis makes of the document to a town, with everybody's token in turn."""

    def __init__(self, town: Town) -> None:  # noqa: F811
        self.town = town
        app = town.house.client.app
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        self.found: dict[str, str] = {}
        self.sent = 0
        load_all_checks()
        self.left_out = CHECKS.get_by_names([LEFT_OUT])

    def operations(self) -> Iterator[Any]:
        for result in self.schema.get_all_operations():
            yield result.ok()

    def send(self, case: Any) -> None:
        for caller in EVERYBODY:
            token = self.town.tokens.get(caller)
            headers = self.town.house.bearer(token) if token else {}
            case.headers = headers
            response = case.call()
            self.sent += 1
            if response.status_code == 413:  # refused by its size, before anybody looks at what it says
                continue
            try:
                case.validate_response(response, headers=headers, excluded_checks=self.left_out)
            except BaseExceptionGroup as group:
                for failure in group.exceptions:
                    self.found.setdefault(f"{case.operation.label} {failure.title}", f"{caller}: {failure.message}")
            if response.status_code >= 500:
                self.found.setdefault(f"{case.operation.label} {response.status_code}", response.text)
            if response.status_code >= 400 and response.headers["content-type"] != [MEDIA_TYPE]:
                self.found.setdefault(f"{case.operation.label} {response.headers['content-type']}", response.text)

    def at(self, operation: Any, mode: GenerationMode, examples: int, seed: bool) -> None:
        known = {name: str(value) for name, value in self.town.ids.items()}
        own = {name: known[name] for name in known if f"{{{name}}}" in operation.path}
        signed = {"Authorization": "each caller's"}  # else it is what most wrong cases are wrong in
        house = self.town.house

        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            derandomize=seed,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode, path_parameters=own or None, headers=signed))
        def everybody_asks(case: Any) -> None:
            if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
                here = {"dataset": house.dataset, "project": house.project}
                case.body.update({name: value for name, value in here.items() if name in case.body})
            self.send(case)

        everybody_asks()


def can_be_wrong(operation: Any) -> bool:
    return bool(operation.body or operation.query)


def fuzzed(town: Town, examples: int, modes: tuple[GenerationMode, ...], seed: bool) -> Fuzz:  # noqa: F811
    fuzz = Fuzz(town)
    for operation in fuzz.operations():
        for mode in modes:
            if mode is GenerationMode.POSITIVE or can_be_wrong(operation):
                fuzz.at(operation, mode, examples, seed)
    return fuzz


def test_a_few_cases_of_every_route_are_answered_as_the_document_says(town: Town) -> None:  # noqa: F811
    fuzz = fuzzed(town, 1, (GenerationMode.POSITIVE, GenerationMode.NEGATIVE), seed=True)
    assert fuzz.found == {}
    assert fuzz.sent > 300


@pytest.mark.slow
def test_many_cases_of_every_route_are_answered_as_the_document_says(town: Town) -> None:  # noqa: F811
    fuzz = fuzzed(town, 3, (GenerationMode.POSITIVE, GenerationMode.NEGATIVE), seed=False)
    assert fuzz.found == {}
    assert fuzz.sent > 1000
    assert town.house.get("/v1/ledger/verification", town.house.owner).json()["valid"]
