"""Transforms ready to use: the one that atlases are drawn with, and the one of Lucid."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from atlasjax.errors import UserError
from atlasjax.optvis.transform.chain import compose
from atlasjax.optvis.transform.checks import Number, at_least_zero
from atlasjax.optvis.transform.core import Affine, Move, Placed, Size, Transform
from atlasjax.optvis.transform.moves import rotate, scale
from atlasjax.optvis.transform.windows import crop_by, pad


def similarity(
    jitter: Number = 6.0, scale: tuple[Number, Number] = (0.95, 1.1), rotate: Number = 5.0
) -> Affine:
    """Return a random shift, scaling and rotation about the centre, as one bilinear resampling.

    Each is drawn uniformly and anew for every image and step. The image is taken as periodic, as
    the Fourier parameterization makes it, so nothing has to be padded.

    Args:
        jitter: the largest shift in each direction, in pixels.
        scale: smallest and largest magnification; 1.1 shows the image 10% larger.
        rotate: the largest angle to either side, in degrees.

    Returns:
        A function of a key and one image [h, w, c], to an image of the same size.

    Raises:
        UserError: a negative jitter or angle, or magnifications that are no range above 0.

    >>> still = similarity(jitter=0.0, scale=(1.0, 1.0), rotate=0.0)
    >>> x = jax.random.uniform(jax.random.key(0), (4, 4, 3))
    >>> bool(jnp.allclose(still(jax.random.key(1), x), x))
    True
    """
    at_least_zero("similarity jitter", jitter, "px")
    at_least_zero("similarity rotate", rotate, "degrees")
    if not 0 < scale[0] <= scale[1] < math.inf:
        raise UserError(
            f"similarity scale {scale}: must be the smallest and the largest, both more than 0"
        )
    drawn = tuple(float(value) for value in (jitter, *scale, rotate))
    # One move, not three in a composition: icons of atlases repeat to the bit.
    return Affine((Move(_similarity, drawn),))


def lucid_standard() -> Transform:
    """Return the standard transforms of Lucid, as one resampling.

    Padding by 12 px of mid grey; a random crop that takes 8 px off; a magnification out of
    `1 + (i - 5) / 50` for i from 0 to 10; an angle out of -10, -9, ..., 10 degrees and five times
    0; a random crop that takes 4 px off.

    Lucid enlarges the whole image, and fills with black what a rotation brings in. Here the window
    keeps its size, and the grey goes on.

    Returns:
        A transform of [h, w, c] to [h + 12, w + 12, c]; `compose(lucid_standard(), window(h))` for
        the size of the image.

    Source: Lucid's `optvis/transform.py`, `standard_transforms`.

    >>> lucid_standard()(jax.random.key(0), jnp.ones((20, 20, 3))).shape
    (32, 32, 3)
    """
    return compose(
        pad(12, "grey"),
        crop_by(8),
        scale([1 + (i - 5) / 50 for i in range(11)]),
        rotate([*range(-10, 11), 0, 0, 0, 0, 0]),
        crop_by(4),
    )


def _similarity(
    key: Key[Array, ""], size: Size, jitter: float, low: float, high: float, rotate: float
) -> Placed:
    for_shift, for_scale, for_angle = jax.random.split(key, 3)
    shift = jax.random.uniform(for_shift, (2,), minval=-jitter, maxval=jitter)
    magnification = jax.random.uniform(for_scale, minval=low, maxval=high)
    angle = jnp.deg2rad(jax.random.uniform(for_angle, minval=-rotate, maxval=rotate))
    cos, sin = jnp.cos(angle) / magnification, jnp.sin(angle) / magnification
    return Placed(((cos, -sin, shift[0]), (sin, cos, shift[1])), size)
