"""How a model's weights are walked: which optimizer, and how its learning rate goes. Names that a node knows, no code.

All of it comes after the noise, so it costs nothing; and all of it is a function of public numbers, never of rows.
"""

import math
from abc import abstractmethod
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Discriminator, Field

from jali.wire.base import Request

STEPS_MAX = 4_000_000
Steps = Annotated[int, Field(ge=0, le=STEPS_MAX, strict=True)]
End = Annotated[float, Field(ge=0, le=1, strict=True)]


class Optimizer(StrEnum):
    """What is done with a step's noised gradient."""

    SGD = "sgd"
    """Plain gradient descent, with momentum where it is asked for."""
    ADAM = "adam"
    """Adam (Kingma & Ba 2015) with its usual constants."""


class Rates(Request):
    """How the learning rate goes, as shares of it. In the first `warm_up` steps it rises evenly."""

    warm_up: Steps = 0

    def share(self, taken: int, steps: int) -> float:
        """Return the share of the learning rate at which a step is taken.

        Args:
            taken: how many steps of the job came before, those of earlier rounds included.
            steps: how many the whole job has.
        """
        if taken < self.warm_up:
            return (taken + 1) / (self.warm_up + 1)
        return self._share(taken - self.warm_up, steps - self.warm_up)

    @abstractmethod
    def _share(self, taken: int, steps: int) -> float:
        """Return the same once it is warm."""

    @abstractmethod
    def _said(self) -> str:
        """Say how it goes once it is warm."""

    def describe(self) -> str:
        """Say how it goes; owners read this, and so do ledgers."""
        return self._said() + (f" after {self.warm_up:,} steps of warm-up" if self.warm_up else "")


class Constant(Rates):
    """The learning rate stays as it is."""

    kind: Literal["constant"] = "constant"

    def _share(self, taken: int, steps: int) -> float:
        return 1.0

    def _said(self) -> str:
        return "constant"


class Linear(Rates):
    """The learning rate falls evenly, to the share `end` of it after the last step.

    >>> [Linear().share(taken, 4) for taken in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    """

    kind: Literal["linear"] = "linear"
    end: End = 0.0

    def _share(self, taken: int, steps: int) -> float:
        return 1 + (self.end - 1) * taken / steps

    def _said(self) -> str:
        return f"falling evenly to {self.end:.0%}"


class Cosine(Rates):
    """The learning rate falls as half a wave does, to the share `end` of it after the last step."""

    kind: Literal["cosine"] = "cosine"
    end: End = 0.0

    def _share(self, taken: int, steps: int) -> float:
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * taken / steps)) / 2

    def _said(self) -> str:
        return f"falling as a cosine to {self.end:.0%}"


class Stairs(Rates):
    """The learning rate is multiplied by `factor` after every so many steps.

    >>> [Stairs(every=2, factor=0.5).share(taken, 6) for taken in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    kind: Literal["step"] = "step"
    every: int = Field(ge=1, le=STEPS_MAX, strict=True)
    factor: float = Field(default=0.1, gt=0, le=1, strict=True)

    def _share(self, taken: int, steps: int) -> float:
        share: float = self.factor ** (taken // self.every)
        return share

    def _said(self) -> str:
        return f"times {self.factor:g} every {self.every:,} steps"


def averaged_steps(share: float, steps: int) -> int:
    """Return over how many of a round's last steps its weights are averaged: at least 1, which is no average.

    >>> [averaged_steps(share, 10) for share in (0.0, 0.25, 1.0)]
    [1, 2, 10]
    """
    return max(1, round(share * steps))


Schedule = Annotated[Constant | Linear | Cosine | Stairs, Discriminator("kind")]
"""How the learning rate goes over all steps of a job, rounds together."""
SHORT: dict[str, Constant | Linear | Cosine] = {"constant": Constant(), "linear": Linear(), "cosine": Cosine()}
"""Schedules that a word says."""
