"""`jali portal`: the owners' review desk."""

import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

import click

from jali import errors
from jali.transport import checked_address

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--node", required=True, metavar="URL", help="The data node's address.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="0 for a free one.")
@click.option("--public-url", metavar="URL", help="What browsers call it, behind a proxy that speaks https.")
@click.option("--ca", type=FILE, help="The node's own authority.")
@click.option("--tls-certificate", "certificate", type=FILE, help="PEM, with its chain; https if given.")
@click.option("--tls-key", "key", type=FILE, help="The certificate's private key, PEM.")
@click.option("--stop-with-parent", is_flag=True, help="End when standard input is closed.")
def portal(
    node: str,
    host: str,
    port: int,
    public_url: str | None,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    stop_with_parent: bool,
) -> None:
    """Review requests in a browser, until stopped. Owners sign in with their API tokens."""
    from jali_portal import server

    address = checked_address(node)
    pair = _pair(certificate, key)
    if public_url is not None:
        public_url = checked_address(public_url)
    elif not server.is_loopback(host):
        raise errors.InsecureAddress(
            f"{host} can be reached from other machines: say with --public-url what https address browsers use, "
            "a proxy's or its own with --tls-certificate and --tls-key",
            field="host",
        )
    try:
        listening = socket.create_server((host, port))
    except OSError as failure:
        raise click.ClickException(f"cannot listen on {host}:{port}: {failure.strerror}") from failure
    bound, bound_port = listening.getsockname()[:2]
    if pair and public_url is None:
        public_url = f"https://{bound}:{bound_port}"
    serving = server.made(address, listening, public_url=public_url, ca=ca, certificate=pair)
    if stop_with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=(serving,), daemon=True).start()
    click.echo(f"the portal answers on {public_url or f'http://{bound}:{bound_port}'}")
    serving.run(sockets=[listening])


def _pair(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    """Return both files of a certificate, tried once, or None."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise click.UsageError("give both --tls-certificate and --tls-key, or neither")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except OSError as failure:  # ssl.SSLError is one
        raise click.ClickException(f"{certificate} and {key} are no certificate in PEM and its unencrypted key") from (
            failure
        )
    return certificate, key


def _stop_at_end_of_input(serving: Any) -> None:
    sys.stdin.read()
    serving.should_exit = True


COMMANDS = (portal,)
