"""What a page says when the node refuses, or does not answer."""

import streamlit as st

from jali import errors
from jali_portal.components import markup


def draw(failure: errors.JaliError) -> None:
    """Draw a failure with what to do about it."""
    match failure:
        case errors.NotSignedIn() | errors.TokenExpired():
            over()
        case errors.AccessDenied():
            _panel("Your role does not open this", "The node does not let you see it, or does not any more.")
        case errors.NodeUnreachable() | errors.NodeUnavailable():
            _panel(
                "The node does not answer",
                "Nothing is lost: requests and budgets are kept by the node. Try again in a moment.",
            )
            st.button("Try again", type="primary")
        case errors.UnknownResource():
            _panel("There is no such request", "It may be at another node, or the address was not copied in full.")
        case _:
            _panel("The node refused this", str(failure))


def unforeseen(failure: Exception) -> bool:
    """Draw what nobody foresaw, without its details, and say that it has been told: Streamlit has logged it."""
    _panel(
        "This page cannot be shown",
        "Something went wrong in the portal itself. Nothing was decided. The details are in its log.",
    )
    return True


def over() -> None:
    """Draw the end of a session."""
    _panel("Your session is over", "Sign in again to go on. Nothing that you had decided is lost.")
    markup.show('<p style="text-align:center"><a href="/session/login" target="_self">Sign in again</a></p>')


def _panel(headline: str, explanation: str) -> None:
    with st.container(border=True):
        markup.empty(headline, explanation)
