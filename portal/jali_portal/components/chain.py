"""The ledger's entries, page by page, and the verification of their chain."""

from collections.abc import Callable, Sequence

import streamlit as st

from jali_portal import wording
from jali_portal.components import markup
from jali_portal.desk import Desk
from jali_portal.viewmodels import ledger


def page(entries: int) -> int:
    """Draw the choice of a page and return it; 0 holds the newest entries."""
    last = ledger.last_page(entries)
    if last == 0:
        return 0
    number = st.number_input(
        f"Page, of {last + 1:,}", 1, last + 1, key="page", bind="query-params", width=160, help="1 holds the newest."
    )
    return int(number) - 1


def draw(lines: Sequence[ledger.Line]) -> None:
    """Draw entries."""
    with st.container(border=True):
        if not lines:
            markup.empty("No entries yet", "The first one is written when the node is made.")
            return
        markup.table(
            ("Entry", "When", "What", "Price", "About", "Hash begins"),
            [(f"{line.seq:,}", line.at, line.what, line.price, line.about, line.hash) for line in lines],
            numbers=(0,),
        )


def verification(desk: Callable[[], Desk]) -> None:
    """Draw the button, and what was found."""
    with st.container(border=True):
        left, right = st.columns([1, 2.4], gap="large", vertical_alignment="top")
        with left:
            pressed = st.button("Verify the chain", type="primary", width="stretch")
            with st.expander("Compare with a head noted earlier"):
                place = st.number_input("Its entry", min_value=1, value=None, step=1)
                digest = st.text_input("Its hash", max_chars=64)
        with right:
            if not pressed:
                markup.quiet(wording.VERIFICATION_IS)
                return
            checkpoints, wrong = ledger.checkpoint(place, digest)
            if wrong:
                markup.banner(f"Not verified: {wrong}.", good=False)
                return
            with st.spinner("Walking the chain"):
                found = ledger.verdict(desk().verify_ledger(checkpoints))
            markup.banner(found.title, good=found.valid)
            markup.quiet(found.explanation)
            if found.valid:
                markup.digest(f"Head, the hash of entry {found.entries:,}", found.head)
                markup.quiet(wording.NOTE_THE_HEAD if not checkpoints else wording.PASSED)
