"""What became of something that was just done: told once, on the next drawing of the page."""

from dataclasses import dataclass

import streamlit as st

from jali_portal.components import markup


@dataclass(frozen=True)
class Outcome:
    """A sentence, and whether anything was recorded."""

    recorded: bool
    text: str

    def keep(self, about: str) -> None:
        """Keep it until it is told."""
        st.session_state[f"outcome-{about}"] = self


def told(about: str) -> None:
    """Draw, once, what became of what was just done."""
    outcome: Outcome | None = st.session_state.pop(f"outcome-{about}", None)
    if outcome is not None:
        markup.banner(outcome.text, good=outcome.recorded)
