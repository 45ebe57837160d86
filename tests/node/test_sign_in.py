"""Passwords: set by invitation, guessed at a pace, uniform refusals, sessions that end."""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import argon2
import pytest
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from jali_node.actions.people.invite import invite_by_name
from jali_node.app import open_node
from jali_node.people import passwords, throttle
from jali_node.tables import InvitationRow, PasswordRow, ThrottleRow, TokenRow

PASSWORD = "the heron eats at noon"
OTHER = "nine kettles in the attic"


def sign_in(bureau: Any, name: str = "Dana Scientist", password: str = PASSWORD, address: str = "") -> Any:
    client = bureau.client if not address else TestClient(bureau.client.app, client=(address, 1))
    return client.post("/v1/sign-in/password", json={"name": name, "password": password})


def invited(bureau: Any, name: str = "Dana Scientist", password: str = PASSWORD) -> Any:
    invitation = invite_by_name(bureau.node, name, 7).text
    return bureau.client.post("/v1/sign-in/invitation", json={"invitation": invitation, "password": password})


def kinds(bureau: Any) -> list[str]:
    return [entry["kind"] for entry in bureau.ledger()]


@pytest.fixture
def dana(bureau: Any, at_ease: None) -> Any:
    """Return the bureau, where Dana has a password and no session."""
    reply = invited(bureau)
    assert reply.status_code == 201, reply.text
    bureau.client.delete("/v1/me/session", headers=bureau.bearer(reply.json()["token"]))
    return bureau


def test_an_invitation_sets_a_password_once_and_signs_in(bureau: Any) -> None:
    text = invite_by_name(bureau.node, "Dana Scientist", 7).text
    body = {"invitation": text, "password": PASSWORD}
    reply = bureau.client.post("/v1/sign-in/invitation", json=body)
    assert bureau.get("/v1/me", reply.json()["token"]).json()["name"] == "Dana Scientist"
    again = bureau.client.post("/v1/sign-in/invitation", json={**body, "password": OTHER})
    assert (again.status_code, again.json()["code"]) == (401, "not_signed_in")
    assert sign_in(bureau).status_code == 201
    with bureau.node.database.reading() as session:
        kept = session.scalars(select(PasswordRow.argon2)).one()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,")
    assert PASSWORD not in kept
    assert text.encode() not in (bureau.folder / "node.db").read_bytes()


def test_an_invitation_is_replaced_by_a_newer_one_and_ends_on_its_day(bureau: Any) -> None:
    first, second = (invite_by_name(bureau.node, "Dana Scientist", 1).text for _ in range(2))
    early = bureau.client.post("/v1/sign-in/invitation", json={"invitation": first, "password": PASSWORD})
    assert early.status_code == 401
    with bureau.node.database.writing() as session:
        session.execute(update(InvitationRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    late = bureau.client.post("/v1/sign-in/invitation", json={"invitation": second, "password": PASSWORD})
    assert late.status_code == 401


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "expected 15 to 1000 characters, got 5"),
        ("x" * 1001, "at most 1000 characters"),
        ("abab" * 8, "at least 6 different characters, got 2"),
        ("Dana Scientist 1234", "it holds your name"),
    ],
)
def test_a_poor_password_is_refused_with_both_numbers_and_the_invitation_stays_good(
    bureau: Any, password: str, words: str
) -> None:
    text = invite_by_name(bureau.node, "Dana Scientist", 7).text
    reply = bureau.client.post("/v1/sign-in/invitation", json={"invitation": text, "password": password})
    assert (reply.status_code, reply.json()["field"]) == (400, "password")
    assert words in reply.json()["detail"]
    assert password not in reply.text
    good = bureau.client.post("/v1/sign-in/invitation", json={"invitation": text, "password": PASSWORD})
    assert good.status_code == 201


def test_the_same_password_from_another_keyboard_signs_in(bureau: Any) -> None:
    assert invited(bureau, password="g\u00fcnstige Gelegenheit").status_code == 201
    assert sign_in(bureau, password="gu\u0308nstige Gelegenheit").status_code == 201


def test_unknown_names_wrong_passwords_and_people_without_one_are_answered_alike(
    bureau: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invited(bureau).status_code == 201
    work: list[str] = []

    class Watched(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Any:
            work.append(str(hash)[: len("$argon2id$v=19$m=65536,t=3,p=4$")])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Watched())
    replies = [
        sign_in(bureau, name, password)
        for name, password in (("Dana Scientist", OTHER), ("Nobody At All", PASSWORD), ("Olga Owner", PASSWORD))
    ]
    assert {reply.status_code for reply in replies} == {401}
    assert len({reply.text for reply in replies}) == 1
    assert len(work) == 3
    assert len(set(work)) == 1, "the same work for each"


@pytest.mark.slow
def test_a_name_that_does_not_exist_takes_as_long_as_a_wrong_password(bureau: Any, monkeypatch: Any) -> None:
    """Asked in turn, so that a busy machine holds all up alike."""
    monkeypatch.setattr(throttle, "take", lambda *arguments: None)
    assert invited(bureau).status_code == 201
    times: dict[str, list[float]] = {"Dana Scientist": [], "Nobody At All": [], "Olga Owner": []}
    for _ in range(40):
        for name, spent in times.items():
            started = time.perf_counter()
            assert sign_in(bureau, name, OTHER).status_code == 401
            spent.append(time.perf_counter() - started)
    medians = [statistics.median(spent) for spent in times.values()]
    assert max(medians) - min(medians) < 0.1 * min(medians), medians


def test_guessing_one_name_is_slowed_down_from_every_address_and_its_owner_then_too(dana: Any) -> None:
    for attempt in range(throttle.PERSON.burst):
        assert sign_in(dana, password=f"{OTHER} {attempt}", address=f"192.0.2.{attempt}").status_code == 401
    refused = sign_in(dana, address="198.51.100.1")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert 0 < refused.json()["facts"]["wait_s"] <= throttle.PERSON.step.total_seconds() + 1
    assert refused.headers["retry-after"] == str(refused.json()["facts"]["wait_s"])
    assert invited(dana, "Olga Owner", OTHER).status_code == 201
    assert sign_in(dana, "Olga Owner", OTHER).status_code == 201, "others are not held up"


def test_names_that_do_not_exist_are_slowed_down_alike(dana: Any) -> None:
    statuses = [sign_in(dana, "Nobody At All", address=f"192.0.2.{n}").status_code for n in range(4)]
    assert statuses == [401] * 3 + [429]


def test_a_right_password_forgives_the_wrong_ones_before(dana: Any) -> None:
    for _ in range(2):
        for _ in range(throttle.PERSON.burst - 1):
            assert sign_in(dana, password=OTHER).status_code == 401
        assert sign_in(dana).status_code == 201


def test_the_throttle_survives_a_restart_and_holds_over_processes(dana: Any) -> None:
    for _ in range(throttle.PERSON.burst):
        sign_in(dana, password=OTHER)
    other = open_node(dana.node.settings)
    try:
        with (
            pytest.raises(throttle.TooManyAttempts),
            other.database.writing() as session,
        ):
            throttle.take(session, "Dana Scientist", "203.0.113.9", datetime.now(UTC))
    finally:
        other.close()


def test_many_guesses_at_once_pass_no_more_than_one_after_the_other(
    build_bureau: Callable[..., Any], database_url: str
) -> None:
    bureau = build_bureau(database_url=database_url)
    outcomes: Counter[str] = Counter()
    barrier = threading.Barrier(16)

    def guess() -> None:
        barrier.wait()
        try:
            with bureau.node.database.writing() as session:
                throttle.take(session, "Dana Scientist", "192.0.2.1", datetime.now(UTC))
            outcomes["passed"] += 1
        except throttle.TooManyAttempts:
            outcomes["refused"] += 1

    threads = [threading.Thread(target=guess) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"passed": throttle.PERSON.burst, "refused": 16 - throttle.PERSON.burst}


def test_an_address_has_a_pace_over_all_names_and_an_ipv6_line_is_one_address(bureau: Any) -> None:
    now = datetime.now(UTC)

    def take(number: int) -> None:
        with bureau.node.database.writing() as session:
            throttle.take(session, f"name {number}", f"2001:db8::{number:x}", now)

    for number in range(throttle.ADDRESS.burst):
        take(number)
    with pytest.raises(throttle.TooManyAttempts):
        take(99)
    with bureau.node.database.writing() as session:
        throttle.take(session, "name 99", "2001:db8:0:1::1", now)
        throttle.take(session, "name 0", "192.0.2.7", now + timedelta(days=1))
        assert session.scalar(select(func.count()).select_from(ThrottleRow)) == 2, "what is over is forgotten"


def test_a_pace_lets_a_burst_through_and_then_one_a_step() -> None:
    pace, now, free_at = throttle.Pace(3, timedelta(seconds=10)), datetime(2026, 1, 1, tzinfo=UTC), None
    free_at, waits = now, []
    for second in (0, 0, 0, 0, 9, 10, 10, 40):
        moved, wait = pace.moved(free_at, now + timedelta(seconds=second))
        waits.append(wait.total_seconds())
        free_at = free_at if wait else moved
    assert waits == [0, 0, 0, 10, 1, 0, 10, 0]


def test_a_session_ends_at_signing_out_when_idle_and_at_its_end(dana: Any) -> None:
    def token() -> str:
        return str(sign_in(dana).json()["token"])

    def status(text: str) -> tuple[int, str]:
        reply = dana.get("/v1/me", text)
        return reply.status_code, reply.json().get("code", "")

    left, idle, old, other = token(), token(), token(), token()
    assert dana.client.delete("/v1/me/session", headers=dana.bearer(left)).json() == {"ended": 1}
    assert status(left) == (401, "not_signed_in")

    def aged(text: str, **times: Any) -> None:
        from jali_node.people.tokens import hashed

        with dana.node.database.writing() as session:
            session.execute(update(TokenRow).where(TokenRow.sha256 == hashed(text)).values(**times))

    now = datetime.now(UTC)
    aged(idle, seen_at=now - timedelta(hours=23, minutes=58))
    assert status(idle) == (200, "")
    aged(other, seen_at=now - timedelta(hours=24))
    assert status(other) == (401, "token_expired")
    assert status(idle) == (200, ""), "its use was noted, so it goes on"
    aged(old, expires_at=now)
    assert status(old) == (401, "token_expired")
    assert sign_in(dana).status_code == 201
    with dana.node.database.reading() as session:
        alive = session.scalar(select(func.count()).select_from(TokenRow).where(TokenRow.kind == "session"))
    assert alive == 2, "those that are over are forgotten"


def test_changing_a_password_ends_every_session_and_needs_the_current_one(dana: Any) -> None:
    sessions = [sign_in(dana).json()["token"] for _ in range(2)]
    form = {"current": OTHER, "new": OTHER}
    wrong = dana.client.put("/v1/me/password", json=form, headers=dana.bearer(sessions[0]))
    assert (wrong.status_code, wrong.json()["field"]) == (400, "current")
    right = dana.client.put("/v1/me/password", json={**form, "current": PASSWORD}, headers=dana.bearer(sessions[0]))
    assert right.json() == {"ended": 2}
    assert {dana.get("/v1/me", token).status_code for token in sessions} == {401}
    assert dana.get("/v1/me").status_code == 200, "tokens stay"
    assert (sign_in(dana).status_code, sign_in(dana, password=OTHER).status_code) == (401, 201)


def test_the_current_password_cannot_be_guessed_with_a_stolen_token_either(dana: Any) -> None:
    form = {"current": "it is not this one", "new": OTHER}
    statuses = [
        dana.client.put("/v1/me/password", json=form, headers=dana.bearer(dana.scientist)).status_code for _ in range(4)
    ]
    assert statuses == [400] * 3 + [429]


def test_passwords_can_be_switched_off(build_bureau: Callable[..., Any]) -> None:
    bureau = build_bureau(passwords=False)
    assert bureau.client.get("/v1/node").json()["sign_in"] == {"password": False, "providers": []}
    for reply in (sign_in(bureau), invited(bureau)):
        assert (reply.status_code, reply.json()["code"]) == (403, "access_denied")


def test_signing_in_is_in_the_chain_without_names(dana: Any) -> None:
    before = len(dana.ledger())
    token = sign_in(dana).json()["token"]
    sign_in(dana, password=OTHER)
    sign_in(dana, "Nobody At All")
    dana.client.delete("/v1/me/session", headers=dana.bearer(token))
    new = dana.ledger()[before:]
    assert [entry["kind"] for entry in new] == ["signin.succeeded", "signin.failed", "signin.failed", "signin.ended"]
    person = dana.get("/v1/me").json()["id"]
    assert [entry["body"]["person"] for entry in new] == [person, person, None, person]
    assert not any(name in str(new) for name in ("Dana", "Nobody", PASSWORD, token))
    assert dana.get("/v1/ledger/verification", dana.owner).json()["valid"]


def test_an_older_password_is_kept_anew_under_todays_parameters(dana: Any) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash(PASSWORD)
    with dana.node.database.writing() as session:
        session.execute(update(PasswordRow).values(argon2=weak))
    assert sign_in(dana).status_code == 201
    with dana.node.database.reading() as session:
        assert "m=64,t=1" in session.scalars(select(PasswordRow.argon2)).one()
    assert sign_in(dana).status_code == 201
