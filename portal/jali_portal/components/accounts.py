"""A population's account: its figures, and what was left when."""

from datetime import datetime, timedelta, tzinfo

import altair as alt
import pandas as pd
import streamlit as st

from jali_portal import wording, words
from jali_portal.components import markup
from jali_portal.viewmodels.ledger import AccountCard

INK, LINE, LEFT = "#4b5a60", "#e9eeec", "#0f5a6b"


def draw(card: AccountCard, zone: tzinfo) -> None:
    """Draw one account; times are in the reader's zone."""
    with st.container(border=True):
        markup.heading(card.name)
        markup.quiet(card.about)
        left, right = st.columns([1, 1.6], gap="large")
        with left:
            share = words.share(card.share_left)
            markup.show(markup.bar(card.share_left, f"{share} of the budget is left"))
            markup.facts(card.figures)
        with right:
            if card.burn_down:
                st.altair_chart(_chart(card.burn_down, zone), width="stretch")
                markup.quiet(wording.BURN_DOWN)


def _chart(points: tuple[tuple[datetime, float], ...], zone: tzinfo) -> alt.LayerChart:
    local = [at.astimezone(zone).replace(tzinfo=None) for at, _ in points]
    frame = pd.DataFrame({"at": local, "left": [share for _, share in points]})
    span = local[-1] - local[0]
    shape = "%H:%M:%S" if span < timedelta(minutes=10) else "%H:%M" if span < timedelta(days=2) else "%d %b"
    when = alt.Axis(title=None, grid=False, labelColor=INK, tickCount=5, format=shape)
    how_much = alt.Axis(title=None, labelColor=INK, gridColor=LINE, format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    steps = (
        alt.Chart(frame)
        .mark_area(interpolate="step-after", line={"color": LEFT, "strokeWidth": 2}, color=LEFT, opacity=0.14)
        .encode(
            x=alt.X("at:T", axis=when),
            y=alt.Y("left:Q", axis=how_much, scale=alt.Scale(domain=[0, 1.04])),
            tooltip=[
                alt.Tooltip("at:T", title="when", format="%d %b %Y %H:%M"),
                alt.Tooltip("left:Q", title="left", format=".1%"),
            ],
        )
    )
    nothing = alt.Chart(pd.DataFrame({"left": [0]})).mark_rule(color="#8c1d10", strokeDash=[4, 3]).encode(y="left:Q")
    description = "The share of the population's budget that was left over time"
    chart: alt.LayerChart = (steps + nothing).properties(height=190, description=description)
    return chart
