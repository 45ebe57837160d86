"""One attempt of a webhook, signed as Standard Webhooks says (https://www.standardwebhooks.com)."""

import socket
import ssl
from datetime import datetime
from urllib.parse import urlsplit

import httpx2
from standardwebhooks import Webhook as Signer

from jali_node.receivers import Webhook

GONE = 410


class Undelivered(Exception):
    """An attempt failed, for a reason in few words; `final` where another one would be pointless."""

    def __init__(self, trouble: str, *, final: bool = False) -> None:
        super().__init__(trouble)
        self.trouble = trouble
        self.final = final


def headers(webhook: Webhook, notice_id: str, body: str, now: datetime) -> dict[str, str]:
    """Return the headers that a receiver verifies: who, when, and HMAC-SHA-256 over both and the body."""
    return {
        "content-type": "application/json",
        "user-agent": "jali-node",
        "webhook-id": notice_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signer(webhook.secret.get_secret_value()).sign(notice_id, now, body),
    }


def reach(webhook: Webhook, timeout_s: float) -> None:
    """Connect to a webhook's host, with TLS where its address says so, and send nothing.

    Raises:
        Undelivered: nobody answers there, or nobody that is trusted.
    """
    parts = urlsplit(webhook.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout_s) as plain:
            if parts.scheme == "https":
                ssl.create_default_context(cafile=webhook.ca).wrap_socket(plain, server_hostname=parts.hostname).close()
    except OSError as error:
        raise Undelivered(type(error).__name__) from error


def send(webhook: Webhook, notice_id: str, body: str, now: datetime, timeout_s: float) -> None:
    """POST a notice. Redirects are not followed, no proxy of the environment is used, and the answer is not read.

    Raises:
        Undelivered: nobody answered, or not with a 2xx.
    """
    try:
        trusted = ssl.create_default_context(cafile=webhook.ca)
        with (
            httpx2.Client(timeout=timeout_s, follow_redirects=False, trust_env=False, verify=trusted) as client,
            client.stream("POST", webhook.url, content=body, headers=headers(webhook, notice_id, body, now)) as reply,
        ):
            status = reply.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise Undelivered(type(error).__name__) from error
    if not 200 <= status < 300:
        raise Undelivered(f"answered {status}", final=status == GONE)
