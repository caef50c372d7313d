"""Gradients that do not die at the start.

A rectifier passes no gradient back where its input is below zero. An image that begins as grey
noise leaves whole layers there, and then nothing tells the optimizer which way to go: the image
stays grey, the best-known fault of feature visualization. So for the first steps the gradient goes
through rectifiers as if they leaked, while the values stay what they are.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from atlasjax.taps import Tap

PRE = "/pre_relu"
"""What the names of values before a nonlinearity end in."""


def leaking(leak: Float[Array, ""]) -> Tap:
    """Return a tap under which rectifiers pass gradients below zero as well, scaled by `leak`.

    `relu'(x) = 1 where x > 0, leak elsewhere`; the values are untouched. It finds rectifiers by
    their names: what is tapped as NAME/pre_relu and then as NAME. A model that taps nothing before
    its nonlinearities is left as it is.

    Args:
        leak: 0 for the true gradient, 1 for that of the identity.

    Returns:
        A tap for one pass of a model.

    Source: after Mordvintsev's redirected gradients in Lucid (2017), which let gradients through
    blocked rectifiers in the first steps.

    >>> def model(x, tap):
    ...     return tap("a", jax.nn.relu(tap("a/pre_relu", x)))
    >>> float(jax.grad(lambda x: model(x, leaking(jnp.float32(0.5))))(-3.0))
    0.5
    """
    before: dict[str, Array] = {}

    def tap(name: str, value: Array) -> Array:
        if name.endswith(PRE):
            owner = name.removesuffix(PRE)
            # Branches that are joined before their rectifiers have leaked already.
            if not any(branch.startswith(f"{owner}/") for branch in before):
                before[owner] = value
            return value
        if name not in before or before[name].shape != value.shape:
            return value
        below = jnp.minimum(before[name], 0)
        return value + leak.astype(value.dtype) * (below - jax.lax.stop_gradient(below))

    return tap


def leak_at(step: Array, leaky_steps: int) -> Float[Array, ""]:
    """Return the leak of a step: from 1 at the first down to 0 after `leaky_steps` steps.

    Args:
        step: from 1.
        leaky_steps: number of steps in which gradients leak.

    >>> [float(leak_at(jnp.array(step), 4)) for step in (1, 3, 5, 9)]
    [1.0, 0.5, 0.0, 0.0]
    """
    gone = (step.astype(jnp.float32) - 1.0) / max(leaky_steps, 1)
    return jnp.maximum(0.0, 1.0 - gone) if leaky_steps else jnp.zeros(())
