"""An image as a pyramid: the sum of small images, each enlarged to the full size.

A step on a coarse level moves many pixels together, so that broad forms are found as quickly as
fine ones. Unlike the spectrum's, what it changes is local, and the image is not periodic.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.optvis.color import Matrix, matrix_of
from atlasjax.optvis.param.again import remembered
from atlasjax.optvis.param.core import (
    Parameterization,
    Size,
    from_field,
    height_and_width,
    upsample,
)

Levels = tuple[Float[Array, "_ _ c"], ...]


@remembered
def laplacian(
    size: Size, levels: int = 4, sd: float | int = 0.01, correlation: Matrix | None = None
) -> Parameterization:
    r"""Parameterize an image by a pyramid, `image = to_rgb(sum_l upsample(z_l))`.

    Level $l$ has $\lceil h / 2^l \rceil \times \lceil w / 2^l \rceil$ pixels, from level 0 of the
    full size.

    Args:
        size: height and width in pixels; one number for both.
        levels: how many, at least 1. The coarsest but one must have more than one pixel each way.
        sd: standard deviation of the initial values of every level.
        correlation: from decorrelated colours to the channels; ImageNet's by default,
            `no_correlation(c)` for c channels as they are.

    Returns:
        The parameterization. Its parameters are a tuple of the levels, [h_l, w_l, c] each.

    Raises:
        UserError: a size below 1, or levels out of range.

    Source: Burt and Adelson 1983, "The Laplacian pyramid as a compact image code"; as what is
    optimized, Mordvintsev et al. 2018, "Differentiable image parameterizations".

    >>> init, image = laplacian((10, 8), levels=3)
    >>> [level.shape for level in init(jax.random.key(0))]
    [(10, 8, 3), (5, 4, 3), (3, 2, 3)]
    """
    height, width = height_and_width(size)
    most = (min(height, width) - 1).bit_length() + 1
    if not 1 <= levels <= most:
        raise UserError(f"{levels} levels of {height} x {width} px: must be from 1 to {most}")
    channels = len(matrix_of(correlation))
    sizes = [(-(-height // 2**k), -(-width // 2**k)) for k in range(levels)]

    def init(key: Key[Array, ""]) -> Levels:
        keys = jax.random.split(key, levels)
        return tuple(
            sd * jax.random.normal(k, (*shape, channels), jnp.float32)
            for k, shape in zip(keys, sizes, strict=True)
        )

    def field(params: Levels) -> Float[Array, "h w c"]:
        total = params[0]
        for level in params[1:]:
            total = total + upsample(level, (height, width))
        return total

    return from_field(init, field, correlation)
