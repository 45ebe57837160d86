"""The HTTP contract: a document that builds, and no door without a key."""

from collections import defaultdict
from typing import Any

import pytest

from jali.wire.problem import MEDIA_TYPE, Problem

WAYS_IN = {f"/v1/sign-in/{way}" for way in ("password", "invitation", "detour", "return")}
OPEN = {"/v1/node", "/health", "/ready", *WAYS_IN}


def operations(house: Any) -> list[tuple[str, str]]:
    document = house.client.get("/openapi.json").json()
    return [(method, path) for path, item in document["paths"].items() for method in item]


def test_the_document_builds_and_names_every_route(house: Any) -> None:
    document = house.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    assert {path for _, path in operations(house)} >= {
        "/v1/node", "/v1/me", "/v1/datasets", "/v1/datasets/{dataset_id}", "/v1/datasets/{dataset_id}/budget",
        "/v1/quotes", "/v1/queries", "/v1/releases", "/v1/releases/{release_id}", "/v1/requests",
        "/v1/requests/{request_id}", "/v1/requests/{request_id}/decision", "/v1/populations", "/v1/ledger",
        "/v1/ledger/verification",
    }  # fmt: skip
    assert "HTTPBearer" in document["components"]["securitySchemes"]


def test_only_the_node_itself_its_health_and_the_ways_in_are_open(house: Any) -> None:
    document = house.client.get("/openapi.json").json()
    unlocked = {path for path, item in document["paths"].items() for op in item.values() if not op.get("security")}
    assert unlocked == OPEN


TOKENS = {
    "no token": {},
    "an unknown token": {"Authorization": "Bearer jali_" + "0" * 64},
    "another scheme": {"Authorization": "Basic b2xnYTpvbGdh"},
    "an empty token": {"Authorization": "Bearer "},
    "a token of odd characters": {"Authorization": "Bearer \x7f;DROP"},
}


@pytest.mark.parametrize("token", TOKENS)
def test_every_route_asks_for_a_token_before_it_looks_at_anything_else(house: Any, token: str) -> None:
    asked = 0
    for method, path in operations(house):
        if path in OPEN:
            continue
        address = path.format_map(defaultdict(lambda: "1", dataset_id=house.dataset))
        body = {"json": {}} if method in ("post", "put") else {}
        reply = house.client.request(method, address, headers=TOKENS[token], **body)
        assert reply.status_code == 401, (method, path, reply.text)
        assert reply.headers["content-type"] == MEDIA_TYPE
        assert Problem.model_validate(reply.json()).code == "not_signed_in"
        asked += 1
    assert asked >= 40


def test_an_unknown_address_and_a_wrong_method_are_problems_too(house: Any) -> None:
    for method, path, status in (("GET", "/v1/rows", 404), ("DELETE", f"/v1/datasets/{house.dataset}", 405)):
        reply = house.client.request(method, path, headers=house.bearer(house.scientist))
        assert reply.status_code == status
        assert reply.headers["content-type"] == MEDIA_TYPE
        assert Problem.model_validate(reply.json()).status == status


def test_every_refusal_is_described_as_a_problem_and_a_wrong_form_as_400(house: Any) -> None:
    document = house.client.get("/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for method, path in operations(house):
        responses = document["paths"][path][method]["responses"]
        assert "422" not in responses, path
        assert responses.keys() >= {"400", "401", "403", "404", "409", "413", "429", "503"}, path
        for status, response in responses.items():
            if status >= "400":
                assert list(response["content"]) == [MEDIA_TYPE], (path, status)
                assert response["content"][MEDIA_TYPE]["schema"]["$ref"].endswith("/Problem")
