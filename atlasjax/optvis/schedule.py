"""Learning rates: what keeps the first steps from killing what the later ones need."""

from typing import Any

import jax.numpy as jnp
import optax


def learning_rates(height: float, steps: int) -> optax.Schedule:
    """Return the learning rate of each step: it rises with the cube, and falls along a cosine.

    `height * min(1, 3 (step + 1) / steps)^3 * (0.1 + 0.9 (1 + cos(pi step / steps)) / 2)`

    Adam's first steps move every frequency alike, whatever its gradient. At full rate that is a
    burst of noise, in which neurons that answer to flat surfaces fall silent for good.

    Args:
        height: the largest rate.
        steps: number of steps.

    Returns:
        A function of the step, from 0.

    >>> rates = learning_rates(1.0, 30)
    >>> [round(float(rates(step)), 3) for step in (0, 4, 9, 29)]
    [0.001, 0.12, 0.815, 0.102]
    """
    decay = optax.cosine_decay_schedule(height, steps, alpha=0.1)

    def rate(step: Any) -> Any:
        # Optax counts in whole numbers, which strict promotion does not mix with others.
        progress = jnp.asarray(step, jnp.float32) * 3.0 / steps + 3.0 / steps
        return decay(step) * jnp.minimum(1.0, progress) ** 3

    return rate
