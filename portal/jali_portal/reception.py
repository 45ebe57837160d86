"""Who may come in: the sessions of this process, and the node that they are for.

A browser holds a random id. The API token behind it stays here, in memory, and is sent to the node alone. A session
ends after `LIFETIME_S`, after `IDLE_S` without a sign of life, at sign-out, and with the process.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from jali import errors
from jali.account import Account
from jali.transport import Transport
from jali.wire import WIRE_VERSION
from jali.wire.node import NodeInfo
from jali.wire.person import Me, Role
from jali.wire.signin import Detour, DetourForm, DetourReturn, SessionToken, SignIn
from jali_portal.desk import Desk
from jali_portal.viewmodels.accounts import AccountBook

LIFETIME_S = 8 * 3600.0
IDLE_S = 3600.0
SESSIONS_MAX = 1000
DETOUR_S = 600.0
WAYS_TIMEOUT_S = 5.0

MakeTransport = Callable[[str | None], Transport]


@dataclass
class _Session:
    desk: Desk
    began: float
    seen: float


@dataclass(frozen=True)
class _Out:
    detour: Detour
    invitation: str | None
    until: float


@dataclass
class Reception:
    """Admits owners, reviewers and auditors, and knows them again.

    Args:
        transport: makes a way to the node for a token.
        cookie: the cookie's name; browsers share cookies between the ports of a host, so each portal has its own.
        secure: whether browsers come by https.
        clock: seconds that only grow.
    """

    transport: MakeTransport = field(repr=False)
    cookie: str = "jali_portal"
    secure: bool = False
    clock: Callable[[], float] = time.monotonic
    accounts: AccountBook = field(default_factory=AccountBook)
    _sessions: dict[str, _Session] = field(default_factory=dict, repr=False)
    _detours: dict[str, _Out] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ways(self) -> SignIn:
        """Return the ways in that the node offers besides tokens; none while it does not answer."""
        try:
            with closing(self.transport(None)) as transport:
                return transport.get("/v1/node", NodeInfo, timeout_s=WAYS_TIMEOUT_S).sign_in
        except errors.JaliError:
            return SignIn()

    def begun(self, path: str, form: BaseModel, address: str) -> SessionToken:
        """Begin a session at the node for a browser at an address.

        Raises:
            JaliError: the node refuses, or does not answer.
        """
        with closing(self.transport(None)) as transport:
            transport.forwarded_for = address
            return transport.post(path, form, SessionToken)

    def set_out(self, form: DetourForm, invitation: str | None, address: str) -> tuple[str, str]:
        """Return where a browser signs in, and the id by which it is known when it is back.

        Raises:
            JaliError: the node refuses, or does not answer.
        """
        with closing(self.transport(None)) as transport:
            transport.forwarded_for = address
            detour = transport.post("/v1/sign-in/detour", form, Detour)
        detour_id, now = secrets.token_urlsafe(32), self.clock()
        with self._lock:
            for key in [key for key, out in self._detours.items() if out.until <= now]:
                del self._detours[key]
            while len(self._detours) >= SESSIONS_MAX:
                del self._detours[next(iter(self._detours))]
            self._detours[_key(detour_id)] = _Out(detour, invitation, now + DETOUR_S)
        return detour.url, detour_id

    def back(self, detour_id: str | None, state: str, code: str, iss: str | None, address: str) -> SessionToken:
        """Begin a session for what a browser brought back, if it is the one that was sent out. Good for one try.

        Raises:
            NotSignedIn: it is not, or it took too long.
            JaliError: the node refuses, or does not answer.
        """
        with self._lock:
            out = self._detours.pop(_key(detour_id), None) if detour_id else None
        if out is None or out.until <= self.clock() or not _same(out.detour.state, state):
            raise errors.NotSignedIn("this is not the sign-in that was begun here; begin again")
        form = DetourReturn(ticket=out.detour.ticket, state=state, code=code, iss=iss, invitation=out.invitation)
        return self.begun("/v1/sign-in/return", form, address)

    def admit(self, token: str, begun_here: bool = False) -> str:
        """Begin a session for a token and return its id, which only their browser may hold.

        Args:
            token: an API token, or that of a session at the node.
            begun_here: whether it is a session's that was begun for this browser, and ends with its stay here.

        Raises:
            JaliError: the node does not know the token, does not answer, or it is a data scientist's.
        """
        if not token:
            raise errors.NotSignedIn("a token is needed", field="token")
        transport = self.transport(token)
        try:
            info, me = self._introduced(transport)
        except errors.JaliError:
            if begun_here:
                with suppress(errors.JaliError):
                    Account(transport).sign_out()
            transport.close()
            raise
        desk = Desk(transport, me, info, self.accounts, begun_here)
        session_id, now = secrets.token_urlsafe(32), self.clock()
        with self._lock:
            self._end_those_that_are_over(now)
            if len(self._sessions) >= SESSIONS_MAX:
                self._end(min(self._sessions, key=lambda key: self._sessions[key].seen))
            self._sessions[_key(session_id)] = _Session(desk, now, now)
        return session_id

    def desk(self, session_id: str | None) -> Desk | None:
        """Return the desk of a session that still runs, and take this as a sign of life."""
        if not session_id:
            return None
        with self._lock:
            now = self.clock()
            self._end_those_that_are_over(now)
            session = self._sessions.get(_key(session_id))
            if session is None:
                return None
            session.seen = now
            return session.desk

    def dismiss(self, session_id: str | None) -> None:
        """End a session, if it runs."""
        if session_id:
            with self._lock:
                session = self._sessions.pop(_key(session_id), None)
            if session is not None:
                session.desk.close()

    def _introduced(self, transport: Transport) -> tuple[NodeInfo, Me]:
        info = transport.get("/v1/node", NodeInfo)
        if abs(info.wire - WIRE_VERSION) > 1:
            raise errors.IncompatibleNode(f"{info.name} speaks wire version {info.wire}, this portal {WIRE_VERSION}")
        me = transport.get("/v1/me", Me)
        if me.role is Role.DATA_SCIENTIST:
            raise errors.AccessDenied("the portal is for the node's owners, reviewers and auditors")
        return info, me

    def _end_those_that_are_over(self, now: float) -> None:
        for key, session in list(self._sessions.items()):
            if now - session.began >= LIFETIME_S or now - session.seen >= IDLE_S:
                self._end(key)

    def _end(self, key: str) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:  # the node is told meanwhile: a browser does not wait for it
            threading.Thread(target=session.desk.close, name="leaving", daemon=True).start()


def _key(session_id: str) -> str:
    """Return what a session is stored under: a digest, so that no comparison tells of the id itself."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())


def for_node(url: str, *, cookie: str, secure: bool, ca: Path | None = None) -> Reception:
    """Return the reception for the node at an address."""
    return Reception(lambda token: Transport(url, token, ca=ca), cookie, secure)


_opened: list[Reception] = []


def open_for_this_process(reception: Reception) -> Reception:
    """Set the reception that the pages of this process ask; Streamlit gives them no other way to it."""
    _opened[:] = [reception]
    return reception


def of_this_process() -> Reception:
    """Return the reception that was opened.

    Raises:
        LookupError: none was; the portal is started by `jali portal`.
    """
    if not _opened:
        raise LookupError("no reception is open: start the portal with `jali portal`")
    return _opened[0]
