"""`jali portal`: the owners' review desk."""

import socket
import sys
import threading
from pathlib import Path
from typing import Any

import click

from jali import errors
from jali.transport import checked_address


@click.command()
@click.option("--node", required=True, metavar="URL", help="The data node's address.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="0 for a free one.")
@click.option("--public-url", metavar="URL", help="What browsers call it, behind a proxy that speaks https.")
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The node's own authority.")
@click.option("--stop-with-parent", is_flag=True, help="End when standard input is closed.")
def portal(node: str, host: str, port: int, public_url: str | None, ca: Path | None, stop_with_parent: bool) -> None:
    """Review requests in a browser, until stopped. Owners sign in with their API tokens."""
    from jali_portal import server

    address = checked_address(node)
    if public_url is not None:
        public_url = checked_address(public_url)
    elif not server.is_loopback(host):
        raise errors.InsecureAddress(
            f"{host} can be reached from other machines: put an https proxy before it, and name that with --public-url",
            field="host",
        )
    try:
        listening = socket.create_server((host, port))
    except OSError as failure:
        raise click.ClickException(f"cannot listen on {host}:{port}: {failure.strerror}") from failure
    serving = server.made(address, listening, public_url=public_url, ca=ca)
    if stop_with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=(serving,), daemon=True).start()
    bound, bound_port = listening.getsockname()[:2]
    click.echo(f"the portal answers on {public_url or f'http://{bound}:{bound_port}'}")
    serving.run(sockets=[listening])


def _stop_at_end_of_input(serving: Any) -> None:
    sys.stdin.read()
    serving.should_exit = True


COMMANDS = (portal,)
