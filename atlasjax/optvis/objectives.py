"""Objectives: what an image is optimized for.

Every function here gives one score for each image, from what a layer says of it, so that images in
a batch never influence one another.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

TINY = 1e-12  # keeps the square root's gradient finite where a layer is silent


def centre(value: Float[Array, "batch h w c"]) -> Float[Array, "batch c"]:
    """Return the activations at the centre position, [h // 2, w // 2].

    >>> centre(jnp.arange(9.0).reshape(1, 3, 3, 1))
    Array([[4.]], dtype=float32)
    """
    return value[:, value.shape[1] // 2, value.shape[2] // 2]


def cosine(a: Float[Array, "*batch c"], b: Float[Array, "*batch c"]) -> Float[Array, "*batch"]:
    """Return the cosine of the angle between two directions: `a.b / (|a| |b|)`.

    Args:
        a: activations.
        b: directions.

    Returns:
        Cosines in [-1, 1]; 0 where either is zero.

    >>> cosine(jnp.array([3.0, 4.0]), jnp.array([1.0, 0.0]))
    Array(0.6, dtype=float32)
    """
    dot = jnp.sum(a * b, -1)
    return dot / jnp.sqrt(jnp.sum(a * a, -1) * jnp.sum(b * b, -1) + TINY)


def direction(
    activation: Float[Array, "batch c"],
    target: Float[Array, "batch c"],
    power: float = 4.0,
    floor: float = 0.1,
) -> Float[Array, "batch"]:
    """Score activations by how far they go in a direction, and in no other.

    `score = (a . d / |d|) max(floor, cos(a, d))^power`

    The product alone is answered by anything large; the cosine alone by anything faint. Below the
    floor only the product counts, which brings silent neurons of the direction to life first.

    Args:
        activation: one activation vector for each image.
        target: one direction for each image; its length does not matter.
        power: how much being in the direction counts over going far; 0 gives the plain product.
        floor: the least cosine that is used, in (0, 1).

    Returns:
        One score for each image.

    Source: Carter et al., "Activation Atlas", Distill 2019, "Feature visualization".

    >>> direction(jnp.array([[2.0, 0.0]]), jnp.array([[5.0, 0.0]]))
    Array([2.], dtype=float32)
    """
    unit = target / jnp.sqrt(jnp.sum(target * target, -1, keepdims=True) + TINY)
    dot = jnp.sum(activation * unit, -1)
    return dot * jnp.maximum(floor, cosine(activation, target)) ** power
