"""One node's HTTP interface: a question goes out, a typed reply or the node's refusal comes back.

A token is sent as a header to the node's own address and to no other: redirects are not followed, addresses
that would send it in the clear are refused, and no message or repr shows it.
"""

import ipaddress
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

from jali import errors
from jali.wire.problem import MEDIA_TYPE, Problem

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 120.0
"""A node may build its bounded view of a table on the first question."""
RETRY_PAUSES_S = (0.2, 0.8)
"""A GET whose connection failed is sent again after each of these pauses. Nothing else is."""
LEAST_WAIT_S = 0.1
"""Where the node says that too many requests came, it is asked again after this at least."""
_LOST_CONNECTION = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ReadError, httpx2.RemoteProtocolError)

T = TypeVar("T")
Params = str | int | list[str]
"""What may stand in an address behind the question mark; a list stands there several times."""


class Transport:
    """Speaks to one node.

    Args:
        url: the node's address, `https://...`; plain http only to this machine.
        token: the bearer token, or None for what needs none.
        ca: a file with the certificate authority that signed the node's certificate, if it is a private one.
        client: an httpx2 client to use instead, for tests; its own base_url and certificates then count.
        forwarded_for: whose requests these are, for a portal that the node believes; it slows down guessing by address.

    Raises:
        InsecureAddress: the address would send a token in the clear, or carries a password itself.
        NotSignedIn: the token cannot be one.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        ca: str | Path | None = None,
        client: httpx2.Client | None = None,
        forwarded_for: str | None = None,
    ) -> None:
        self.forwarded_for = forwarded_for
        self.url = url.rstrip("/") if client is not None else checked_address(url)
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise errors.NotSignedIn("the token has characters that no token has; was all of it copied?", field="token")
        self._token = token
        self._client = client if client is not None else _client(self.url, ca)

    def get(
        self,
        path: str,
        reply: type[T],
        *,
        params: Mapping[str, Params] | None = None,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> T:
        """Fetch something; a failed connection is tried again.

        Raises:
            JaliError: the exception that the node names, NodeUnreachable or UnexpectedReply.
        """
        for pause_s in RETRY_PAUSES_S:
            try:
                return self._sent("GET", path, reply, params=params, timeout_s=timeout_s)
            except errors.NodeUnreachable as failure:
                if not isinstance(failure.__cause__, _LOST_CONNECTION):
                    raise
                time.sleep(pause_s)
        return self._sent("GET", path, reply, params=params, timeout_s=timeout_s)

    def events(self, path: str, data: type[T]) -> Iterator[T]:
        """Yield the data of a stream of server-sent events, as they come, until the node ends it.

        Raises:
            JaliError: the exception that the node names, NodeUnreachable or UnexpectedReply.
        """
        headers = {**self._headers(), "Accept": "text/event-stream"}
        try:
            with self._client.stream("GET", path, headers=headers, timeout=_timeout(READ_TIMEOUT_S)) as response:
                if not response.is_success:
                    response.read()
                    _refuse_problem(response, self.url)
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        yield TypeAdapter(data).validate_json(line.removeprefix("data: "))
        except ValidationError as failure:
            raise errors.UnexpectedReply(f"{self.url} sent an event in a form that this SDK does not know") from failure
        except httpx2.HTTPError as failure:
            raise errors.NodeUnreachable(f"{self.url} stopped sending ({type(failure).__name__})") from failure

    def content(self, path: str, params: Mapping[str, Params]) -> bytes:
        """Fetch a file, once.

        Raises:
            JaliError: the exception that the node names, NodeUnreachable or UnexpectedReply.
        """
        response = self._response("GET", path, params=params, timeout_s=READ_TIMEOUT_S)
        _refuse_problem(response, self.url)
        return response.content

    def clock(self) -> str | None:
        """Return what time the node says it is, as HTTP writes it; None where it does not say.

        Raises:
            NodeUnreachable: nobody answered.
        """
        date: str | None = self._response("GET", "/health", timeout_s=CONNECT_TIMEOUT_S).headers.get("date")
        return date

    def post(self, path: str, body: BaseModel, reply: type[T]) -> T:
        """Send something, once.

        Raises:
            JaliError: the exception that the node names, NodeUnreachable or UnexpectedReply.
        """
        return self._sent("POST", path, reply, content=body.model_dump_json(), timeout_s=READ_TIMEOUT_S)

    def put(self, path: str, body: BaseModel, reply: type[T]) -> T:
        """Replace something, once.

        Raises:
            JaliError: the exception that the node names, NodeUnreachable or UnexpectedReply.
        """
        return self._sent("PUT", path, reply, content=body.model_dump_json(), timeout_s=READ_TIMEOUT_S)

    def delete(self, path: str, reply: type[T]) -> T:
        """Take something away, once, and return what is there without it.

        Raises:
            JaliError: the exception that the node names, NodeUnreachable or UnexpectedReply.
        """
        return self._sent("DELETE", path, reply, timeout_s=READ_TIMEOUT_S)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _sent(self, method: str, path: str, reply: type[T], *, timeout_s: float, **request: Any) -> T:
        until = time.monotonic() + timeout_s
        while True:
            try:
                return _read(self._response(method, path, timeout_s=timeout_s, **request), reply, self.url)
            except errors.TooManyRequests as refusal:  # nothing was done, so anything may be sent again
                wait_s = max(float(refusal.facts.get("wait_s", 1)), LEAST_WAIT_S)
                if time.monotonic() + wait_s > until:
                    raise
                time.sleep(wait_s)

    def _response(self, method: str, path: str, *, timeout_s: float, **request: Any) -> httpx2.Response:
        try:
            return self._client.request(
                method, path, headers=self._headers(), timeout=_timeout(timeout_s), follow_redirects=False, **request
            )
        except httpx2.HTTPError as failure:
            if "CERTIFICATE_VERIFY_FAILED" in str(failure):
                raise errors.NodeUnreachable(
                    f"nothing was sent to {self.url}: no authority that this machine trusts has signed its certificate "
                    "for this address; if the node has a private one, name its file with ca="
                ) from failure
            raise errors.NodeUnreachable(
                f"no answer from {self.url} ({type(failure).__name__}); if a question was on its way, ask it "
                "again: what has been charged is not charged twice"
            ) from failure

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if self.forwarded_for:
            headers["X-Forwarded-For"] = self.forwarded_for
        return headers

    def __repr__(self) -> str:
        return f"Transport({self.url!r})"


def checked_address(url: str) -> str:
    """Return the address without its closing slash.

    >>> checked_address("https://node.example/")
    'https://node.example'

    Raises:
        InsecureAddress: it is not https (plain http is for this machine only), or it holds a user or query.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.InsecureAddress("expected an address such as https://node.example", field="url")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise errors.InsecureAddress("expected an address without user, password, query or fragment", field="url")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise errors.InsecureAddress(
            f"http:// would send your token to {parts.hostname} in the clear; use https://", field="url"
        )
    return url.rstrip("/")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _client(url: str, ca: str | Path | None) -> httpx2.Client:
    """Return a client that trusts the usual authorities, or the one private one."""
    try:
        verify = ssl.create_default_context(cafile=ca) if ca is not None else True
    except OSError as failure:  # ssl.SSLError is one
        raise errors.InsecureAddress(f"no certificate can be read from {ca}", field="ca") from failure
    return httpx2.Client(base_url=url, verify=verify)


def _timeout(read_s: float) -> httpx2.Timeout:
    return httpx2.Timeout(read_s, connect=min(CONNECT_TIMEOUT_S, read_s), pool=min(CONNECT_TIMEOUT_S, read_s))


def _read(response: httpx2.Response, reply: type[T], url: str) -> T:
    """Return the typed reply, or raise what the node said."""
    _refuse_problem(response, url)
    return _parsed(response, reply, url)


def _refuse_problem(response: httpx2.Response, url: str) -> None:
    """Raise what the node said, unless it is an answer."""
    media_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type == MEDIA_TYPE or response.status_code == httpx2.codes.ACCEPTED:
        raise errors.from_problem(_parsed(response, Problem, url))
    if response.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
        raise errors.NodeUnavailable(
            f"{url} answered {response.status_code}; try again later", status=response.status_code
        )
    if not response.is_success:
        raise errors.UnexpectedReply(
            f"{url} answered {response.status_code} without saying why; is a Jali node there?",
            status=response.status_code,
        )


def _parsed(response: httpx2.Response, reply: type[T], url: str) -> T:
    try:
        return TypeAdapter(reply).validate_json(response.content)
    except ValidationError as failure:
        first = failure.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise errors.UnexpectedReply(
            f"{url} answered in a form that this SDK does not know ({place}: {first['msg']})",
            status=response.status_code,
        ) from failure
