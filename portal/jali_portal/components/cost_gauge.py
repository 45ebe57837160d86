"""The privacy cost before and after approving, beside the decision."""

from html import escape

from jali_portal import wording, words
from jali_portal.components import markup
from jali_portal.viewmodels.cost import Cost


def draw(cost: Cost) -> None:
    """Draw a quota's cost."""
    markup.show(html(cost))
    if cost.above_cap:
        markup.note(wording.above_cap(cost.cap))
    elif not cost.usable:
        markup.note(wording.not_usable(cost.left_now))
    markup.quiet(wording.epsilon_means(cost.asked, cost.delta))
    markup.quiet(f"{wording.GRANT_CHARGES_NOTHING} {wording.CAP_HOLDS}")


def html(cost: Cost) -> str:
    """Return the figures and the bar."""
    after, now = _share(cost.left_after, cost.cap), _share(cost.left_now, cost.cap)
    description = (
        f"Of a cap of {words.epsilon(cost.cap)}, {words.epsilon(cost.left_now)} is left now and "
        f"{words.epsilon(cost.left_after)} when this quota is used in full."
    )
    others = f"<div>{escape(wording.others(cost.others, cost.left_after_all))}</div>" if cost.others else ""
    return f"""
<div class="j-versus">
<div><div class="j-quiet j-small">Left now</div><div class="j-figure">{words.epsilon(cost.left_now)}</div>
<div class="j-quiet j-small">{escape(wording.questions(cost.questions_now))}</div></div>
<div class="j-arrow" aria-hidden="true">→</div>
<div><div class="j-quiet j-small">After, at least</div><div class="j-figure">{words.epsilon(cost.left_after)}</div>
<div class="j-quiet j-small">{escape(wording.questions(cost.questions_after))}</div></div>
</div>
<div class="j-gauge" role="img" aria-label="{escape(description, quote=True)}">
<span class="j-left" style="width:{after:.2f}%"></span><span class="j-asked" style="width:{now - after:.2f}%"></span>
</div>
<div class="j-small">
<div><span class="j-key j-left"></span>{escape(wording.after(cost.left_after, cost.cap))}</div>
<div><span class="j-key j-asked"></span>This quota: {words.epsilon(cost.asked)} at most.
<span class="j-quiet">{escape(wording.NOT_ADDITIVE)}</span></div>
<div><span class="j-key j-used"></span>{escape(wording.spent(cost.spent, cost.cap))}</div>{others}
</div>"""


def _share(part: float, whole: float) -> float:
    return 100 * min(max(part / whole, 0.0), 1.0) if whole > 0 else 0.0
