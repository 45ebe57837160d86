"""Every route, every role, their own things and others': read from the OpenAPI document, so that none is left out."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from jali.wire.person import Role, Scope
from jali_node.actions.people.add_person import add_person, add_project
from jali_node.actions.people.create_token import create_token

MEAN = {"kind": "mean", "column": "age"}
WAYS_IN = {("post", f"/v1/sign-in/{way}") for way in ("password", "invitation", "detour", "return")}
OPEN = {("get", "/v1/node"), ("get", "/health"), ("get", "/ready"), *WAYS_IN}
OWNER, REVIEWER, SCIENTIST, AUDITOR = "owner", "reviewer", "scientist", "auditor"
STRANGER = "stranger"
"""A data scientist of another project, to whom everything of the first is foreign."""
CALLERS = (OWNER, REVIEWER, SCIENTIST, AUDITOR, STRANGER)


@dataclass(frozen=True)
class Line:
    """What each caller is answered on a route, about what belongs to the scientist.

    `owner`, `reviewer` and `auditor` are no members of the scientist's project.
    """

    owner: int
    reviewer: int
    scientist: int
    auditor: int
    stranger: int
    body: str = ""


def line(statuses: str, body: str = "") -> Line:
    return Line(*map(int, statuses.split()), body=body)


# Denied: 403 where the route or the project is not theirs, 404 where they may not know of the thing.
# Invalid (400, 409): they may, and what was sent does nothing.
MATRIX = {
    # route                                            owner reviewer scientist auditor stranger
    ("get", "/v1/me"): line("200 200 200 200 200"),
    ("get", "/v1/projects"): line("200 200 200 200 200"),
    ("post", "/v1/projects"): line("201 403 403 403 403", "project"),
    ("post", "/v1/projects/{project_id}/members"): line("200 403 403 403 403", "member"),
    ("get", "/v1/datasets"): line("200 200 200 200 200"),
    ("get", "/v1/datasets/{dataset_id}"): line("200 200 200 200 200"),
    ("put", "/v1/datasets/{dataset_id}/visibility"): line("200 403 403 403 403", "visibility"),
    ("get", "/v1/datasets/{dataset_id}/mock"): line("404 404 404 404 404"),
    ("get", "/v1/datasets/{dataset_id}/budget"): line("403 403 200 403 403"),
    ("post", "/v1/quotes"): line("403 403 200 403 403", "query"),
    ("post", "/v1/queries"): line("403 403 200 403 403", "query"),
    ("get", "/v1/releases"): line("403 403 200 403 403"),
    ("get", "/v1/releases/{release_id}"): line("404 404 200 404 404"),
    ("post", "/v1/requests"): line("403 403 201 403 403", "wish"),
    ("get", "/v1/requests"): line("200 200 200 200 200"),
    ("get", "/v1/requests/{request_id}"): line("200 200 200 200 404"),
    ("post", "/v1/requests/{request_id}/decision"): line("409 409 403 403 403", "decision"),
    ("post", "/v1/requests/{request_id}/revisions"): line("404 404 400 403 404", "wish"),  # 400: nothing differs
    ("get", "/v1/requests/{request_id}/changes"): line("200 200 200 200 404"),
    ("get", "/v1/requests/{request_id}/discussion"): line("200 200 200 200 404"),
    ("post", "/v1/requests/{request_id}/comments"): line("201 201 201 403 404", "comment"),
    ("post", "/v1/requests/{request_id}/withdrawal"): line("404 404 200 403 404"),
    ("get", "/v1/notices"): line("200 200 403 200 403"),
    ("post", "/v1/notices/{notice_id}/attempts"): line("404 403 403 403 403"),
    ("post", "/v1/jobs/quotes"): line("403 403 200 403 403", "job"),
    ("post", "/v1/jobs"): line("403 403 201 403 403", "job"),
    ("get", "/v1/jobs"): line("200 200 200 200 200"),
    ("get", "/v1/jobs/{job_id}"): line("200 200 200 200 404"),
    ("get", "/v1/jobs/{job_id}/events"): line("200 200 200 200 404"),
    ("post", "/v1/jobs/{job_id}/revisions"): line("403 403 400 403 403", "job"),
    ("post", "/v1/jobs/{job_id}/decision"): line("409 409 403 403 403", "job_decision"),
    ("post", "/v1/jobs/{job_id}/rounds/{number}"): line("409 404 409 403 404", "round"),
    # Of a job that nobody has decided yet.
    ("post", "/v1/jobs/{job_id}/pause"): line("409 404 409 403 404"),
    ("post", "/v1/jobs/{job_id}/resume"): line("409 404 409 403 404"),
    ("put", "/v1/jobs/{job_id}/priority"): line("200 403 403 403 403", "priority"),
    ("put", "/v1/datasets/{dataset_id}/queue"): line("200 403 403 403 403", "queue"),
    ("get", "/v1/jobs/{job_id}/rounds/{number}"): line("404 404 404 404 404"),
    ("put", "/v1/datasets/{dataset_id}/code-jobs"): line("200 403 403 403 403", "code_allowed"),
    ("get", "/v1/code-jobs/terms"): line("200 200 200 200 200"),
    ("post", "/v1/code-jobs"): line("403 403 201 403 403", "code_job"),
    ("get", "/v1/code-jobs"): line("200 200 200 200 200"),
    ("get", "/v1/code-jobs/{code_id}"): line("200 200 200 200 404"),
    ("post", "/v1/code-jobs/{code_id}/revisions"): line("403 403 400 403 403", "code_job"),  # 400: nothing differs
    ("post", "/v1/code-jobs/{code_id}/decision"): line("409 409 403 403 403", "job_decision"),
    # Whoever decides is told that nothing waits; nobody else is told anything, an auditor neither.
    ("get", "/v1/code-jobs/{code_id}/airlock"): line("404 404 403 403 403"),
    ("post", "/v1/code-jobs/{code_id}/airlock"): line("404 404 403 403 403", "airlock_decision"),
    ("get", "/v1/code-jobs/{code_id}/result"): line("404 404 404 404 404"),
    # The owner is asked last and could end it; the scientist has, just before.
    ("post", "/v1/code-jobs/{code_id}/end"): line("409 404 200 403 404"),
    ("get", "/v1/populations"): line("200 200 403 200 403"),
    ("get", "/v1/populations/{population_id}/report"): line("200 200 403 200 403"),
    ("get", "/v1/ledger"): line("200 200 403 200 403"),
    ("get", "/v1/ledger/verification"): line("200 200 403 200 403"),
    ("get", "/v1/audit"): line("200 200 403 200 403"),
    ("get", "/metrics"): line("200 403 403 403 403"),
    ("get", "/v1/audit/export"): line("200 200 403 200 403"),
    ("get", "/v1/projects/{project_id}/evidence"): line("200 403 403 200 403"),
    ("get", "/v1/ledger/checkpoint"): line("200 200 200 200 200"),
    ("get", "/v1/ledger/links"): line("200 200 200 200 200"),
    ("get", "/v1/freezes"): line("200 200 403 200 403"),
    ("post", "/v1/freezes"): line("404 404 403 403 403", "freeze"),
    ("post", "/v1/freezes/{subject}/end"): line("404 403 403 403 403"),
    ("post", "/v1/grants/{grant_id}/revocation"): line("404 404 403 403 403", "revocation"),
    ("get", "/v1/policy"): line("200 200 403 200 403"),
    ("get", "/v1/policy/versions"): line("200 200 403 200 403"),
    ("post", "/v1/policy/dry-run"): line("200 403 403 403 403", "policy"),
    ("put", "/v1/policy"): line("200 403 403 403 403", "policy"),
    ("post", "/v1/projects/{project_id}/end"): line("400 403 403 403 403", "project_end"),
    # The owner is asked last and could end it; the scientist has, just before.
    ("post", "/v1/jobs/{job_id}/end"): line("409 404 200 403 404"),
    # Everybody looks after their own tokens and password; these callers came with tokens, which are no sessions.
    ("delete", "/v1/me/session"): line("403 403 403 403 403"),
    ("put", "/v1/me/password"): line("400 400 400 400 400", "password"),
    ("get", "/v1/me/tokens"): line("200 200 200 200 200"),
    ("post", "/v1/me/tokens"): line("201 201 201 201 201", "token"),
    ("delete", "/v1/me/tokens/{token_id}"): line("404 404 200 404 404"),
    ("get", "/v1/people"): line("200 200 403 200 403"),
    ("post", "/v1/people"): line("201 403 403 403 403", "person"),
    ("put", "/v1/people/{person_id}/role"): line("200 403 403 403 403", "role"),
    ("post", "/v1/people/{person_id}/invitation"): line("201 403 403 403 403"),
    ("post", "/v1/people/{person_id}/identities"): line("201 403 403 403 403", "identity"),
    ("get", "/v1/people/{person_id}/tokens"): line("200 403 403 403 403"),
    # The scientist has just revoked it.
    ("delete", "/v1/people/{person_id}/tokens/{token_id}"): line("404 403 403 403 403"),
    ("delete", "/v1/projects/{project_id}/members/{person_id}"): line("200 403 403 403 403"),
    ("delete", "/v1/people/{person_id}"): line("200 403 403 403 403"),
    # The scientist was removed just now, and is nobody here any more.
    ("post", "/v1/people/{person_id}/erasure"): line("200 403 401 403 403"),
}
CATALOG, ASK, TRAIN, REVIEW, ADMIN = Scope
ANY = set(Scope)
OPENED_BY = {
    # route: the scopes of which a token needs one; those that are not here need admin
    ("get", "/v1/me"): ANY,
    ("delete", "/v1/me/session"): ANY,
    ("get", "/v1/projects"): ANY,
    ("get", "/v1/datasets"): {CATALOG, ASK, TRAIN, REVIEW},
    ("get", "/v1/datasets/{dataset_id}"): {CATALOG, ASK, TRAIN, REVIEW},
    ("get", "/v1/datasets/{dataset_id}/mock"): {CATALOG, ASK, TRAIN, REVIEW},
    ("get", "/v1/datasets/{dataset_id}/budget"): {ASK, TRAIN},
    ("post", "/v1/quotes"): {ASK},
    ("post", "/v1/queries"): {ASK},
    ("get", "/v1/releases"): {ASK},
    ("get", "/v1/releases/{release_id}"): {ASK},
    ("post", "/v1/requests"): {ASK},
    ("get", "/v1/requests"): {ASK, REVIEW},
    ("get", "/v1/requests/{request_id}"): {ASK, REVIEW},
    ("post", "/v1/requests/{request_id}/decision"): {REVIEW},
    ("post", "/v1/requests/{request_id}/revisions"): {ASK, REVIEW},
    ("get", "/v1/requests/{request_id}/changes"): {ASK, TRAIN, REVIEW},
    ("get", "/v1/requests/{request_id}/discussion"): {ASK, TRAIN, REVIEW},
    ("post", "/v1/requests/{request_id}/comments"): {ASK, TRAIN, REVIEW},
    ("post", "/v1/requests/{request_id}/withdrawal"): {ASK, REVIEW},
    ("get", "/v1/notices"): {REVIEW},
    ("post", "/v1/jobs/quotes"): {TRAIN},
    ("post", "/v1/jobs"): {TRAIN},
    ("get", "/v1/jobs"): {TRAIN, REVIEW},
    ("get", "/v1/jobs/{job_id}"): {TRAIN, REVIEW},
    ("get", "/v1/jobs/{job_id}/events"): {TRAIN, REVIEW},
    ("post", "/v1/jobs/{job_id}/revisions"): {TRAIN},
    ("post", "/v1/jobs/{job_id}/decision"): {REVIEW},
    ("post", "/v1/jobs/{job_id}/rounds/{number}"): {TRAIN},
    ("get", "/v1/jobs/{job_id}/rounds/{number}"): {TRAIN, REVIEW},
    ("post", "/v1/jobs/{job_id}/end"): {TRAIN, REVIEW},
    ("post", "/v1/jobs/{job_id}/pause"): {TRAIN, REVIEW},
    ("post", "/v1/jobs/{job_id}/resume"): {TRAIN, REVIEW},
    ("put", "/v1/jobs/{job_id}/priority"): {REVIEW},
    ("put", "/v1/datasets/{dataset_id}/queue"): {ADMIN},
    ("get", "/v1/code-jobs/terms"): {TRAIN, REVIEW},
    ("post", "/v1/code-jobs"): {TRAIN},
    ("get", "/v1/code-jobs"): {TRAIN, REVIEW},
    ("get", "/v1/code-jobs/{code_id}"): {TRAIN, REVIEW},
    ("post", "/v1/code-jobs/{code_id}/revisions"): {TRAIN},
    ("post", "/v1/code-jobs/{code_id}/decision"): {REVIEW},
    ("get", "/v1/code-jobs/{code_id}/airlock"): {REVIEW},
    ("post", "/v1/code-jobs/{code_id}/airlock"): {REVIEW},
    ("get", "/v1/code-jobs/{code_id}/result"): {TRAIN},
    ("post", "/v1/code-jobs/{code_id}/end"): {TRAIN, REVIEW},
    ("get", "/v1/populations"): {REVIEW},
    ("get", "/v1/populations/{population_id}/report"): {REVIEW},
    ("get", "/v1/ledger"): {REVIEW},
    ("get", "/v1/ledger/verification"): {REVIEW},
    ("get", "/v1/audit"): {REVIEW},
    ("get", "/metrics"): {REVIEW},
    ("get", "/v1/audit/export"): {REVIEW},
    ("get", "/v1/projects/{project_id}/evidence"): {REVIEW},
    ("get", "/v1/ledger/checkpoint"): ANY,
    ("get", "/v1/ledger/links"): ANY,
    ("get", "/v1/freezes"): {REVIEW},
    ("post", "/v1/freezes"): {REVIEW},
    ("post", "/v1/grants/{grant_id}/revocation"): {REVIEW},
    ("get", "/v1/policy"): {REVIEW},
    ("get", "/v1/policy/versions"): {REVIEW},
    ("get", "/v1/people"): {REVIEW, ADMIN},
}
PARAMS = {"budget": {"project": ""}, "releases": {"project": ""}, "mock": {"kind": "owner"}}


@dataclass
class Town:
    """A house with somebody of each role, and one of each thing, all of them the scientist's."""

    house: Any
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)

    def me(self, caller: str) -> Any:
        return self.house.get("/v1/me", self.tokens[caller]).json()

    def asked(self, caller: str, method: str, path: str, body: str) -> Any:
        params = PARAMS.get(path.rsplit("/", 1)[-1], {}).copy()
        if "project" in params:
            params["project"] = self.house.project
        content = {"json": self.bodies[body] if body else {}} if method != "get" else {}
        return self.house.client.request(
            method, path.format(**self.ids), headers=self.house.bearer(self.tokens[caller]), params=params, **content
        )


@pytest.fixture
def town(build_house: Any) -> Town:
    from tests.node import test_code_jobs as code_jobs
    from tests.node.test_jobs import form

    house = build_house(cap=3.0)
    made = Town(house, {OWNER: house.owner, SCIENTIST: house.scientist})
    house.grant(1.0)
    add_project(house.node, "other study", "to test")
    for caller, name, role in (
        (REVIEWER, "Rosa Reviewer", Role.REVIEWER),
        (AUDITOR, "Aldo Auditor", Role.AUDITOR),
        (STRANGER, "Stan Stranger", Role.DATA_SCIENTIST),
    ):
        add_person(house.node, name, role, ("other study",) if caller == STRANGER else ())
        made.tokens[caller] = create_token(house.node, name, 1)[0]
    job_form = form(house)
    wish, job = house.request(0.5), house.post("/v1/jobs", job_form).json()
    code_jobs.allow(house)
    code = code_jobs.submitted(house)
    made.ids = {
        "dataset_id": house.dataset,
        "release_id": house.ask(MEAN, 0.2).json()["id"],
        "request_id": wish["id"],
        "job_id": job["id"],
        "code_id": code["id"],
        "number": 1,
        "project_id": house.project,
        "notice_id": "msg_0",
        "subject": "ds_0",
        "population_id": house.get("/v1/populations", house.owner).json()[0]["id"],
        "grant_id": "grt_0",
        "person_id": made.me(SCIENTIST)["id"],
        "token_id": house.post("/v1/me/tokens", {}).json()["token"]["id"],
    }
    made.bodies = {
        "query": house.query(MEAN, 0.2),
        "wish": {"dataset": house.dataset, "project": house.project, "purpose": "to test the house", "epsilon": 0.5},
        "freeze": {"subject": "ds_0", "reason": "to test roles"},
        "revocation": {"reason": "to test roles"},
        "comment": {"text": "to test roles"},
        "decision": {"digest": "0" * 64, "outcome": "granted"},
        "job": job_form,
        "job_decision": {"digest": "0" * 64, "outcome": "approved"},
        "code_job": code_jobs.form(house),
        "code_allowed": {"allowed": True},
        "priority": {"priority": 5},
        "queue": {"one_at_a_time": True},
        "airlock_decision": {"seal": "0" * 64, "outcome": "destroyed", "reason": "to test roles"},
        "round": {"run": "run-1", "weights": form(house)["weights"]},
        "policy": {"text": "# by its owners"},
        "password": {"current": "it has none as yet", "new": "four words of no kinship"},
        "token": {"name": "for a script", "scopes": ["ask"], "days": 1},
        "person": {"name": "Nora New", "role": "auditor"},
        "role": {"role": "data_scientist"},
        "identity": {"issuer": "https://id.example", "subject": "dana"},
        "visibility": {"hidden": False},
        "project": {"name": "third study", "purpose": "to test"},
        "project_end": {"last_day": "2001-01-01"},
        "member": {"person": "Dana Scientist"},
    }
    return made


def routes(house: Any) -> set[tuple[str, str]]:
    document = house.client.get("/openapi.json").json()
    return {(method, path) for path, item in document["paths"].items() for method in item}


def test_every_route_has_a_line_in_the_matrix(house: Any) -> None:
    assert routes(house) == {*MATRIX, *OPEN}


def test_each_role_is_answered_as_the_matrix_says_on_every_route(town: Town) -> None:
    wrong = []
    for (method, path), wanted in MATRIX.items():
        for caller in reversed(CALLERS):
            expected = getattr(wanted, caller)
            reply = town.asked(caller, method, path, wanted.body)
            if reply.status_code != expected:
                wrong.append(f"{method} {path} by the {caller}: expected {expected}, got {reply.text[:200]}")
    assert wrong == []
    assert town.house.get("/v1/ledger/verification", town.house.owner).json()["valid"]


def test_a_token_opens_what_its_scope_is_for_and_nothing_else(town: Town) -> None:
    house, wrong = town.house, []
    tokens = {scope: create_token(house.node, "Olga Owner", 1, scopes=(scope,))[0] for scope in Scope}
    for (method, path), wanted in MATRIX.items():
        for scope, token in tokens.items():
            town.tokens[scope] = token
            reply = town.asked(scope, method, path, wanted.body)
            opened = reply.status_code != 403 or "needs" not in reply.json()["facts"]
            if opened is not (scope in OPENED_BY.get((method, path), {ADMIN})):
                wrong.append(f"{method} {path} with {scope}: got {reply.text[:200]}")
    assert wrong == []


def test_lists_hold_what_is_one_s_own_or_everything_for_whoever_oversees(town: Town) -> None:
    for path in ("/v1/requests", "/v1/jobs", "/v1/code-jobs"):
        counts = {caller: len(town.asked(caller, "get", path, "").json()) for caller in CALLERS}
        assert counts[STRANGER] == 0
        assert {counts[caller] for caller in CALLERS if caller != STRANGER} == {counts[OWNER]} != {0}


def test_an_auditor_changes_nothing_not_even_as_a_member(town: Town) -> None:
    house = town.house
    add_person(house.node, "Ada Auditor", Role.AUDITOR, ("study",))
    token = create_token(house.node, "Ada Auditor", 1)[0]
    before = house.ledger()
    for method, path in sorted(routes(house) - OPEN):
        if method != "get" and not path.startswith("/v1/me/"):
            reply = house.client.request(method, path.format(**town.ids), headers=house.bearer(token), json={})
            assert (reply.status_code, reply.json()["code"]) == (403, "access_denied"), path
    assert house.ledger() == before
    assert house.get("/v1/releases", token, project=house.project).status_code == 200


def test_what_does_not_exist_is_answered_as_what_is_somebody_else_s(town: Town) -> None:
    missing = {"request_id": "req_0", "job_id": "job_0", "code_id": "code_0", "release_id": "rel_0"}
    for name in missing:
        for method, path in MATRIX:
            if f"{{{name}}}" not in path or method != "get":
                continue
            foreign = town.asked(STRANGER, method, path, "")
            town.ids, kept = {**town.ids, **missing}, town.ids
            unknown = town.asked(STRANGER, method, path, "")
            town.ids = kept
            assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json())
