"""What changes from step to step: learning rates, and how far rectifiers leak."""

from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from atlasjax.errors import UserError


def learning_rates(
    peak: float, steps: int, warmup: float = 1 / 3, power: float | int = 3
) -> optax.Schedule:
    """Return the learning rate of each step: it rises with a power, and falls along a cosine.

    `peak * min(1, (step + 1) / (warmup steps))^power * (0.1 + 0.9 (1 + cos(pi step / steps)) / 2)`

    Adam's first steps move every frequency alike, whatever its gradient. At full rate that is a
    burst of noise, in which neurons that answer to flat surfaces fall silent for good.

    Args:
        peak: the largest rate.
        steps: number of steps.
        warmup: share of the steps in which it rises, above 0 and at most 1.
        power: with which it rises; 1 for a straight line.

    Returns:
        A function of the step, from 0.

    Raises:
        UserError: a warm-up out of range.

    >>> rates = learning_rates(1.0, 30)
    >>> [round(float(rates(step)), 3) for step in (0, 4, 9, 29)]
    [0.001, 0.12, 0.815, 0.102]
    >>> rates = learning_rates(1.0, 30, warmup=0.1, power=1)
    >>> [round(float(rates(step)), 3) for step in (0, 1, 2, 9)]
    [0.333, 0.665, 0.99, 0.815]
    """
    if not 0 < warmup <= 1:
        raise UserError(f"warmup {warmup}: must be above 0 and at most 1")
    decay = optax.cosine_decay_schedule(peak, steps, alpha=0.1)

    def rate(step: Any) -> Any:
        # Optax counts in whole numbers, which strict promotion does not mix with others.
        progress = (jnp.asarray(step, jnp.float32) + 1.0) / (warmup * steps)
        return decay(step) * jnp.minimum(1.0, progress) ** power

    return rate


def warmup_cosine_adam(steps: int, peak: float | None = None) -> optax.GradientTransformation:
    """Return Adam for a given number of steps: it rises in the first tenth, and forgets soon.

    The gradient of a visualization turns fast while its parts form. A mean over the last two steps
    follows it, where Adam's usual one over the last ten lags behind.

    Args:
        steps: how many.
        peak: the largest learning rate; by default `min(0.2, 1 / sqrt(steps))`. Far above it,
            colours are driven to their ends, where nothing can be changed any more; far below,
            images stay pale, and some never find what they are made for.

    Returns:
        Adam with `b1 = 1/2` and the `learning_rates` of a straight rise over a tenth of the steps.

    >>> import jax
    >>> optimizer = warmup_cosine_adam(4)
    >>> with jax.numpy_dtype_promotion("standard"):  # Optax relies on it
    ...     change, _ = optimizer.update(jnp.ones(()), optimizer.init(jnp.zeros(())))
    >>> round(float(change), 3)
    -0.2
    """
    peak = min(0.2, steps**-0.5) if peak is None else peak
    return optax.adam(learning_rates(peak, steps, warmup=0.1, power=1), b1=0.5)


def leak_at(step: Array, leaky_steps: int) -> Float[Array, ""]:
    """Return the leak of a step: from 1 at the first down to 0 after `leaky_steps` steps.

    See `rectifiers.leaking`.

    Args:
        step: from 1.
        leaky_steps: number of steps in which gradients leak.

    >>> [float(leak_at(jnp.array(step), 4)) for step in (1, 3, 5, 9)]
    [1.0, 0.5, 0.0, 0.0]
    """
    gone = (step.astype(jnp.float32) - 1.0) / max(leaky_steps, 1)
    return jnp.maximum(0.0, 1.0 - gone) if leaky_steps else jnp.zeros(())
