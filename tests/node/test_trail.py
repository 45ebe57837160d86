"""Everything that changes something leaves an entry: every route and every command, so that none is forgotten."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from tests.node import test_code_jobs as code_jobs
from tests.node.test_roles import OWNER, SCIENTIST, Town, routes, town  # noqa: F401 - a fixture

from jali_node.actions.notices.show_notices import revived
from jali_node.actions.operations.note_taken import note_settings
from jali_node.actions.people.invite import invite_by_name
from jali_node.commands import node as node_commands
from jali_node.settings import Settings
from jali_node.tables import NoticeRow

ASKED = "changes_asked"
PASSWORD, OTHER = "the heron eats at noon", "the owl sleeps at noon"
POLICY = '[[rule]]\nname = "no"\neffect = "ask"\nstatistics = ["quantiles"]\n'
SAYS_NOTHING = {
    # Routes that change something only after they were answered, or nothing at all.
    ("post", "/v1/quotes"): "changes nothing",
    ("post", "/v1/jobs/quotes"): "changes nothing",
    ("post", "/v1/policy/dry-run"): "changes nothing",
    ("post", "/v1/jobs/{job_id}/rounds/{number}"): "queues what was approved; its spend is an entry when it begins",
    ("post", "/v1/code-jobs/{code_id}/airlock"): "code.released and code.destroyed, in test_code_jobs",
    ("post", "/v1/sign-in/detour"): "signs nobody in; coming back does",
    ("post", "/v1/sign-in/return"): "needs a provider: test_providers finds signin.succeeded and signin.failed",
}
READS_OUT = {("get", "/v1/audit/export"), ("get", "/v1/projects/{project_id}/evidence")}


def send(made: Town, method: str, path: str, body: Any = None, caller: str = OWNER) -> Any:
    content = {"json": body if body is not None else {}} if method != "get" else {}
    token = made.house.bearer(made.tokens[caller]) if caller else {}
    reply = made.house.client.request(method, path.format(**made.ids), headers=token, **content)
    assert reply.is_success, (method, path, reply.text)
    return reply.json() if "json" in reply.headers["content-type"] else reply


def filed(made: Town, where: str = "/v1/requests", body: str = "wish") -> Any:
    made_up = send(made, "post", where, made.bodies[body], SCIENTIST)
    made.ids["request_id" if where.endswith("requests") else "job_id"] = made_up["id"]
    return made_up


def decided(made: Town, path: str, outcome: str) -> None:
    what = path.split("/")[2]
    wish = next(each for each in send(made, "get", f"/v1/{what}") if each["id"] == made.ids[f"{what[:-1]}_id"])
    said = {"digest": wish["digest"], "revision": wish["revision"], "outcome": outcome, "reason": "to test"}
    send(made, "post", path, said)


def another_filed(made: Town) -> None:
    filed(made, "/v1/jobs", "job")


def another_approved(made: Town) -> None:
    another_filed(made)
    decided(made, "/v1/jobs/{job_id}/decision", "approved")


def code_filed(made: Town) -> None:
    made.ids["code_id"] = code_jobs.submitted(made.house)["id"]


def code_decided(made: Town) -> None:
    job = send(made, "get", "/v1/code-jobs/{code_id}")
    assert code_jobs.decide(made.house, job).status_code == 200


def another_job(made: Town, path: str) -> None:
    training = {**made.bodies["job"]["training"], "purpose": "to test a second time"}
    send(made, "post", path, {**made.bodies["job"], "training": training}, SCIENTIST)


def another_token(made: Town) -> None:
    made.ids["token_id"] = send(made, "post", "/v1/me/tokens", {}, SCIENTIST)["token"]["id"]


def taken_up(made: Town, path: str) -> None:
    text = invite_by_name(made.house.node, "Dana Scientist", 7).text
    send(made, "post", path, {"invitation": text, "password": PASSWORD}, "")


def signed_in(made: Town, password: str) -> None:
    form = {"name": "Dana Scientist", "password": password}
    made.tokens["session"] = send(made, "post", "/v1/sign-in/password", form, "")["token"]


def dead_notice(made: Town) -> None:
    with made.house.node.database.writing() as session:
        now = datetime.now(UTC)
        session.add(
            NoticeRow(
                id="msg_1", receiver="webhook:x", event="request.filed", about="req_1", body="{}", state="dead",
                attempts=3, created_at=now, trouble="gone",
            )
        )  # fmt: skip
    made.ids["notice_id"] = "msg_1"


def granted(made: Town) -> None:
    made.ids["grant_id"] = next(each["grant"] for each in send(made, "get", "/v1/requests") if each["grant"])


def wrong_password(made: Town) -> None:
    form = {"name": "Dana Scientist", "password": "not the one at all"}
    assert made.house.client.post("/v1/sign-in/password", json=form).status_code == 401


def wrong_invitation(made: Town) -> None:
    form = {"invitation": "jali_invitation_none", "password": PASSWORD}
    assert made.house.client.post("/v1/sign-in/invitation", json=form).status_code == 401


def wrong_current(made: Town) -> None:
    form = {"current": "not the one at all", "new": OTHER}
    reply = made.house.client.put("/v1/me/password", headers=made.house.bearer(made.tokens["session"]), json=form)
    assert reply.status_code == 400


Act = Callable[[Town, str, str], object]


def with_body(name: str, caller: str = OWNER, **more: Any) -> Act:
    return lambda made, method, path: send(made, method, path, {**made.bodies[name], **more}, caller)


def plain(caller: str = OWNER) -> Act:
    return lambda made, method, path: send(made, method, path, None, caller)


def given(body: dict[str, Any], caller: str = OWNER) -> Act:
    return lambda made, method, path: send(made, method, path, body, caller)


def after(first: Callable[[Town], object], act: Act) -> Act:
    """Return a step that is prepared; what the preparation leaves is not looked at."""

    def run(made: Town, method: str, path: str) -> object:
        first(made)
        made.bodies["seen"] = len(made.house.ledger())
        return act(made, method, path)

    return run


STEPS: list[tuple[str, str, str, Act]] = [
    # In an order that lets each do something; some twice.
    ("post", "/v1/projects", "project.added", with_body("project")),
    ("post", "/v1/projects/{project_id}/members", "member.added", given({"person": "Aldo Auditor"})),
    ("post", "/v1/requests", "request.filed", lambda made, method, path: filed(made)),
    ("post", "/v1/requests/{request_id}/comments", "request.commented", with_body("comment")),
    ("post", "/v1/requests/{request_id}/decision", "request.returned", lambda m, _, path: decided(m, path, ASKED)),
    ("post", "/v1/requests/{request_id}/revisions", "request.revised", with_body("wish", SCIENTIST, epsilon=0.25)),
    ("post", "/v1/requests/{request_id}/decision", "request.decided", lambda m, _, path: decided(m, path, "denied")),
    ("post", "/v1/requests/{request_id}/withdrawal", "request.withdrawn", after(filed, plain(SCIENTIST))),
    ("post", "/v1/queries", "spend.committed", with_body("query", SCIENTIST, epsilon=0.3)),
    ("post", "/v1/jobs", "job.submitted", lambda made, _, path: filed(made, path, "job")),
    ("post", "/v1/jobs/{job_id}/revisions", "request.revised", lambda made, _, path: another_job(made, path)),
    ("post", "/v1/jobs/{job_id}/decision", "job.decided", lambda made, _, path: decided(made, path, "denied")),
    ("put", "/v1/jobs/{job_id}/priority", "job.ordered", after(another_approved, given({"priority": 5}))),
    ("post", "/v1/jobs/{job_id}/pause", "job.paused", plain(SCIENTIST)),
    ("post", "/v1/jobs/{job_id}/resume", "job.resumed", plain(SCIENTIST)),
    ("post", "/v1/jobs/{job_id}/end", "job.ended", after(another_filed, plain(SCIENTIST))),
    ("put", "/v1/datasets/{dataset_id}/queue", "dataset.queued", given({"one_at_a_time": True})),
    ("put", "/v1/datasets/{dataset_id}/code-jobs", "dataset.code_forbidden", given({"allowed": False})),
    ("put", "/v1/datasets/{dataset_id}/code-jobs", "dataset.code_allowed", given({"allowed": True})),
    ("post", "/v1/code-jobs", "job.submitted", lambda made, _, path: code_filed(made)),
    ("post", "/v1/code-jobs/{code_id}/revisions", "request.revised",
     with_body("code_job", SCIENTIST, purpose="to test a second time")),
    ("post", "/v1/code-jobs/{code_id}/decision", "job.decided", lambda made, _, path: code_decided(made)),
    ("post", "/v1/code-jobs/{code_id}/end", "job.ended", after(code_filed, plain(SCIENTIST))),
    ("post", "/v1/freezes", "freeze.set", given({"subject": "node", "reason": "to test"})),
    ("post", "/v1/freezes/{subject}/end", "freeze.lifted", after(lambda m: m.ids.update(subject="node"), plain())),
    ("post", "/v1/grants/{grant_id}/revocation", "freeze.set", after(granted, with_body("revocation"))),
    ("put", "/v1/policy", "policy.set", given({"text": POLICY})),
    ("put", "/v1/datasets/{dataset_id}/visibility", "dataset.hidden", given({"hidden": True})),
    ("put", "/v1/datasets/{dataset_id}/visibility", "dataset.shown", given({"hidden": False})),
    ("post", "/v1/notices/{notice_id}/attempts", "notice.revived", after(dead_notice, plain())),
    ("get", "/v1/audit/export", "audit.exported", plain()),
    ("get", "/v1/projects/{project_id}/evidence", "evidence.taken", plain()),
    ("post", "/v1/sign-in/invitation", "signin.succeeded", lambda made, _, path: taken_up(made, path)),
    ("post", "/v1/sign-in/invitation", "signin.failed", lambda made, _, path: wrong_invitation(made)),
    ("post", "/v1/sign-in/password", "signin.succeeded", lambda made, _, path: signed_in(made, PASSWORD)),
    ("post", "/v1/sign-in/password", "signin.failed", lambda made, _, path: wrong_password(made)),
    ("put", "/v1/me/password", "signin.failed", lambda made, _, path: wrong_current(made)),
    ("put", "/v1/me/password", "password.set", given({"current": PASSWORD, "new": OTHER}, "session")),
    ("delete", "/v1/me/session", "signin.ended", after(lambda made: signed_in(made, OTHER), plain("session"))),
    ("post", "/v1/me/tokens", "token.issued", with_body("token", SCIENTIST)),
    ("delete", "/v1/me/tokens/{token_id}", "token.revoked", plain(SCIENTIST)),
    ("post", "/v1/people", "person.added", with_body("person")),
    ("put", "/v1/people/{person_id}/role", "role.changed", given({"role": "reviewer"})),
    ("post", "/v1/people/{person_id}/invitation", "person.invited", plain()),
    ("post", "/v1/people/{person_id}/identities", "identity.bound", with_body("identity")),
    ("delete", "/v1/people/{person_id}/tokens/{token_id}", "token.revoked", after(another_token, plain())),
    ("delete", "/v1/projects/{project_id}/members/{person_id}", "member.removed", plain()),
    ("delete", "/v1/people/{person_id}", "person.removed", plain()),
    ("post", "/v1/people/{person_id}/erasure", "person.erased", plain()),
    ("post", "/v1/projects/{project_id}/end", "project.ended", plain()),
]  # fmt: skip


def test_every_route_that_changes_something_leaves_its_entry(town: Town) -> None:  # noqa: F811
    wrong = []
    for method, path, kind, act in STEPS:
        town.bodies["seen"] = len(town.house.ledger())
        act(town, method, path)
        kinds = [entry["kind"] for entry in town.house.ledger()[town.bodies["seen"] :]]
        if kind not in kinds:
            wrong.append(f"{method} {path}: expected {kind}, got {kinds}")
    assert wrong == []
    changing = {route for route in routes(town.house) if route[0] != "get"} | READS_OUT
    assert changing == {(method, path) for method, path, _, _ in STEPS} | SAYS_NOTHING.keys()
    said = str(town.house.ledger())
    assert not [name for name in ("Dana", "Olga", "heron", "to test", "example") if name in said]


NO_ENTRY = {
    "serve": "test_what_a_node_serves_with below", "worker": "spends are entries when they begin",
    "init": "begins the chain", "migrate": "the schema alone: starts check it",
    "notify": "sends what entries have told of; --again below", "restore": "checkpoint.brought",
    "verify-ledger": "reads", "ledger import": "entries.imported, in tests/ledger/test_restore",
    "ledger write-off": "caps.written_off, in tests/ledger/test_restore", "clock": "clock.accepted, in its own tests",
    "user list": "reads", "token list": "reads", "policy show": "reads", "policy dry-run": "reads",
    "project list": "reads", "population list": "reads", "population choose": "reckons", "population report": "reads",
    "dataset synthesize": "mock.added, in test_synthetic", "dataset withdraw": "dataset.withdrawn, in test_withdrawal",
    "doctor": "reads",
}  # fmt: skip
COMMANDS: list[tuple[str, list[str], str]] = [
    ("population add", ["more", "--units", "100", "--epsilon", "1", "--delta", "1e-6"], "population.opened"),
    ("population raise", ["people", "--epsilon", "3"], "population.raised"),
    ("population refresh", ["more", "--every", "30", "--yes"], "account.windowed"),
    ("grant refresh", ["GRANT", "--every", "30"], "account.windowed"),
    ("dataset add", ["TABLE", "--card", "CARD"], "dataset.registered"),
    ("dataset mock", ["visits", "MOCK"], "mock.added"),
    ("dataset hide", ["visits"], "dataset.hidden"),
    ("dataset unhide", ["visits"], "dataset.shown"),
    ("dataset code", ["visits", "--on"], "dataset.code_allowed"),
    ("dataset queue", ["visits", "--one-at-a-time"], "dataset.queued"),
    ("project add", ["fourth", "--purpose", "to test"], "project.added"),
    ("project end", ["fourth"], "project.ended"),
    ("user add", ["Nora New"], "person.added"),
    ("user invite", ["Nora New"], "person.invited"),
    ("user role", ["Nora New", "auditor"], "role.changed"),
    ("user bind", ["Nora New", "--issuer", "https://id.example", "--subject", "n"], "identity.bound"),
    ("project member add", ["study", "Nora New"], "member.added"),
    ("project member remove", ["study", "Nora New"], "member.removed"),
    ("token create", ["Nora New"], "token.issued"),
    ("token revoke", ["Nora New", "TOKEN"], "token.revoked"),
    ("policy set", ["POLICY"], "policy.set"),
    ("freeze", ["--reason", "to test"], "freeze.set"),
    ("unfreeze", [], "freeze.lifted"),
    ("revoke", ["GRANT", "--reason", "to test"], "freeze.set"),
    ("backup", ["NEW.tar.gz"], "backup.taken"),
    ("audit", ["--kind", "signin."], "audit.exported"),
    ("ledger export", ["NEW.jsonl"], "ledger.exported"),
    ("evidence", ["study", "--to", "NEW.zip"], "evidence.taken"),
    ("user remove", ["Nora New"], "person.removed"),
    ("user erase", ["Nora New", "--yes"], "person.erased"),
    ("retention", ["--apply"], "retention.applied"),
]


def leaves(command: click.Command, path: str = "") -> set[str]:
    if not isinstance(command, click.Group):
        return {path}
    return {name for word, sub in command.commands.items() for name in leaves(sub, f"{path} {word}".strip())}


def test_every_command_that_changes_something_leaves_its_entry(house: Any, tmp_path: Path) -> None:
    (tmp_path / "POLICY").write_text(POLICY)
    (tmp_path / "MOCK").write_text("age,weight,site,note\n1,2.5,north,\n")
    columns = "\n".join(f'[columns.{name}]\ntype = "number"' for name in ("weight", "note"))
    (tmp_path / "CARD").write_text(f'name = "second"\ntitle = "Second"\npopulation = "people"\n{columns}\n')
    (house.folder / "node.toml").write_text('name = "test node"\n[retention]\npeople_days = 1\nasked_days = 1\n')
    wish = next(each for each in house.get("/v1/requests", house.owner).json() if each["grant"])
    named = {"GRANT": wish["grant"], "TABLE": str(house.folder / "visits.parquet")}
    wrong = []
    for name, args, kind in COMMANDS:
        if name == "token revoke":
            issued = [entry for entry in house.ledger() if entry["kind"] == "token.issued"]
            named["TOKEN"] = issued[-1]["body"]["token"]
        if name == "retention":
            _age(house)
        given_args = [named.get(arg) or (str(tmp_path / arg) if arg.split(".")[0].isupper() else arg) for arg in args]
        before = len(house.ledger())
        told = CliRunner().invoke(node_commands, [*name.split(), *given_args, "--folder", str(house.folder)])
        kinds = [entry["kind"] for entry in house.ledger()[before:]]
        if told.exit_code or kind not in kinds:
            wrong.append(f"{name}: expected {kind}, got {kinds}: {told.output[-300:]}")
    assert wrong == []
    assert leaves(node_commands) <= {name for name, _, _ in COMMANDS} | NO_ENTRY.keys()


def _age(house: Any) -> None:
    from sqlalchemy import update

    from jali_node.actions.policies.history import JudgedRow

    assert house.ask({"kind": "count"}, 0.2).status_code in (200, 202, 403)
    with house.node.database.writing() as session:
        session.execute(update(JudgedRow).values(at=datetime(2026, 1, 1, tzinfo=UTC)))


def test_what_a_node_serves_with_is_an_entry_when_it_differs_and_says_nothing_of_what_it_is(house: Any) -> None:
    node, before = house.node, len(house.ledger())
    mail = {"host": "mail.example", "sender": "jali@example.org", "askers": {"Dana Scientist": "dana@example.org"}}
    told = Settings(
        folder=house.folder, name="test node", notices={"mail": mail}, database_url=node.settings.database_url
    )
    for settings in (node.settings, node.settings, told, told, node.settings):
        note_settings(replace(node, settings=settings))
    new = [entry["body"] for entry in house.ledger()[before:] if entry["kind"] == "settings.changed"]
    assert len(new) == 3, "the first, and the two that differ from the one before"
    assert "notices" in new[1]["changed"]
    assert "notices" in new[2]["changed"]
    assert new[0]["digests"] == new[2]["digests"]
    assert not [name for name in ("Dana", "example", "8400") if name in str(new)]


def test_a_dead_notice_made_due_at_the_machine_is_an_entry(town: Town) -> None:  # noqa: F811
    dead_notice(town)
    revived(town.house.node, "msg_1")
    assert town.house.ledger()[-1]["kind"] == "notice.revived"


@pytest.mark.parametrize("reasons", [SAYS_NOTHING, NO_ENTRY])
def test_what_leaves_no_entry_has_a_reason(reasons: dict[Any, str]) -> None:
    assert all(reasons.values())
