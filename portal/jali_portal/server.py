"""The portal as one ASGI application: Streamlit's pages behind the gate, and the sign-in beside them."""

import ipaddress
import socket
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from streamlit import config

from jali_portal import reception, signin
from jali_portal.components import trouble
from jali_portal.gate import Gate
from jali_portal.reception import Reception

MAIN = Path(__file__).parent / "app" / "main.py"
GRACE_S = 2
"""How long open pages may take to let go when the portal stops."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def application(desk: Reception, hosts: frozenset[str]) -> st.App:
    """Return the ASGI application. One a process: Streamlit keeps its configuration in the process."""
    reception.open_for_this_process(desk)
    gate = Middleware(Gate, reception=desk, hosts=hosts)
    return st.App(MAIN, routes=signin.routes(desk), middleware=[gate], on_script_error=trouble.unforeseen)


def made(
    node: str,
    listening: socket.socket,
    *,
    public_url: str | None,
    ca: Path | None,
    certificate: tuple[Path, Path] | None = None,
) -> uvicorn.Server:
    """Return a server for the owners of a node.

    Args:
        node: the node's address.
        listening: the socket that it will serve.
        public_url: what browsers call the portal, where that is not the socket's own address.
        ca: the authority that signed the node's certificate, if it is a private one.
        certificate: the portal's own and its key, where it speaks https itself.
    """
    host, port = listening.getsockname()[:2]
    public = urlsplit(public_url or f"http://{host}:{port}")
    desk = reception.for_node(node, cookie=f"jali_portal_{public.port or 443}", secure=public.scheme == "https", ca=ca)
    hosts = frozenset({public.hostname or host}) | (LOOPBACK_NAMES if public_url is None else frozenset())
    app = application(desk, hosts)
    for option, value in {"server.port": port, "server.address": host, "server.allowedHosts": sorted(hosts)}.items():
        config.set_option(option, value)
    if public_url is not None:
        config.set_option("server.corsAllowedOrigins", [public_url])
    file, key = certificate or (None, None)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_S,
            server_header=False,
            ssl_certfile=file,
            ssl_keyfile=key,
        )
    )


def is_loopback(host: str) -> bool:
    """Say whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
