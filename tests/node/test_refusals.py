"""Bad input: a clear problem+json that names the field, and nothing is written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from jali.wire.problem import MEDIA_TYPE
from jali_node.tables import TokenRow

MEAN = {"kind": "mean", "column": "age"}


def refused(reply: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Hold a reply to the form of a refusal and return its body."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == MEDIA_TYPE
    body = dict(reply.json())
    assert (body["code"], body["status"]) == (code, status)
    if field is not None:
        assert body["field"] == field
    return body


@pytest.mark.parametrize(
    ("statistic", "code", "field"),
    [
        ({"kind": "mean", "column": "site"}, "wrong_column_type", "statistic.column"),
        ({"kind": "value_counts", "column": "age"}, "wrong_column_type", "statistic.column"),
        ({"kind": "mean", "column": "agee"}, "unknown_column", "statistic.column"),
        ({"kind": "mean", "column": "note"}, "bounds_unknown", "statistic.column"),
        ({"kind": "describe", "columns": ["age", "site"]}, "wrong_column_type", "statistic.columns.1"),
        ({"kind": "describe", "columns": ["age", "age"]}, "invalid_request", "statistic.columns"),
        ({"kind": "group_by", "keys": ["age"], "of": {"kind": "count"}}, "wrong_column_type", "statistic.keys.0"),
        ({"kind": "histogram", "column": "age", "bins": 0}, "invalid_request", "statistic.bins"),
        ({"kind": "histogram", "column": "age", "bins": 513}, "invalid_request", "statistic.bins"),
        ({"kind": "histogram", "column": "age", "bins": "ten"}, "invalid_request", "statistic.bins"),
        ({"kind": "quantiles", "column": "age", "levels": [1.5]}, "invalid_request", "statistic.levels.0"),
        ({"kind": "mode", "column": "age"}, "invalid_request", "statistic"),
        ({"kind": "mean", "column": 7}, "invalid_request", "statistic.column"),
        ({"kind": "mean"}, "invalid_request", "statistic.column"),
        ({"kind": "mean", "column": "age", "sql": "1"}, "invalid_request", "statistic.sql"),
    ],
)
def test_a_statistic_that_does_not_fit_the_card_is_refused_by_field(
    house: Any, statistic: Any, code: str, field: str
) -> None:
    before = house.ledger()
    refused(house.ask(statistic), 400, code, field)
    refused(house.post("/v1/quotes", house.query(statistic)), 400, code, field)
    assert house.ledger() == before


def test_a_near_miss_is_told_the_right_name(house: Any) -> None:
    assert "did you mean age" in house.ask({"kind": "mean", "column": "agee"}).json()["detail"]


@pytest.mark.parametrize("epsilon", ["NaN", "Infinity", "-Infinity", "-1", "0", "1001", '"0.1"', "true", "null"])
def test_an_epsilon_that_is_no_positive_number_is_refused(house: Any, epsilon: str) -> None:
    before = house.ledger()
    body = (
        f'{{"dataset": "{house.dataset}", "project": "{house.project}", "statistic": {{"kind": "count"}}, '
        f'"epsilon": {epsilon}}}'
    )
    headers = {**house.bearer(house.scientist), "Content-Type": "application/json"}
    refused(house.client.post("/v1/queries", headers=headers, content=body), 400, "invalid_request", "epsilon")
    assert house.ledger() == before


def test_an_epsilon_below_every_price_is_refused_with_both_numbers(house: Any) -> None:
    body = refused(house.ask(MEAN, 1e-6), 400, "epsilon_too_small", "epsilon")
    assert body["facts"]["least"] > 1e-6
    assert "1e-06" in body["detail"]


def test_an_unknown_dataset_is_refused(house: Any) -> None:
    refused(house.post("/v1/queries", house.query(MEAN) | {"dataset": "ds_00"}), 404, "unknown_dataset", "dataset")
    refused(house.get("/v1/datasets/ds_00"), 404, "unknown_dataset")
    refused(house.post("/v1/queries", house.query(MEAN) | {"dataset": "'; --"}), 400, "invalid_request", "dataset")


def test_a_foreign_project_is_refused(house: Any) -> None:
    refused(house.post("/v1/queries", house.query(MEAN) | {"project": "prj_00"}), 403, "access_denied", "project")


def test_an_unknown_field_is_refused_by_name(house: Any) -> None:
    refused(house.post("/v1/queries", house.query(MEAN) | {"sql": "select 1"}), 400, "invalid_request", "sql")


def test_without_a_token_nothing_is_told(house: Any) -> None:
    refused(house.client.get("/v1/datasets"), 401, "not_signed_in")
    refused(house.get("/v1/datasets", "jali_wrong"), 401, "not_signed_in")


def test_an_expired_token_is_told_apart_from_a_wrong_one(house: Any) -> None:
    with house.node.database.writing() as session:
        session.execute(update(TokenRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    refused(house.get("/v1/datasets"), 401, "token_expired")


def test_an_oversized_body_is_refused_whether_its_length_is_announced_or_not(house: Any) -> None:
    limit = house.node.settings.body_limit_bytes
    big = b'{"pad": "' + b"x" * limit + b'"}'
    headers = {**house.bearer(house.scientist), "Content-Type": "application/json"}
    refused(house.client.post("/v1/queries", headers=headers, content=big), 413, "body_too_large")
    chunks = (big[i : i + 65536] for i in range(0, len(big), 65536))
    refused(house.client.post("/v1/queries", headers=headers, content=chunks), 413, "body_too_large")
    fits = b'{"pad": "' + b"x" * (limit - 20) + b'"}'
    refused(house.client.post("/v1/queries", headers=headers, content=fits), 400, "invalid_request")


def test_a_body_that_is_no_json_is_refused(house: Any) -> None:
    headers = {**house.bearer(house.scientist), "Content-Type": "application/json"}
    refused(house.client.post("/v1/queries", headers=headers, content=b"{nope"), 400, "invalid_request")


def test_an_unknown_address_or_method_is_a_problem_too(house: Any) -> None:
    refused(house.get("/v1/nothing"), 404, "unknown_resource")
    refused(house.client.delete("/v1/datasets", headers=house.bearer(house.owner)), 405, "unknown_resource")


def test_owners_pages_are_closed_to_data_scientists(house: Any) -> None:
    for path in ("/v1/ledger", "/v1/ledger/verification", "/v1/populations"):
        refused(house.get(path), 403, "access_denied")


def test_the_message_of_a_refusal_never_repeats_what_was_sent(house: Any) -> None:
    secret = "4111-1111-1111-1111"  # noqa: S105 - a value, such as one pasted by mistake
    for body in ({"kind": "mean", "column": secret}, {"kind": secret}):
        assert secret not in str(house.ask(body).json()["detail"])
