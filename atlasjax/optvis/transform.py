"""Random transforms: what keeps an optimized image from being an adversarial one.

A visualization should excite the network wherever it stands, and slightly turned and scaled too.
Each step therefore looks at the image through a small random similarity. Jitter, scale and rotation
are composed into one resampling: every extra one would blur.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Transform = Callable[[Key[Array, ""], Float[Array, "h w 3"]], Float[Array, "h w 3"]]


def similarity(
    jitter: float = 6.0, scale: tuple[float, float] = (0.95, 1.1), rotate: float = 5.0
) -> Transform:
    """Return a random shift, scaling and rotation about the centre, as one bilinear resampling.

    Each is drawn uniformly and anew for every image and step. The image is taken as periodic, as
    the Fourier parameterization makes it, so nothing has to be padded.

    Args:
        jitter: the largest shift in each direction, in pixels.
        scale: smallest and largest magnification; 1.1 shows the image 10% larger.
        rotate: the largest angle to either side, in degrees.

    Returns:
        A function of a key and one image [h, w, 3], to an image of the same size.

    >>> still = similarity(jitter=0.0, scale=(1.0, 1.0), rotate=0.0)
    >>> x = jax.random.uniform(jax.random.key(0), (4, 4, 3))
    >>> bool(jnp.allclose(still(jax.random.key(1), x), x))
    True
    """

    def apply(key: Key[Array, ""], image: Float[Array, "h w 3"]) -> Float[Array, "h w 3"]:
        for_shift, for_scale, for_angle = jax.random.split(key, 3)
        shift = jax.random.uniform(for_shift, (2,), minval=-jitter, maxval=jitter)
        magnification = jax.random.uniform(for_scale, minval=scale[0], maxval=scale[1])
        angle = jnp.deg2rad(jax.random.uniform(for_angle, minval=-rotate, maxval=rotate))
        height, width, _ = image.shape
        y = (jnp.arange(height, dtype=jnp.float32) - (height - 1) / 2)[:, None]
        x = (jnp.arange(width, dtype=jnp.float32) - (width - 1) / 2)[None, :]
        cos, sin = jnp.cos(angle) / magnification, jnp.sin(angle) / magnification
        rows = cos * y - sin * x + (height - 1) / 2 + shift[0]
        columns = sin * y + cos * x + (width - 1) / 2 + shift[1]
        return _sample(image, rows, columns)

    return apply


def _sample(
    image: Float[Array, "h w 3"], rows: Float[Array, "h w"], columns: Float[Array, "h w"]
) -> Float[Array, "h w 3"]:
    """Read a periodic image between its pixels, bilinearly."""
    height, width, _ = image.shape
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    r0 = top.astype(jnp.int32) % height
    c0 = left.astype(jnp.int32) % width
    r1, c1 = (r0 + 1) % height, (c0 + 1) % width
    upper = image[r0, c0] * (1 - right) + image[r0, c1] * right
    lower = image[r1, c0] * (1 - right) + image[r1, c1] * right
    return upper * (1 - down) + lower * down
