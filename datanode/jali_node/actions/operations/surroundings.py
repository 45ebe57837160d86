"""What a node stands on: folder, keys, disks, certificate, workers' walls, and whom it calls. For `jali node doctor`.

Each check looks, changes nothing, and says what to do.
"""

import importlib.util
import shutil
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from jali.wire.checkup import Finding, fail, ok, warn
from jali_node import keys
from jali_node.errors import Refused
from jali_node.notices import mail, webhook
from jali_node.notices.webhook import Undelivered
from jali_node.receivers import is_this_machine
from jali_node.sandbox import cell, walls
from jali_node.settings import Settings

SOON = timedelta(days=30)
LEAST_BYTES, FEW_BYTES = 100 * 2**20, 2**30
WAIT_S = 5.0


def folder(settings: Settings) -> Iterator[Finding]:
    """Say who else on the machine can reach what lies in the folder."""
    mode = stat.S_IMODE(settings.folder.stat().st_mode)
    if mode & 0o077:
        found = f"{settings.folder} has mode {mode:o}: others on this machine can reach the node's records"
        yield fail("folder", found, f"chmod 700 {settings.folder}")
    else:
        yield ok("folder", f"{settings.folder}, for its owner alone")


def key(settings: Settings) -> Iterator[Finding]:
    """Say whose key it is, and who can read it."""
    path = settings.key_path
    try:
        node_id = keys.node_id(keys.load(path))
    except Refused as refused:
        yield fail("key", refused.detail, "without it the node cannot sign, and is not itself")
        return
    yield _kept_secret("key", path) or ok("key", f"{node_id}, readable by its owner alone")


def _kept_secret(check: str, path: Path) -> Finding | None:
    mode = stat.S_IMODE(path.stat().st_mode)
    return fail(check, f"{path} has mode {mode:o}: others can read it", f"chmod 600 {path}") if mode & 0o077 else None


def disks(settings: Settings) -> Iterator[Finding]:
    """Say how much room there is where the node writes."""
    places = {settings.folder, settings.checkpoint_path.parent}
    for place in sorted(places):
        if not place.is_dir():
            yield fail("disk", f"there is no folder {place}", "make it, or name another one in checkpoint_file")
            continue
        free = shutil.disk_usage(place).free
        said = f"{free / 2**30:.1f} GiB free for {place}"
        if free < LEAST_BYTES:
            yield fail("disk", said, "make room: a full disk is a node that answers 503")
        elif free < FEW_BYTES:
            yield warn("disk", said, "make room before it is full")
        else:
            yield ok("disk", said)


def certificate(settings: Settings) -> Iterator[Finding]:
    """Say how the node is reached, and until when its certificate is good."""
    try:
        pair = settings.certificate()
    except Refused as refused:
        yield fail("TLS", refused.detail, f"correct {refused.field}")
        return
    if pair is None:
        if is_this_machine(settings.host):
            yield ok("TLS", f"http on {settings.host}, for this machine alone")
        else:
            found = f"http on {settings.host}: others can read tokens and answers on the way"
            yield warn("TLS", found, "set tls_certificate and tls_key, or let a proxy on this machine speak https")
        return
    ends = x509.load_pem_x509_certificates(pair[0].read_bytes())[0].not_valid_after_utc
    yield _ending(ends)
    if finding := _kept_secret("TLS key", pair[1]):
        yield finding


def _ending(ends: datetime) -> Finding:
    left, day = ends - datetime.now(UTC), f"{ends:%Y-%m-%d %H:%M} UTC"
    if left <= timedelta():
        return fail("TLS", f"the certificate ended on {day}", "replace the files, and restart the node")
    if left < SOON:
        return warn("TLS", f"the certificate is good until {day}", "replace the files in time, and restart the node")
    return ok("TLS", f"the certificate is good until {day}")


def workers(settings: Settings) -> Iterator[Finding]:
    """Say which walls a training worker reaches on this machine."""
    if not importlib.util.find_spec("torch"):
        yield ok("workers", "none can run here: jali[train] is not installed, so this node answers questions alone")
        return
    try:
        tier = cell.tier()
    except (cell.SandboxFailed, OSError) as error:
        yield fail("workers", f"none can be started ({error})", "see that python can start processes here")
        return
    if tier < settings.sandbox_tier_min:
        found = f"sandbox tier {tier}, and sandbox_tier_min is {settings.sandbox_tier_min}: no training runs here"
        yield fail(
            "workers", found, "a kernel with seccomp (3), Landlock (4) and name spaces (5), or a lower sandbox_tier_min"
        )
    elif tier < walls.NO_NETWORK:
        advice = "a kernel with seccomp (Linux on x86_64 or aarch64) keeps workers from the network"
        yield warn("workers", f"sandbox tier {tier} of {walls.NO_NAMES}", advice)
    elif tier < walls.NO_FILES:
        yield ok("workers", f"sandbox tier {tier} of {walls.NO_NAMES}: no network; Landlock would keep files away too")
    else:
        names = "" if tier == walls.NO_NAMES else "; name spaces would hide their names too"
        yield ok("workers", f"sandbox tier {tier} of {walls.NO_NAMES}: no network, no files{names}")


def sources(settings: Settings) -> Iterator[Finding]:
    """Say whether the owner's databases answer. Nothing is read from them."""
    for name, url in sorted(settings.sources.items()):
        try:
            engine = create_engine(make_url(url.get_secret_value()), hide_parameters=True)
            try:
                engine.connect().close()
            finally:
                engine.dispose()
        except (SQLAlchemyError, ArgumentError, ImportError) as error:
            yield fail("source", f"{name} does not answer ({type(error).__name__})", "is its URL right, is it running?")
        else:
            yield ok("source", f"{name} answers")


def receivers(settings: Settings) -> Iterator[Finding]:
    """Say whether webhooks and the mail server can be reached. Nothing is sent."""
    for hook in settings.notices.webhooks:
        try:
            webhook.reach(hook, WAIT_S)
        except Undelivered as error:
            yield fail("webhook", f"{hook.name} cannot be reached ({error.trouble})", "is its url right, its CA known?")
        else:
            yield ok("webhook", f"{hook.name} answers; nothing was sent")
    if (server := settings.notices.mail) is not None:
        where = f"{server.host}:{server.port}"
        try:
            mail.reach(server, WAIT_S)
        except Undelivered as error:
            yield fail("mail", f"{where} does not take mail ({error.trouble})", "look at host, port, tls and username")
        else:
            yield ok("mail", f"{where} takes mail; nothing was sent")
    if not settings.notices.tells_anybody:
        yield ok("notices", "nobody is told of requests: [notices] is not set")


def providers(settings: Settings) -> Iterator[Finding]:
    """Say whether the providers' secrets can be read and their hosts be found."""
    for name, provider in sorted(settings.oidc.items()):
        host = provider.issuer.split("/")[2].partition(":")[0]
        try:
            if provider.secret == "":
                raise ValueError("its client_secret is empty")
            socket.getaddrinfo(host, None)
        except (OSError, ValueError) as error:
            advice = "look at client_secret_file and issuer"
            yield fail("sign-in", f"{name}: {getattr(error, 'strerror', None) or error}", advice)
        else:
            yield ok("sign-in", f"{name}: its secret can be read, {host} is found")
