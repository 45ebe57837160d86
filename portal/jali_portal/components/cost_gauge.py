"""The privacy cost before and after approving, beside the decision."""

from html import escape

import streamlit as st

from jali_portal import wording, words
from jali_portal.components import markup
from jali_portal.viewmodels.cost import Cost


def draw(cost: Cost, what: str = "quota") -> None:
    """Draw the cost of a quota, or of what else is asked for."""
    markup.show(html(cost, what))
    for warning in warnings(cost):
        markup.note(warning)
    markup.plain(wording.fits(cost.fits_after, cost.questions_after))
    markup.plain(wording.epsilon_means(cost.asked, cost.delta, what))
    with st.expander("How this is counted"):
        for sentence in (wording.GRANT_CHARGES_NOTHING, wording.AT_MOST, wording.SHARES_ADD_UP, wording.CAP_HOLDS):
            markup.quiet(sentence)


def alone(cost: Cost, what: str = "quota") -> None:
    """Draw the cost for whoever reads and does not decide."""
    with st.container(border=True):
        markup.section("Privacy cost")
        draw(cost, what)
    with st.container(border=True):
        markup.section("Not decided yet")
        markup.quiet(wording.AUDITORS_READ)


def warnings(cost: Cost) -> list[str]:
    """Return what a reviewer must not miss."""
    if cost.above_cap:
        return [wording.above_cap(cost.cap)]
    if not cost.usable:
        return [wording.not_usable(cost.fits_now)]
    return [wording.OVERBOOKED] if cost.overbooked and cost.others else []


def html(cost: Cost, what: str = "quota") -> str:
    """Return the figures, the bar and its key."""
    how_much = "at most" if what == "quota" else "about"
    parts = (
        ("left", "Left for everybody else", cost.left),
        ("promised", f"Promised in {words.counted(cost.others, 'other open quota')}", cost.promised),
        ("asked", f"This {what} of {words.epsilon(cost.asked)}, {how_much}", cost.quota),
        ("used", "Used so far, by all askers", cost.used),
    )
    seen = [part for part in parts if part[0] != "promised" or cost.others]
    bar = "".join(f'<span class="j-{kind}" style="width:{100 * share:.3f}%"></span>' for kind, _, share in seen)
    key = "".join(
        f'<div><span class="j-key j-{kind}"></span>{escape(name)}</div><div class="j-num">{words.share(share)}</div>'
        for kind, name, share in seen
    )
    description = "; ".join(f"{name}: {words.share(share)}" for _, name, share in seen)
    return f"""
<div class="j-quiet j-small">Population {escape(cost.population)}, cap {words.epsilon(cost.cap)}</div>
<div class="j-versus">
{_figure("Left now", cost.left_now, cost.fits_now)}
<div class="j-arrow" aria-hidden="true">→</div>
{_figure("After, at least", cost.left_after, cost.fits_after)}
</div>
<div class="j-gauge" role="img" aria-label="{escape(description, quote=True)}">{bar}</div>
<div class="j-keys">{key}</div>"""


def _figure(name: str, share: float, fits: float) -> str:
    return (
        f'<div><div class="j-quiet j-small">{name}</div><div class="j-figure">{words.share(share)}</div>'
        f'<div class="j-quiet j-small">{words.epsilon(fits)} in one question</div></div>'
    )
