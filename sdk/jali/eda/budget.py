"""How much may still be asked."""

from dataclasses import dataclass

from jali.eda import markup
from jali.wire.budget import Budget


@dataclass(frozen=True, repr=False)
class BudgetView:
    """The project's quota for a dataset, in epsilon. Asking for it is free.

    `left` is the largest stand-alone price of one Gaussian release that still fits; because costs compose
    below their sum, `spent + left` may exceed `cap`.
    """

    budget: Budget

    @property
    def cap(self) -> float:
        """What all releases together may cost."""
        return self.budget.cap

    @property
    def spent(self) -> float:
        """What the past releases cost together."""
        return self.budget.spent

    @property
    def left(self) -> float:
        """The largest stand-alone price that still fits."""
        return self.budget.left

    @property
    def delta(self) -> float:
        """The delta that goes with the epsilons."""
        return self.budget.delta

    @property
    def keys_delta_left(self) -> float:
        """How much delta is left for releases of unknown keys, such as `top`."""
        return self.budget.keys_delta_left

    @property
    def sentence(self) -> str:
        """The budget in words."""
        said = f"ε {self.left:.4g} left of {self.cap:.4g} (δ {self.delta:.1g})"
        if self.budget.keys_delta_left != self.budget.keys_delta:
            said += f", δ {self.keys_delta_left:.3g} for unknown keys"
        return f"{said}; {self.budget.window.describe()}" if self.budget.window else said

    def __repr__(self) -> str:
        full = round(20 * min(max(self.left / self.cap, 0.0), 1.0)) if self.cap > 0 else 0
        return f"budget [{'█' * full}{'·' * (20 - full)}] {self.sentence}"

    def bar(self) -> str:
        """Return the budget as an HTML bar with its text."""
        return f"<p>{markup.bar(self.left / self.cap if self.cap > 0 else 0.0, self.sentence)}</p>"

    def _repr_html_(self) -> str:
        return markup.card("budget", self.bar())
