"""A population's budget as a bar with its key, who spent it, and the buttons that stop."""

from collections.abc import Callable
from datetime import datetime
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jali.wire.freeze import NODE
from jali_portal import wording, words
from jali_portal.components import confirm, markup
from jali_portal.components.confirm import Step
from jali_portal.desk import Desk
from jali_portal.viewmodels import budgets
from jali_portal.viewmodels.budgets import FROZEN, Facts, Holding, Purse, Table

DeskNow = Callable[[], Desk]
ABOUT = "budgets"
HEADS = ("Who", "Project", "Dataset", "Quota spent", "Of the cap", "Until", "State")


class Stops:
    """Draws the buttons that freeze, lift and revoke, for owners; nothing for anybody else.

    Args:
        desk: gives the desk of whoever is signed in when something is stopped.
        facts: what the page is made of.
        found: the page's populations.
        now: this moment.
    """

    def __init__(self, desk: DeskNow, facts: Facts, found: tuple[Purse, ...], now: datetime) -> None:
        self._desk = desk
        self._facts = facts
        self._found = found
        self._now = now
        self.shown = desk().owns

    def freeze_or_lift(self, subject: str, thing: str, stopped: bool, label: str = "") -> None:
        """Draw what stops a subject, or lets it go on."""
        if not self.shown:
            return
        what = "Lift the freeze" if stopped else "Freeze"
        step = self._lifting if stopped else self._freezing
        confirm.button(label or what, lambda: step(subject, thing), key=f"freeze-{subject}", width="stretch")

    def revoke(self, holding: Holding) -> None:
        """Draw what ends a grant for good."""
        if self.shown:
            confirm.button("Revoke", lambda: self._revoking(holding), key=f"revoke-{holding.id}", width="stretch")

    def code(self, table: Table) -> None:
        """Draw what lets functions be submitted for a dataset, or no longer."""
        if self.shown:
            label = "Turn code off" if table.code else "Turn code on"
            confirm.button(label, lambda: self._coding(table), key=f"code-{table.id}", width="stretch")

    def _coding(self, table: Table) -> Step:
        on = not table.code

        def act(_: str) -> str:
            self._desk().owner.allow_code(self._desk().dataset(table.id), on)
            return f"Code jobs are {'on' if on else 'off'}: {table.name}."

        effects = (wording.CODE_ON, wording.CODE_ENDS_PROMISE) if on else (wording.CODE_OFF,)
        title, what = ("Turn code jobs on", "Turn them on") if on else ("Turn code jobs off", "Turn them off")
        return Step(ABOUT, title, f"Dataset {table.name}", effects, what, act)

    def _freezing(self, subject: str, thing: str) -> Step:
        def act(reason: str) -> str:
            self._desk().owner.freeze(subject, reason)
            return f"Frozen: {thing}."

        effects = (*budgets.stopping(self._facts, self._found, subject), wording.FROZEN_UNTIL)
        return Step(ABOUT, "Freeze at once", thing, effects, "Freeze it", act, "Reason, which people who meet it read")

    def _lifting(self, subject: str, thing: str) -> Step:
        def act(_: str) -> str:
            self._desk().owner.unfreeze(subject)
            return f"No longer frozen: {thing}."

        return Step(ABOUT, "Lift the freeze", thing, (wording.LIFTS,), "Let it go on", act)

    def _revoking(self, holding: Holding) -> Step:
        def act(reason: str) -> str:
            self._desk().owner.revoke(holding.id, reason)
            return f"Revoked for good: {thing}."

        thing = _called(holding)
        effects = budgets.ending(self._facts, holding.id, self._now)
        return Step(ABOUT, "Revoke for good", thing, effects, "Revoke it", act, "Reason, which its holder reads")


def node(stops: Stops, name: str, stopped: str) -> None:
    """Draw whether the whole node is stopped, and what stops it."""
    with st.container(border=True):
        text, button = st.columns([4, 1], vertical_alignment="center")
        with text:
            markup.heading(f"Data node {name}")
            markup.note(stopped) if stopped else markup.quiet(wording.NODE_ANSWERS)
        with button:
            label = "" if stopped else "Freeze the whole node"
            stops.freeze_or_lift(NODE, f"The whole node {name}", bool(stopped), label)


def draw(purse: Purse, stops: Stops) -> DeltaGenerator:
    """Draw one population, and return the place of its report, which takes the node a moment."""
    with st.container(border=True):
        text, button = st.columns([4, 1], vertical_alignment="center")
        with text:
            markup.heading(purse.name)
            markup.quiet(purse.about)
        with button:
            stops.freeze_or_lift(
                purse.id, f"Population {purse.name}", bool(purse.stopped), "" if purse.stopped else "Freeze population"
            )
        if purse.stopped:
            markup.note(purse.stopped)
        left, right = st.columns([1.4, 1], gap="large")
        with left:
            markup.show(bar(purse))
        with right:
            markup.facts(purse.figures)
            place = st.container()
        _datasets(purse, stops)
        _grants(purse, stops)
    return place


def report(found: str) -> None:
    """Draw the tighter figure, which is labelled as what it is."""
    markup.show(f'<div class="j-report"><b>Report, not a promise.</b> {escape(found)}</div>')


def bar(purse: Purse) -> str:
    """Return what is spent, held and left as a bar with its key."""
    seen = [part for part in purse.slices if part.share > 0 or part.kind != "held"]
    parts = "".join(f'<span class="j-{part.kind}" style="width:{100 * part.share:.3f}%"></span>' for part in seen)
    key = "".join(
        f'<div><span class="j-key j-{part.kind}"></span>{escape(part.name)}</div>'
        f'<div class="j-num">{words.share(part.share)}</div>'
        for part in seen
    )
    said = "; ".join(f"{part.name}: {words.share(part.share)}" for part in seen)
    return (
        f'<div class="j-gauge j-tall" role="img" aria-label="{escape(said, quote=True)}">{parts}</div>'
        f'<div class="j-keys">{key}</div>'
    )


def _datasets(purse: Purse, stops: Stops) -> None:
    markup.section("Datasets", level=3)
    for table in purse.tables:
        text, code, button = st.columns([4, 1.2, 1], vertical_alignment="center")
        with text:
            markup.plain(f"{table.name} (code jobs on)" if table.code else table.name)
            if table.stopped:
                markup.note(table.stopped)
        with code:
            stops.code(table)
        with button:
            stops.freeze_or_lift(table.id, f"Dataset {table.name}", bool(table.stopped))


def _grants(purse: Purse, stops: Stops) -> None:
    markup.section("Who spent it", level=3)
    if not purse.open:
        markup.quiet(wording.NO_GRANTS)
    else:
        _line("".join(f"<span>{escape(head)}</span>" for head in HEADS), "j-grant j-head", None, stops)
        for holding in purse.open:
            _line("".join(_cells(holding)), "j-grant", holding, stops)
    if purse.without_grant:
        markup.quiet(purse.without_grant)
    if purse.ended:
        with st.expander(f"{words.counted(len(purse.ended), 'grant')} that no longer hold"):
            markup.table(HEADS, [(*_texts(holding), holding.state) for holding in purse.ended])


def _line(html: str, kind: str, holding: Holding | None, stops: Stops) -> None:
    if not stops.shown:
        markup.show(f'<div class="{kind}">{html}</div>')
        return
    text, freeze, revoke = st.columns([6, 1, 1], vertical_alignment="center")
    with text:
        markup.show(f'<div class="{kind}">{html}</div>')
    if holding is not None:
        with freeze:
            stopped = holding.state == FROZEN
            stops.freeze_or_lift(holding.id, _called(holding), stopped, "Lift" if stopped else "")
        with revoke:
            stops.revoke(holding)


def _texts(holding: Holding) -> tuple[str, ...]:
    return holding.person, holding.project, holding.dataset, holding.quota, holding.share, holding.until


def _cells(holding: Holding) -> list[str]:
    return [
        *(f"<span>{escape(text)}</span>" for text in _texts(holding)),
        f"<span>{markup.badge(holding.state)}</span>",
    ]


def _called(holding: Holding) -> str:
    about = ", ".join(filter(None, (holding.project, holding.dataset)))
    return f"The grant of {holding.person}" + (f" ({about})" if about else "")
