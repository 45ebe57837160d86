"""`jali doctor`: whether this machine can speak to the nodes that it knows, and what to do where it cannot."""

import importlib.util
import os
import socket
import ssl
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from jali import errors, profile
from jali.profile import Profile
from jali.transport import CONNECT_TIMEOUT_S, Transport
from jali.wire import WIRE_VERSION
from jali.wire.checkup import Finding, fail, ok, warn
from jali.wire.node import NodeInfo
from jali.wire.person import Me

PYTHON_LEAST = (3, 11)
EXTRAS = {
    "train": "torch", "onnx": "onnx", "plot": "matplotlib", "altair": "altair", "node": "fastapi",
    "portal": "streamlit",
}  # fmt: skip
"""Each extra, and a library that only it brings."""
CLOCKS_DIFFER = timedelta(seconds=60)
SOON = timedelta(days=14)


def examined() -> Iterator[Finding]:
    """Look at this machine, then at each node that is known; one finding after the other, as they come."""
    yield _python()
    yield _versions()
    yield _extras()
    try:
        known = _known()
    except errors.ProfileMissing as failure:
        yield fail("profiles", failure.detail, "move the file away first if it does not help")
        return
    yield from _files()
    if not known:
        yield warn("nodes", "no node is known", "jali login https://NODE")
    for name, kept in known.items():
        yield from _node(name, kept)


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON_LEAST:
        return fail("python", found, f"Jali needs {'.'.join(map(str, PYTHON_LEAST))} or newer")
    return ok("python", f"{found}, {sys.executable}")


def _versions() -> Finding:
    libraries = ", ".join(f"{name} {_version(name)}" for name in ("pydantic", "httpx2", "numpy", "pandas"))
    return ok("jali", f"{_version('jali')}, wire version {WIRE_VERSION}; {libraries}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _extras() -> Finding:
    there = [extra for extra, library in EXTRAS.items() if importlib.util.find_spec(library)]
    missing = [extra for extra in EXTRAS if extra not in there]
    found = ", ".join(there) or "none"
    return ok("extras", f"{found}; not installed: {', '.join(missing)}" if missing else found)


def _known() -> dict[str, Profile]:
    """Return every node that is known, by the name of its profile, or of the variable that names it."""
    found = profile.stored()
    address, token = os.environ.get("JALI_URL"), os.environ.get("JALI_TOKEN")
    if address:
        same = next((kept for kept in found.values() if kept.url == address.rstrip("/")), Profile(address))
        found = {**found, "JALI_URL": Profile(same.url, token or same.token, same.ca)}
    return found


def _files() -> Iterator[Finding]:
    path = profile.path()
    if not path.exists():
        yield ok("profiles", f"{path} is not there yet; `jali login` makes it")
        return
    open_to = [place for place in (path, path.parent) if stat.S_IMODE(place.stat().st_mode) & _others(place == path)]
    if open_to:
        commands = " && ".join(f"chmod {'600' if place == path else '700'} {place}" for place in open_to)
        yield fail("profiles", f"others on this machine can reach the tokens in {path}", commands)
    else:
        yield ok("profiles", f"{path}, readable by you alone")


def _others(file: bool) -> int:
    return 0o077 if file else 0o022  # others may look into the folder, not change what lies there


def _node(name: str, kept: Profile) -> Iterator[Finding]:
    try:
        way = Transport(kept.url, kept.token, ca=kept.ca)
    except errors.JaliError as failure:
        yield fail(name, f"{kept.url}: {failure.detail}", "jali login again")
        return
    try:
        yield from _reached(name, kept, way)
    finally:
        way.close()


def _reached(name: str, kept: Profile, way: Transport) -> Iterator[Finding]:
    try:
        info, said = way.get("/v1/node", NodeInfo), way.clock()
    except errors.JaliError as failure:
        found, _, advice = failure.detail.partition("; ")
        if isinstance(failure, errors.NodeUnreachable) and "certificate" not in found:
            advice = "is the address right, the node running, and no firewall in between?"
        yield fail(name, found, advice or "is this a Jali node's address?")
        return
    yield ok(name, f"{kept.url} is {info.name}, {info.node_id}")
    yield _compatible(name, info)
    if kept.url.startswith("https://"):
        yield _certificate(name, kept)
    yield _clock(name, said)
    yield _token(name, kept, way)


def _compatible(name: str, info: NodeInfo) -> Finding:
    found = f"it speaks wire version {info.wire}, this SDK {WIRE_VERSION}"
    if abs(info.wire - WIRE_VERSION) > 1:
        older = "this SDK: pip install --upgrade jali" if info.wire > WIRE_VERSION else "the node: ask its owner"
        return fail(f"{name} version", found, f"upgrade {older}")
    return ok(f"{name} version", found)


def _certificate(name: str, kept: Profile) -> Finding:
    parts = urlsplit(kept.url)
    context = ssl.create_default_context(cafile=kept.ca)
    try:
        with (
            socket.create_connection((parts.hostname or "", parts.port or 443), CONNECT_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            found, protocol = secured.getpeercert() or {}, secured.version()
    except OSError as failure:
        return fail(f"{name} TLS", f"no certificate was seen ({type(failure).__name__})", "ask the node's owner")
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)
    said = f"{protocol}, its certificate is good until {ends:%Y-%m-%d}"
    if ends - datetime.now(UTC) < SOON:
        return warn(f"{name} TLS", said, "tell the node's owner to renew it")
    return ok(f"{name} TLS", said)


def _clock(name: str, said: str | None) -> Finding:
    if not said:
        return warn(f"{name} clock", "the node does not tell its time", "a proxy may have removed the header Date")
    ahead = parsedate_to_datetime(said) - datetime.now(UTC)
    seconds = abs(ahead.total_seconds())
    if abs(ahead) > CLOCKS_DIFFER:
        way = "ahead of" if ahead > timedelta() else "behind"
        found = f"the node's clock is {seconds:.0f} s {way} this machine's"
        return warn(f"{name} clock", found, "set this machine's clock, or tell the node's owner")
    return ok(f"{name} clock", f"{seconds:.0f} s from this machine's")


def _token(name: str, kept: Profile, way: Transport) -> Finding:
    again = f"jali login {kept.url} --profile {name}" if name != "JALI_URL" else "set JALI_TOKEN anew"
    if kept.token is None:
        return fail(f"{name} token", "none is stored", again)
    try:
        me = way.get("/v1/me", Me)
    except errors.JaliError as failure:
        return fail(f"{name} token", failure.detail, again)
    said = f"{me.name}, {me.role.value}"
    if me.until is None:
        return ok(f"{name} token", said)
    said += f", until {me.until:%Y-%m-%d %H:%M} UTC"
    if me.until - datetime.now(UTC) < SOON:
        return warn(f"{name} token", said, "renew it in time: " + again)
    return ok(f"{name} token", said)
