"""Losses: what a surface is of, one number for each image."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

Loss = Callable[[Float[Array, "batch classes"], Int[Array, " batch"]], Float[Array, " batch"]]
"""From logits and labels to one loss for each image."""


def cross_entropy(
    logits: Float[Array, "batch classes"], labels: Int[Array, " batch"]
) -> Float[Array, " batch"]:
    """Return the cross entropy of each image's class, in nats.

    Args:
        logits: of the network.
        labels: the class of each image.

    >>> cross_entropy(jnp.zeros((1, 2)), jnp.array([0]))
    Array([0.6931472], dtype=float32)
    """
    log = jax.nn.log_softmax(logits.astype(jnp.float32))
    return -jnp.take_along_axis(log, labels[:, None], axis=1)[:, 0]
