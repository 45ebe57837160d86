"""A population's account: its figures, and what was left when."""

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from jali.wire.budget import PopulationBudget
from jali_portal import wording, words
from jali_portal.components import markup

INK, LEFT = "#4b5a60", "#0f5a6b"


def draw(population: PopulationBudget, burn_down: list[dict[str, Any]]) -> None:
    """Draw one account."""
    budget = population.budget
    with st.container(border=True):
        markup.heading(population.name)
        markup.quiet(
            f"Some {population.units:,} {population.unit}s. Everything that leaves the node about them, to all askers "
            f"together, keeps {words.epsilon(budget.cap)} at δ {words.small(budget.delta)}."
        )
        figures = (
            ("Left", words.epsilon(budget.left), "The dearest single question that still fits."),
            ("Spent", words.epsilon(budget.spent), "What all answers so far cost together."),
            ("Cap", words.epsilon(budget.cap), "What all answers together may ever cost."),
        )
        left, right = st.columns([1, 1.5], gap="large")
        with left:
            markup.show(
                markup.bar(budget.left, budget.cap, f"{words.epsilon(budget.left)} of {words.epsilon(budget.cap)} left")
            )
            markup.facts([(name, f"{value}  ·  {meaning}") for name, value, meaning in figures])
            markup.quiet(wording.CAP_HOLDS)
        with right:
            if burn_down:
                st.altair_chart(_chart(burn_down, budget.cap), width="stretch")
                markup.quiet(wording.BURN_DOWN)


def _chart(points: list[dict[str, Any]], cap: float) -> alt.LayerChart:
    frame = pd.DataFrame(points)
    axis = alt.Axis(grid=False, labelColor=INK, title=None, tickCount=5)
    line = (
        alt.Chart(frame)
        .mark_area(interpolate="step-after", line={"color": LEFT, "strokeWidth": 2}, color=LEFT, opacity=0.14)
        .encode(
            x=alt.X("at:T", axis=axis),
            y=alt.Y(
                "left:Q",
                scale=alt.Scale(domain=[0, cap * 1.05]),
                axis=alt.Axis(title="ε left", titleColor=INK, labelColor=INK, tickCount=4, gridColor="#e9eeec"),
            ),
            tooltip=[alt.Tooltip("at:T", title="when", format="%d %b %Y %H:%M"), alt.Tooltip("left:Q", format=".3g")],
        )
    )
    rule = alt.Chart(pd.DataFrame({"cap": [cap]})).mark_rule(color=INK, strokeDash=[4, 3]).encode(y="cap:Q")
    chart: alt.LayerChart = (line + rule).properties(
        height=170, description="What was left of the population's budget over time"
    )
    return chart
