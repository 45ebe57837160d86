"""Webhooks and mail, to a real HTTP server and a real SMTP server; processes are killed between attempts."""

import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError
from sqlalchemy import select, update
from standardwebhooks import Webhook as Verifier

from jali.wire.discussion import Happened
from jali_node.actions.notices.deliver import Delivered, deliver_due
from jali_node.actions.operations.retain import retain
from jali_node.actions.wishes.expire import expire
from jali_node.actions.wishes.tell import tell
from jali_node.commands import node as node_commands
from jali_node.receivers import NoticeSettings, new_secret
from jali_node.settings import Settings
from jali_node.tables import AccessRequestRow, NoticeRow

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
PURPOSE = "a purpose that must stay inside"


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent, and answers with the statuses that it was told, then 204."""

    server: ThreadingHTTPServer = field(init=False)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    holds: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        receiver = self
        self.holds.set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append((headers, body))
                receiver.holds.wait(10)
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - http.server's name

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.holds.set()
    opened.server.shutdown()
    opened.server.server_close()


def told(receiver: Receiver, **others: Any) -> NoticeSettings:
    hook = {"name": "chat", "url": receiver.url, "secret": SECRET}
    return NoticeSettings.model_validate(
        {"webhooks": [hook], "timeout_s": 1.0, "poll_s": 3600.0, "retry_s": [0.1, 0.1], **others}
    )


def quiet(house: Any) -> None:
    """Wait until the node's own thread, which delivers at its start and then hourly, has had its first round."""
    time.sleep(0.2)


def due_now(house: Any) -> None:
    with house.node.database.writing() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(NoticeRow).where(NoticeRow.state == "waiting").values(next_at=past))


def notices(house: Any, **params: Any) -> list[dict[str, Any]]:
    return list(house.get("/v1/notices", house.owner, **params).json())


def decide(house: Any, wish: dict[str, Any], outcome: str, **other: Any) -> None:
    body = {"digest": wish["digest"], "outcome": outcome, **other}
    assert house.post(f"/v1/requests/{wish['id']}/decision", body, house.owner).status_code == 200


def test_a_webhook_is_signed_as_the_standard_says_and_says_no_more_than_allowed(
    build_house: Any, receiver: Receiver
) -> None:
    portal = {"portal": "https://portal.example/", "names": ["project"]}
    house = build_house(notices=told(receiver, **portal))
    quiet(house)
    wish = house.request(0.77, purpose=PURPOSE, columns=["age"])
    house.post(f"/v1/requests/{wish['id']}/comments", {"text": "a comment that must stay inside"})
    decide(house, wish, "denied", reason="a reason that must stay inside")
    assert deliver_due(house.node) == Delivered(sent=3)
    assert receiver.types == ["request.filed", "request.commented", "request.denied"]
    headers, body = receiver.received[0]
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}".encode()
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert Verifier(SECRET).verify(body, headers)["data"] == {
        "id": wish["id"],
        "kind": "access",
        "revision": 1,
        "node": house.node.node_id,
        "project": "study",
        "link": f"https://portal.example/request?id={wish['id']}",
    }
    everything = b"".join(body for _, body in receiver.received)
    for secret in (b"inside", b"Dana", b"Olga", b"visits", b"age", b"0.77", wish["person"].encode()):
        assert secret not in everything
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 3
    assert {notice["state"] for notice in notices(house)} == {"delivered"}
    with house.node.database.writing() as session:
        session.execute(update(NoticeRow).values(delivered_at=datetime.now(UTC) - timedelta(days=91)))
    house.request()
    assert deliver_due(house.node) == Delivered(sent=1)
    retain(house.node)
    assert [notice["event"] for notice in notices(house)] == ["request.filed"]


def test_a_failed_attempt_is_repeated_under_the_same_id_then_given_up_and_sent_again_by_hand(
    build_house: Any, receiver: Receiver
) -> None:
    house = build_house(notices=told(receiver))
    quiet(house)
    house.request()
    receiver.answers = [500, 302, 429]
    for trouble, left in (("answered 500", "again"), ("answered 302", "again"), ("answered 429", "dead")):
        done = deliver_due(house.node)
        assert getattr(done, left) == 1, done
        assert notices(house)[0]["trouble"] == trouble
        assert deliver_due(house.node) == Delivered()  # it waits, or is dead
        due_now(house)
    [dead] = notices(house, state="dead")
    assert (dead["attempts"], dead["next_at"]) == (3, None)
    assert house.post(f"/v1/notices/{dead['id']}/attempts", {}, house.owner).json()["state"] == "waiting"
    assert deliver_due(house.node) == Delivered(sent=1)
    assert {headers["webhook-id"] for headers, _ in receiver.received} == {dead["id"]}
    assert len(receiver.received) == 4  # the redirect was not followed
    assert house.post(f"/v1/notices/{dead['id']}/attempts", {}, house.owner).status_code == 409


def test_a_receiver_that_is_gone_silent_or_no_longer_set_is_given_up_or_tried_again(
    build_house: Any, receiver: Receiver
) -> None:
    house = build_house(notices=told(receiver))
    quiet(house)
    house.request()
    receiver.answers = [410]
    assert deliver_due(house.node) == Delivered(dead=1)
    house.request()
    receiver.holds.clear()
    assert deliver_due(house.node) == Delivered(again=1)
    assert notices(house)[0]["trouble"] == "ReadTimeout"
    receiver.holds.set()
    due_now(house)
    other = told(receiver, webhooks=[])
    object.__setattr__(house.node.settings, "notices", other)
    assert deliver_due(house.node) == Delivered(dead=1)
    assert "do not name this receiver" in notices(house)[0]["trouble"]


def test_two_processes_that_deliver_at_once_send_each_notice_once(
    build_house: Any, receiver: Receiver, database_url: str
) -> None:
    house = build_house(notices=told(receiver), database_url=database_url)
    quiet(house)
    for number in range(1, 7):
        house.request(number / 10)
    with ThreadPoolExecutor(3) as pool:
        done = [each.result() for each in [pool.submit(deliver_due, house.node) for _ in range(3)]]
    assert sum(each.sent for each in done) == 6
    ids = [headers["webhook-id"] for headers, _ in receiver.received]
    assert len(ids) == len(set(ids)) == 6
    with house.node.database.writing() as session:
        session.execute(update(AccessRequestRow).values(undecided_until=datetime.now(UTC)))
    with ThreadPoolExecutor(3) as pool:
        lapsed = [each.result() for each in [pool.submit(expire, house.node) for _ in range(3)]]
    assert sum(lapsed) == 6
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_an_event_that_is_rolled_back_has_no_notice(build_house: Any, receiver: Receiver) -> None:
    house = build_house(notices=told(receiver))
    house.request()

    def begun_and_undone() -> None:
        with house.node.database.writing() as session:
            wish = session.scalars(select(AccessRequestRow)).one()
            tell(session, house.node, wish, Happened.WITHDRAWN, None)
            assert len(session.scalars(select(NoticeRow)).all()) == 2
            raise RuntimeError

    with pytest.raises(RuntimeError):
        begun_and_undone()
    assert [notice["event"] for notice in notices(house)] == ["request.filed"]


def test_only_wanted_events_are_told_and_lapsing_is_one(build_house: Any, receiver: Receiver) -> None:
    hook = {"name": "chat", "url": receiver.url, "secret": SECRET, "events": ["request.expired"]}
    house = build_house(notices=told(receiver, webhooks=[hook]))
    house.request()
    assert notices(house) == []
    with house.node.database.writing() as session:
        session.execute(update(AccessRequestRow).values(undecided_until=datetime.now(UTC)))
    assert expire(house.node) == 1
    deliver_due(house.node)
    assert receiver.types == ["request.expired"]


SERVE = """
import signal, sys
from jali_node.notices import webhook
from jali_node.actions.wishes.tell import tell
from jali_node.commands import node

real = webhook.send
def sent_then_killed(*arguments):
    real(*arguments)
    signal.raise_signal(signal.SIGKILL)  # the receiver has it, and nobody noted that
if sys.argv[1] == "doomed":
    webhook.send = sent_then_killed
node(["notify", "--folder", sys.argv[2]])
"""


def write_settings(house: Any, receiver: Receiver, retry: str = "0.2") -> None:
    with (house.folder / "node.toml").open("a") as file:
        file.write(
            f"\n[notices]\ntimeout_s = 0.5\nretry_s = [{retry}, {retry}, {retry}]\npoll_s = 0.2\n[[notices.webhooks]]\n"
            f'name = "chat"\nurl = "{receiver.url}"\nsecret = "{SECRET}"\n'
        )


def run(how: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", SERVE, how, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.slow
def test_a_process_that_is_killed_after_sending_sends_again_under_the_same_id(
    build_house: Any, receiver: Receiver
) -> None:
    house = build_house(notices=told(receiver))
    quiet(house)
    write_settings(house, receiver)
    house.request()
    assert run("doomed", house.folder).returncode == -9
    assert len(receiver.received) == 1
    time.sleep(1.2)
    after = run("whole", house.folder)
    assert after.stdout.startswith("1 sent, 0 failed"), after.stderr
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1
    assert len(receiver.received) == 2
    assert run("whole", house.folder).stdout.startswith("0 sent")


@pytest.mark.slow
def test_a_serving_node_that_is_killed_between_attempts_goes_on_when_it_serves_again(
    build_house: Any, receiver: Receiver
) -> None:
    house = build_house(notices=told(receiver))
    write_settings(house, receiver)
    receiver.answers = [503, 503]
    command = [sys.executable, "-m", "jali", "node", "serve", "--folder", str(house.folder), "--port", "0"]
    for round_ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
            assert process.stdout is not None
            assert "answers on" in process.stdout.readline()
            if round_ == 0:
                house.request()
            deadline = time.monotonic() + 30
            while len(receiver.received) < (1, 3)[round_] and time.monotonic() < deadline:
                time.sleep(0.02)
            process.kill()
    assert len(receiver.received) >= 3
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1


class Postbox:
    """Keeps every mail, and who it was for; refuses whom it was told to."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Any]] = []
        self.refuses: set[str] = set()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refuses:
            return "451 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content or b"")))
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the files of a certificate for localhost and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


def free_port() -> int:
    with socket.create_server(("localhost", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def smtp_port(postbox: Postbox, certificate: tuple[Path, Path]) -> Iterator[int]:
    """Run an SMTP server that wants STARTTLS and a password; return its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*map(str, certificate))

    def known(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        return AuthResult(success=(given.login, given.password) == (b"jali", b"let me in"), handled=False)

    controller = Controller(
        postbox,
        hostname="localhost",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=known,
        auth_required=True,
    )
    controller.start()
    yield controller.port
    controller.stop()


def mailing(smtp_port: int, certificate: Path, **others: Any) -> NoticeSettings:
    mail = {
        "host": "localhost",
        "port": smtp_port,
        "ca": certificate,
        "username": "jali",
        "password": "let me in",
        "sender": "jali@clinic.example",
        "owners": ["olga@clinic.example", "otto@clinic.example"],
        "askers": {"Dana Scientist": "dana@lab.example"},
        **others,
    }
    return NoticeSettings.model_validate({"mail": mail, "timeout_s": 5, "poll_s": 3600, "retry_s": [0.1]})


def test_owners_and_askers_are_told_by_mail_over_tls(
    build_house: Any, postbox: Postbox, smtp_port: int, certificate: tuple[Path, Path]
) -> None:
    house = build_house(notices=mailing(smtp_port, certificate[0]))
    quiet(house)
    wish = house.request(0.77, purpose=PURPOSE)
    decide(house, wish, "changes_asked", reason="a reason that must stay inside")
    assert deliver_due(house.node) == Delivered(sent=2)
    (first, asked), (second, changed) = postbox.mails
    assert (first, second) == (["olga@clinic.example", "otto@clinic.example"], ["dana@lab.example"])
    assert asked["Subject"].startswith("Jali: somebody asks")
    assert asked["Message-ID"] == f"<{notices(house)[1]['id']}@clinic.example>"
    assert "Changes are asked for." in changed.get_payload()
    assert f"Request: {wish['id']}" in changed.get_payload()
    for mail in (asked, changed):
        for secret in ("inside", "Dana", "visits", "0.77"):
            assert secret not in mail.as_string().replace("dana@lab", "")


def test_mail_does_not_leave_without_the_tls_or_the_password_that_was_set(
    build_house: Any, postbox: Postbox, smtp_port: int, certificate: tuple[Path, Path]
) -> None:
    house = build_house(notices=mailing(smtp_port, certificate[0]))
    quiet(house)
    for wrong, trouble in (
        ({"ca": None}, "SSLCertVerificationError"),
        ({"password": "wrong"}, "SMTPAuthenticationError 535"),
        ({"tls": "none"}, "SMTPNotSupportedError"),
        ({"port": 1}, "ConnectionRefusedError"),
    ):
        object.__setattr__(house.node.settings, "notices", mailing(smtp_port, certificate[0], **wrong))
        house.request()
        assert deliver_due(house.node) == Delivered(again=1)
        assert notices(house)[0]["trouble"] == trouble
    assert postbox.mails == []


def test_an_address_that_is_refused_for_now_is_tried_again(
    build_house: Any, postbox: Postbox, smtp_port: int, certificate: tuple[Path, Path]
) -> None:
    house = build_house(notices=mailing(smtp_port, certificate[0]))
    quiet(house)
    postbox.refuses = {"otto@clinic.example"}
    house.request()
    assert deliver_due(house.node) == Delivered(again=1)
    assert notices(house)[0]["trouble"] == "1 of 2 addresses were refused"


def test_the_documented_settings_are_ones_that_a_node_takes(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "requests.md").read_text()
    blocks = [block.partition("```")[0] for block in page.split("```toml\n")[1:]]
    (tmp_path / "node.toml").write_text("\n".join(blocks).replace("whsec_...", SECRET))
    settings = Settings(folder=tmp_path)
    assert (settings.request_answer_days, settings.request_expire_days) == (5, 60)
    assert settings.notices.webhooks[0].events == ("request.filed", "request.resubmitted")
    assert settings.notices.mail is not None
    assert settings.notices.mail.askers == {"Dana Scientist": "dana@example.org"}


HOOK = {"name": "chat", "url": "https://hooks.example/x", "secret": SECRET}
MAIL = {"host": "mail.example", "sender": "jali@x.example"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"webhooks": [{**HOOK, "url": "http://hooks.example/x"}]}, "expected https://"),
        ({"webhooks": [{**HOOK, "url": "ftp://hooks.example/x"}]}, "expected https://"),
        ({"webhooks": [{**HOOK, "url": "https://user:geheim@hooks.example/x"}]}, "no user, password"),
        ({"webhooks": [{**HOOK, "secret": "whsec_geheim"}]}, "24 to 64 bytes"),
        ({"webhooks": [{**HOOK, "secret": "geheim"}]}, "expected whsec_"),
        ({"webhooks": [HOOK, HOOK]}, "different names"),
        ({"mail": {**MAIL, "tls": "none"}}, "starttls or implicit"),
        ({"mail": {**MAIL, "password": "geheim"}}, "both username and password"),
        ({"mail": {**MAIL, "owners": ["olga"]}}, "one mail address"),
        ({"names": ["purpose"]}, "'person', 'project' or 'dataset'"),
        ({"portal": "portal.example"}, "portal"),
    ],
)
def test_wrong_settings_are_named_without_what_may_be_secret(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        NoticeSettings.model_validate(wrong)
    assert said in str(refusal.value)
    assert "geheim" not in str(refusal.value)


def test_the_command_says_what_it_did_and_what_is_dead(build_house: Any, receiver: Receiver) -> None:
    def typed(*arguments: str) -> str:
        result = CliRunner().invoke(node_commands, ["notify", "--folder", str(house.folder), *arguments])
        return result.output

    house = build_house(notices=told(receiver))
    quiet(house)
    assert "nobody is told: set [notices]" in typed()
    write_settings(house, receiver)
    wish = house.request()
    receiver.answers = [410]
    assert typed() == "0 sent, 0 failed and will be tried again, 1 given up\n"
    line = typed("--dead")
    assert f"webhook:chat  request.filed of {wish['id']}: answered 410, 1 attempts" in line
    assert typed("--again", line.split()[0]) == "1 sent, 0 failed and will be tried again, 0 given up\n"
    assert typed("--dead") == ""
    assert NoticeSettings.model_validate({"webhooks": [{**HOOK, "secret": typed("--secret").strip()}]})
    assert new_secret() != new_secret()
