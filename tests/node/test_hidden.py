"""Hidden datasets: to whoever may not know of one, it is answered as one that there is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update
from tests.node import test_code_jobs as code_jobs
from tests.node.test_commands import CARD, typed
from tests.node.test_jobs import form

from jali import errors
from jali.wire.person import Role
from jali_node.actions.code.allow_code import allow_code
from jali_node.actions.datasets.hide_dataset import hide
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token
from jali_node.tables import GrantRow

MEAN = {"kind": "mean", "column": "age"}
UNKNOWN = "ds_00"


@pytest.fixture
def hidden(house: Any) -> Any:
    """Return a house whose one dataset is hidden, with somebody of the same project who has no grant."""
    add_person(house.node, "Nora New", Role.DATA_SCIENTIST, ("study",))
    house.extra["nora"] = create_token(house.node, "Nora New", 1)[0]
    hide(house.node, "visits", hidden=True)
    return house


def calls(house: Any, dataset: str) -> dict[tuple[str, str], Any]:
    """Return what may be sent of every route that takes a dataset, by its place in the document."""
    query = {**house.query(MEAN), "dataset": dataset}
    training = form(house)
    training["training"]["dataset"] = dataset
    wish = {"dataset": dataset, "project": house.project, "purpose": "to test the house", "epsilon": 0.5}
    question = {"kind": "question", "query": query, "purpose": "to test the house"}
    return {
        ("get", "/v1/datasets/{dataset_id}"): [{}],
        ("put", "/v1/datasets/{dataset_id}/visibility"): [{"json": {"hidden": False}}],
        ("get", "/v1/datasets/{dataset_id}/budget"): [{"params": {"project": house.project}}],
        ("get", "/v1/datasets/{dataset_id}/mock"): [{"params": {"kind": kind}} for kind in ("owner", "synthetic")],
        ("post", "/v1/quotes"): [{"json": query}, {"json": {**query, "statistic": {"kind": "mean", "column": "soul"}}}],
        ("post", "/v1/queries"): [{"json": query}, {"json": {**query, "epsilon": 1e-9}}],
        ("post", "/v1/requests"): [{"json": wish}, {"json": {**wish, "columns": ["soul"]}}, {"json": question}],
        ("post", "/v1/jobs/quotes"): [{"json": training}],
        ("post", "/v1/jobs"): [{"json": training}],
        ("put", "/v1/datasets/{dataset_id}/queue"): [{"json": {"one_at_a_time": True}}],
        ("put", "/v1/datasets/{dataset_id}/code-jobs"): [{"json": {"allowed": True}}],
        ("post", "/v1/code-jobs"): [{"json": code_jobs.form(house, dataset=dataset)}],
    }


def replies(house: Any, token: str, dataset: str) -> list[tuple[str, int, bytes, dict[str, str]]]:
    return [
        (path, reply.status_code, reply.content, {k: v for k, v in reply.headers.items() if k != "x-request-id"})
        for (method, path), bodies in calls(house, dataset).items()
        for body in bodies
        for reply in [
            house.client.request(method, path.format(dataset_id=dataset), headers=house.bearer(token), **body)
        ]
    ]


def taking_a_dataset(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the operations with a dataset in their address or, however deep, in their body."""
    schemas = document["components"]["schemas"]

    def names(part: Any, open_: frozenset[str] = frozenset()) -> bool:
        if isinstance(part, list):
            return any(names(each, open_) for each in part)
        if not isinstance(part, dict):
            return False
        if "dataset" in part.get("properties", {}):
            return True
        name = str(part.get("$ref", "")).rsplit("/", 1)[-1]
        if name and name not in open_:
            return names(schemas[name], open_ | {name})
        return any(names(each, open_) for each in part.values())

    return {
        (method, path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "{dataset_id}" in path or names(operation.get("requestBody", {}))
    }


def test_every_route_that_takes_a_dataset_is_tried_here(house: Any) -> None:
    found = taking_a_dataset(house.client.get("/openapi.json").json())
    revised = ("requests/{request_id}", "jobs/{job_id}", "code-jobs/{code_id}")
    revisions = {("post", f"/v1/{wish}/revisions") for wish in revised}
    assert found - revisions == set(calls(house, UNKNOWN))


def test_a_hidden_dataset_is_answered_byte_for_byte_as_an_unknown_one(hidden: Any) -> None:
    before = hidden.ledger()
    nora = hidden.extra["nora"]
    assert replies(hidden, nora, hidden.dataset) == replies(hidden, nora, UNKNOWN)
    assert {status for _, status, _, _ in replies(hidden, nora, hidden.dataset)} == {403, 404}
    assert hidden.get("/v1/datasets", nora).json() == []
    assert hidden.ledger() == before
    with pytest.raises(errors.UnknownDataset):
        hidden.sdk(nora)["visits"]
    hide(hidden.node, "visits", hidden=False)
    assert replies(hidden, nora, hidden.dataset) != replies(hidden, nora, UNKNOWN)


def test_a_hidden_dataset_takes_the_same_statements_as_an_unknown_one(hidden: Any) -> None:
    """Equal work rather than equal times: a comparison of times on a busy machine proves nothing of a slower one."""
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(hidden.node.database.engine, "before_cursor_execute", note)
    works = []
    for dataset in (hidden.dataset, UNKNOWN):
        said.clear()
        work = []
        for (method, path), bodies in calls(hidden, dataset).items():
            for body in bodies:
                said.clear()
                bearer = hidden.bearer(hidden.extra["nora"])
                hidden.client.request(method, path.format(dataset_id=dataset), headers=bearer, **body)
                work.append((method, path, tuple(said)))
        works.append(work)
    event.remove(hidden.node.database.engine, "before_cursor_execute", note)
    for of_hidden, of_unknown in zip(*works, strict=True):
        assert of_hidden == of_unknown
    assert all(statements for _, _, statements in works[0])


def test_a_revision_does_not_tell_of_a_hidden_dataset(hidden: Any) -> None:
    hide(hidden.node, "visits", hidden=False)
    wish = hidden.request(0.5, hidden.extra["nora"])
    job = hidden.post("/v1/jobs", form(hidden), hidden.extra["nora"]).json()
    allow_code(hidden.node, "visits", allowed=True)
    code = hidden.post("/v1/code-jobs", code_jobs.form(hidden), hidden.extra["nora"]).json()
    hide(hidden.node, "visits", hidden=True)
    for path, key in (
        (f"/v1/requests/{wish['id']}/revisions", "/v1/requests"),
        (f"/v1/jobs/{job['id']}/revisions", "/v1/jobs"),
        (f"/v1/code-jobs/{code['id']}/revisions", "/v1/code-jobs"),
    ):
        sent = [calls(hidden, dataset)[("post", key)][0]["json"] for dataset in (hidden.dataset, UNKNOWN)]
        one, other = (hidden.post(path, body, hidden.extra["nora"]) for body in sent)
        assert (one.status_code, one.content) == (other.status_code, other.content)


def test_whoever_has_a_grant_or_oversees_the_node_goes_on(hidden: Any) -> None:
    assert hidden.sdk()["visits"].count(epsilon=0.1)
    assert hidden.sdk().datasets.cards[0].hidden
    for role in (Role.REVIEWER, Role.AUDITOR):
        add_person(hidden.node, f"Rosa {role}", role)
        token = create_token(hidden.node, f"Rosa {role}", 1)[0]
        assert len(hidden.get("/v1/datasets", token).json()) == 1
    with hidden.node.database.writing() as session:
        session.execute(update(GrantRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert hidden.get(f"/v1/datasets/{hidden.dataset}").status_code == 404
    assert len(hidden.sdk().releases()) == 1


def test_hiding_is_an_owner_s_and_is_recorded_once(hidden: Any) -> None:
    owner = hidden.sdk(hidden.owner)
    card = owner.datasets.cards[0]
    with pytest.raises(errors.AccessDenied):
        hidden.sdk().owner.hide(card, hidden=False)
    assert owner.owner.hide(card).hidden
    assert not owner.owner.hide(card, hidden=False).hidden
    kinds = [entry["kind"] for entry in hidden.ledger()]
    assert (kinds.count("dataset.hidden"), kinds.count("dataset.shown")) == (1, 1)


def test_hiding_at_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    typed(folder, "init", "--name", "Clinic", "--owner", "Olga")
    (tmp_path / "card.toml").write_text(CARD)
    (tmp_path / "visits.csv").write_text("age\n41\n")
    typed(folder, "population", "add", "people", "--units", "1234", "--epsilon", "2")
    typed(folder, "dataset", "add", str(tmp_path / "visits.csv"), "--card", str(tmp_path / "card.toml"))
    assert "as if there were no such dataset" in typed(folder, "dataset", "hide", "visits").output
    assert "everybody" in typed(folder, "dataset", "unhide", "visits").output
    assert "known: visits" in typed(folder, "dataset", "hide", "visit", code=1).output
