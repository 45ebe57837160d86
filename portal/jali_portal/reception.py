"""Who may come in: the sessions of this process, and the node that they are for.

A browser holds a random id. The API token behind it stays here, in memory, and is sent to the node alone. A session
ends after `LIFETIME_S`, after `IDLE_S` without a sign of life, at sign-out, and with the process.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jali import errors
from jali.transport import Transport
from jali.wire import WIRE_VERSION
from jali.wire.node import NodeInfo
from jali.wire.person import Me, Role
from jali_portal.desk import Desk
from jali_portal.viewmodels.accounts import AccountBook

LIFETIME_S = 8 * 3600.0
IDLE_S = 3600.0
SESSIONS_MAX = 1000

MakeTransport = Callable[[str | None], Transport]


@dataclass
class _Session:
    desk: Desk
    began: float
    seen: float


@dataclass
class Reception:
    """Admits owners and knows them again.

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
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def admit(self, token: str) -> str:
        """Begin a session for an owner's token and return its id, which only their browser may hold.

        Raises:
            JaliError: the node does not know the token, does not answer, or it is not an owner's.
        """
        if not token:
            raise errors.NotSignedIn("a token is needed", field="token")
        transport = self.transport(token)
        try:
            info, me = self._introduced(transport)
        except errors.JaliError:
            transport.close()
            raise
        session_id, now = secrets.token_urlsafe(32), self.clock()
        with self._lock:
            self._end_those_that_are_over(now)
            if len(self._sessions) >= SESSIONS_MAX:
                self._end(min(self._sessions, key=lambda key: self._sessions[key].seen))
            self._sessions[_key(session_id)] = _Session(Desk(transport, me, info, self.accounts), now, now)
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
                self._end(_key(session_id))

    def _introduced(self, transport: Transport) -> tuple[NodeInfo, Me]:
        info = transport.get("/v1/node", NodeInfo)
        if abs(info.wire - WIRE_VERSION) > 1:
            raise errors.IncompatibleNode(f"{info.name} speaks wire version {info.wire}, this portal {WIRE_VERSION}")
        me = transport.get("/v1/me", Me)
        if me.role not in (Role.OWNER, Role.REVIEWER):
            raise errors.AccessDenied("only the data's owners and reviewers decide about requests")
        return info, me

    def _end_those_that_are_over(self, now: float) -> None:
        for key, session in list(self._sessions.items()):
            if now - session.began >= LIFETIME_S or now - session.seen >= IDLE_S:
                self._end(key)

    def _end(self, key: str) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:
            session.desk.close()


def _key(session_id: str) -> str:
    """Return what a session is stored under: a digest, so that no comparison tells of the id itself."""
    return hashlib.sha256(session_id.encode()).hexdigest()


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
