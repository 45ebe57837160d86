"""The noise of a strict round, drawn before the round runs: it depends on no row, so it may come first.

So no sampler's state is in a process from which others are forked, and none is needed behind the walls.
"""

import numpy as np
from numpy.typing import NDArray

from jali_node.mechanisms import gaussian
from jali_node.training.lattice import bound_of
from jali_node.training.plan import TrainingPlan


def drawn(plan: TrainingPlan, parameters: int) -> NDArray[np.int64]:
    """Return exact discrete Gaussian noise, shape (steps, parameters), at the charged multiplier. For one round alone.

    Raises:
        RuntimeError: the sampler's own map finds a step dearer than the event that was charged; nothing is drawn.
    """
    count = plan.steps_per_round * parameters
    found = gaussian.noised([0] * count, bound_of(plan.clip_norm), plan.noise_multiplier)
    return np.array(found, np.int64).reshape(plan.steps_per_round, parameters)
