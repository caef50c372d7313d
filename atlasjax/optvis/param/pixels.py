"""Pixels themselves: the parameterization without a prior.

Optimized in pixels, an image fills with the high frequencies that a network responds to most. That
is what the other parameterizations are measured against, and what adversarial examples need.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from atlasjax.optvis.color import Matrix, matrix_of
from atlasjax.optvis.param.again import remembered
from atlasjax.optvis.param.core import Parameterization, Size, from_field, height_and_width


@remembered
def pixels(
    size: Size, sd: float | int = 0.01, correlation: Matrix | None = None
) -> Parameterization:
    """Parameterize an image by its pixels, `image = to_rgb(z)`.

    Args:
        size: height and width in pixels, at least 1; one number for both.
        sd: standard deviation of the initial values.
        correlation: from decorrelated colours to the channels; ImageNet's by default,
            `no_correlation(c)` for c channels as they are.

    Returns:
        The parameterization. Its parameters are [h, w, c], unbounded.

    Raises:
        UserError: a size below 1.

    >>> init, image = pixels((4, 6))
    >>> image(init(jax.random.key(0))).shape
    (4, 6, 3)
    """
    shape = (*height_and_width(size), len(matrix_of(correlation)))

    def init(key: Key[Array, ""]) -> Float[Array, "h w c"]:
        return sd * jax.random.normal(key, shape, jnp.float32)

    return from_field(init, lambda params: params, correlation)
