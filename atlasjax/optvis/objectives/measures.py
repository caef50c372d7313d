"""Objectives: what an image is optimized for.

Every function here gives one score for each image, from what a layer says of it, so that images in
a batch never influence one another.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def centre(value: Float[Array, "batch h w c"]) -> Float[Array, "batch c"]:
    """Return the activations at the centre position, [h // 2, w // 2].

    >>> centre(jnp.arange(9.0).reshape(1, 3, 3, 1))
    Array([[4.]], dtype=float32)
    """
    return value[:, value.shape[1] // 2, value.shape[2] // 2]


def cosine(a: Float[Array, "*batch c"], b: Float[Array, "*batch c"]) -> Float[Array, "*batch"]:
    """Return the cosine of the angle between two directions: `a.b / (|a| |b|)`.

    The length of neither matters, however faint or large it is.

    Args:
        a: activations.
        b: directions.

    Returns:
        Cosines in [-1, 1]; 0, with a gradient of 0, where either is zero.

    >>> cosine(jnp.array([3.0, 4.0]), jnp.array([1.0, 0.0]))
    Array(0.6, dtype=float32)
    """
    return jnp.sum(_unit(a) * _unit(b), -1)


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
    dot = jnp.sum(activation * _unit(target), -1)
    return dot * jnp.maximum(floor, cosine(activation, target)) ** power


def _unit(vector: Float[Array, "*batch c"]) -> Float[Array, "*batch c"]:
    """Scale vectors to length 1; zero stays zero, and has a gradient of zero."""
    # Divided by its largest part first, a vector has squares that neither vanish nor overflow. What
    # it is divided by cancels, so it is a constant to the gradient.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(vector), -1, keepdims=True))
    silent = largest < float(jnp.finfo(vector.dtype).tiny)  # compiled code may flush less to zero
    # Both branches of a `where` are differentiated, so the one not taken must be finite as well.
    scaled = jnp.where(silent, 1.0, vector / jnp.where(silent, 1.0, largest))
    return jnp.where(silent, 0.0, scaled / jnp.linalg.norm(scaled, axis=-1, keepdims=True))
