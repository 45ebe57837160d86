"""What every reply carries, and https: a real certificate, a real handshake, and no token in the clear."""

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme
from click.testing import CliRunner

from jali import errors
from jali.transport import Transport
from jali.wire.person import Me
from jali_node.commands import node as command

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}


def test_every_reply_forbids_guessing_framing_and_keeping_whoever_makes_it(bureau: Any) -> None:
    far_too_long = bureau.client.post("/v1/queries", content=b"x" * 2_000_000)
    replies = {
        200: bureau.get("/v1/me"),
        401: bureau.get("/v1/me", "jali_unknown"),
        404: bureau.get("/v1/rows"),
        405: bureau.send("DELETE", "/v1/me"),
        413: far_too_long,
        400: bureau.post("/v1/me/tokens", {"days": -1}),
    }
    for status, reply in replies.items():
        assert reply.status_code == status
        assert EVERYWHERE.items() <= dict(reply.headers).items(), status
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert "server" not in reply.headers
        assert "strict-transport-security" not in reply.headers, "plain http cannot promise https"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> list[str]:
    """Return options that name a certificate for this machine and its key."""
    made = authority.issue_cert("127.0.0.1", "localhost")
    made.cert_chain_pems[0].write_to_path(str(tmp_path / "node.pem"))
    made.private_key_pem.write_to_path(str(tmp_path / "node-key.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return [str(tmp_path / "node.pem"), str(tmp_path / "node-key.pem")]


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """Run a command of Jali's until the block ends, and give the address that it answers on."""
    typed = [sys.executable, "-m", "jali", *arguments, "--port", "0", "--stop-with-parent"]
    with subprocess.Popen(typed, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        line = process.stdout.readline()
        yield line[line.index("http") :].strip()
        process.stdin.close()
        process.wait(30)


def test_a_node_with_a_certificate_speaks_https_to_whoever_trusts_its_authority(
    bureau: Any, certificate: list[str], tmp_path: Path
) -> None:
    with (bureau.folder / "node.toml").open("a") as settings:
        settings.write(f'\ntls_certificate = "{certificate[0]}"\ntls_key = "{certificate[1]}"\n')
    ca = tmp_path / "ca.pem"
    with serving("node", "serve", "--folder", str(bureau.folder)) as url:
        assert url.startswith("https://")
        trusting = Transport(url, bureau.scientist, ca=ca)
        assert trusting.get("/v1/me", Me).name == "Dana Scientist"
        trusting.close()
        stranger = Transport(url, bureau.scientist)
        with pytest.raises(errors.NodeUnreachable, match="ca="):
            stranger.get("/v1/me", Me)
        stranger.close()
        with pytest.raises(httpx2.HTTPError):
            httpx2.get(url.replace("https", "http") + "/v1/node")
        bare = httpx2.get(f"{url}/v1/node", verify=ssl.create_default_context(cafile=ca))
        assert bare.headers["strict-transport-security"].startswith("max-age=")
        assert "server" not in bare.headers


def test_a_portal_with_a_certificate_speaks_https_and_its_cookies_are_for_https(
    certificate: list[str], tmp_path: Path
) -> None:
    pair = ("--tls-certificate", certificate[0], "--tls-key", certificate[1])
    with serving("portal", "--node", "http://127.0.0.1:1", *pair) as url:
        assert url.startswith("https://")
        page = httpx2.get(f"{url}/session/login", verify=ssl.create_default_context(cafile=tmp_path / "ca.pem"))
        assert page.status_code == 200
        assert page.headers["strict-transport-security"].startswith("max-age=")
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "server" not in page.headers


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('tls_certificate = "{0}"', "tls_key: expected both"),
        ('tls_certificate = "{0}"\ntls_key = "{0}.gone"', "tls_key: there is no file"),
        ('tls_certificate = "{0}"\ntls_key = "{0}"', "tls_certificate: "),
    ],
)
def test_a_certificate_that_cannot_serve_is_refused_by_field(
    bureau: Any, certificate: list[str], lines: str, said: str
) -> None:
    with (bureau.folder / "node.toml").open("a") as settings:
        settings.write("\n" + lines.format(certificate[0]) + "\n")
    shown = CliRunner().invoke(command, ["serve", "--folder", str(bureau.folder), "--port", "0"])
    assert shown.exit_code == 1
    assert said in shown.output
