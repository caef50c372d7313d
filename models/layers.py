"""The layer that Flax does not have, local response normalization, with a gradient that is fast.

Feature visualization spends its time in input gradients, and XLA's of a windowed sum and a power
are slow on CPUs. Max pooling has a file of its own, `pooling`; what else networks are made of is
made fast for all of them, in `atlasjax.rewriting`.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from atlasjax.rewriting.linear import transposes


def local_response_norm(
    x: Float[Array, "batch h w c"],
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Float[Array, "batch h w c"]:
    r"""Divide each channel by the energy of its neighbours.

    `y_c = x_c / (k + alpha / size * sum_{|j - c| <= size // 2} x_j^2)^beta`

    The sum is taken over shifted slices. It is its own transpose, which JAX is told: left to
    itself it turns each slice into a padding.

    Args:
        x: the input.
        size: number of channels in a window, odd.
        alpha: weight of the energy. Caffe divides it by `size`, and so does this function.
        beta: the power, positive.
        k: what is added, so that silent channels stay as they are.

    Returns:
        The normalized array.

    Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3.

    >>> local_response_norm(jnp.full((1, 1, 1, 1), 2.0), size=1, alpha=0.75, beta=0.75)
    Array([[[[0.70710677]]]], dtype=float32)
    """
    scale = k + alpha / size * _window_sum(jnp.square(x), reach=size // 2)
    if beta == 0.75:  # a general power is several times slower than two roots
        root = lax.rsqrt(scale)
        return x * (root * jnp.sqrt(root))
    if beta == 0.5:
        return x * lax.rsqrt(scale)
    return x * scale**-beta


def _channel_sum(x: Array, *, reach: int) -> Array:
    """Sum every channel with those at most `reach` away."""
    edges = [(0, 0, 0)] * (x.ndim - 1) + [(reach, reach, 0)]
    padded = lax.pad(x, jnp.zeros((), x.dtype), edges)
    slices = [lax.slice_in_dim(padded, i, i + x.shape[-1], axis=-1) for i in range(2 * reach + 1)]
    return sum(slices[1:], slices[0])


_window_sum, _ = transposes("channel_sum", _channel_sum)
