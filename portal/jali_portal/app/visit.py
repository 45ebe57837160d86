"""Whose browser this is, and when and where they are."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st

from jali import errors
from jali_portal import reception
from jali_portal.desk import Desk
from jali_portal.viewmodels.budgets import Facts


def cookie() -> str | None:
    """Return the session id that the browser sent when its connection was opened."""
    return st.context.cookies.get(reception.of_this_process().cookie)


def desk() -> Desk:
    """Return the signed-in owner's desk.

    Raises:
        NotSignedIn: nobody is, or not any more.
    """
    return _desk(cookie())


def desk_kept() -> Callable[[], Desk]:
    """Return a way to the same desk for what runs when no page does, such as a download; no cookie is seen there."""
    mine = cookie()
    return lambda: _desk(mine)


def _desk(session: str | None) -> Desk:
    found = reception.of_this_process().desk(session)
    if found is None:
        raise errors.NotSignedIn("the session is over")
    return found


def facts() -> Facts:
    """Return what the node tells of its budgets and of what they are for."""
    mine = desk()
    return Facts(
        populations=mine.populations(),
        datasets=mine.datasets(),
        requests=mine.requests(),
        jobs=mine.jobs(),
        freezes={freeze.subject: freeze for freeze in mine.owner.freezes()},
        book=mine.accounts(),
    )


def leave() -> None:
    """End the session."""
    reception.of_this_process().dismiss(cookie())


def now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def zone() -> tzinfo:
    """Return the browser's time zone."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError):
        return UTC
