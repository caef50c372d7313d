"""Pixels: one number for each, from what is found of their channels or of a layer's positions."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def channels_joined(value: Float[Array, "*b h w c"], signed: bool) -> Float[Array, "*b h w"]:
    """Return one number for each pixel: the sum over its channels, or the largest magnitude.

    Args:
        value: of every channel.
        signed: whether channels are summed.

    >>> channels_joined(jnp.array([[[1.0, -3.0]]]), signed=False)
    Array([[3.]], dtype=float32)
    """
    return value.sum(-1) if signed else jnp.abs(value).max(-1)


def resized(value: Float[Array, "rows columns"], height: int, width: int) -> Float[Array, "h w"]:
    """Return a map in the size of an image, by bilinear interpolation.

    >>> resized(jnp.ones((2, 2)), 4, 6).shape
    (4, 6)
    """
    return jax.image.resize(value, (height, width), "bilinear")
