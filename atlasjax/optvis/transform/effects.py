"""Transforms of colours rather than places: noise, colour jitter, blur.

None of them clips. A value beyond [0, 1] does a network no harm, and a clipped one has no gradient.
"""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.optvis.transform.checks import Number, at_least_zero

# How bright the primaries of sRGB look (ITU-R BT.709).
_LUMA = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Effect:
    """A transform as data, so that those of equal settings are equal.

    Attributes:
        apply: takes a key, an image and the settings. A function of a module.
        settings: hashable.
    """

    apply: Callable[..., Float[Array, "h w c2"]]
    settings: tuple[Hashable, ...] = ()

    def __call__(self, key: Key[Array, ""], image: Float[Array, "h w c"]) -> Float[Array, "h w c2"]:
        """Apply it."""
        return self.apply(key, image, *self.settings)


def noise(sd: Number) -> Effect:
    """Return the addition of Gaussian noise, independent for each value: `x + sd * z`.

    Args:
        sd: standard deviation, in units of the image.

    Raises:
        UserError: a negative sd.

    >>> image = jnp.full((2, 2, 3), 0.5)
    >>> bool((noise(0.0)(jax.random.key(0), image) == image).all())
    True
    """
    at_least_zero("noise sd", sd)
    return Effect(_noise, (float(sd),))


def uniform_noise(amplitude: Number) -> Effect:
    """Return the addition of uniform noise, independent for each value: `x + u`.

    Args:
        amplitude: u is drawn from [-amplitude, amplitude], in units of the image.

    Raises:
        UserError: a negative amplitude.

    >>> bool(abs(uniform_noise(0.1)(jax.random.key(0), jnp.zeros((9, 9, 1)))).max() <= 0.1)
    True
    """
    at_least_zero("uniform_noise amplitude", amplitude)
    return Effect(_uniform, (float(amplitude),))


def color(brightness: Number = 0.0, contrast: Number = 0.0, saturation: Number = 0.0) -> Effect:
    """Return a random change of saturation, contrast and brightness, in this order.

    `x -> l + s (x - l)`, with l the luma of each pixel; then `x -> m + k (x - m) + b`, with m the
    mean of the image. b, k and s are drawn once for the image.

    Args:
        brightness: b is uniform within this of 0.
        contrast: k is uniform within this of 1; at most 1.
        saturation: s is uniform within this of 1; at most 1. Other than 0, only for three channels.

    Raises:
        UserError: an amount outside its range; when called, saturation for other than 3 channels.

    Source: luma by ITU-R BT.709.

    >>> grey = jnp.full((2, 2, 3), 0.5)
    >>> bool(jnp.allclose(color(0.0, 1.0, 1.0)(jax.random.key(0), grey), grey))
    True
    """
    at_least_zero("color brightness", brightness)
    for name, value in (("contrast", contrast), ("saturation", saturation)):
        if not 0 <= value <= 1:
            raise UserError(f"color {name} {value}: must be from 0 to 1")
    return Effect(_color, (float(brightness), float(contrast), float(saturation)))


def blur(sd: Number) -> Effect:
    """Return the convolution of the image, taken as periodic, with a Gaussian.

    The kernel is `exp(-d^2 / 2 sd^2)` at whole pixels, over its sum. Nothing is random.

    Args:
        sd: standard deviation, in pixels; 0 leaves the image as it is.

    Raises:
        UserError: a negative sd.

    >>> blur(1.0)(jax.random.key(0), jnp.ones((4, 4, 1))).round(3).mean()
    Array(1., dtype=float32)
    """
    at_least_zero("blur sd", sd)
    return Effect(_blur, (float(sd),))


def _noise(key: Key[Array, ""], image: Any, sd: float) -> Any:
    return image + sd * jax.random.normal(key, image.shape, image.dtype)


def _uniform(key: Key[Array, ""], image: Any, most: float) -> Any:
    return image + jax.random.uniform(key, image.shape, image.dtype, -most, most)


def _color(
    key: Key[Array, ""], image: Any, brightness: float, contrast: float, saturation: float
) -> Any:
    drawn = jax.random.uniform(key, (3,), minval=-1.0)
    if saturation:
        if image.shape[-1] != 3:
            raise UserError(
                f"color saturation {saturation} for {image.shape[-1]} channels: saturation is only "
                "for images of 3 channels (RGB); set it to 0, or apply composite before"
            )
        # Not as a matrix product, which GPUs round to 10 bits.
        luma = (image * jnp.array(_LUMA, image.dtype)[None, None]).sum(-1, keepdims=True)
        image = luma + (1 + saturation * drawn[2]) * (image - luma)
    mean = image.mean()
    return mean + (1 + contrast * drawn[1]) * (image - mean) + brightness * drawn[0]


def _blur(key: Key[Array, ""], image: Any, sd: float) -> Any:
    del key
    if sd == 0:
        return image
    down, across = (_periodic_gaussian(n, sd) for n in image.shape[:2])
    # For sizes such as ours, products with whole matrices are as fast as anything, and exact.
    return jnp.einsum("ai,bj,ijc->abc", down, across, image, precision="highest")


def _periodic_gaussian(n: int, sd: float) -> Float[np.ndarray, "n n"]:
    """Return the matrix that convolves n periodic values with a Gaussian."""
    turns = math.ceil(6 * sd / n)
    at = np.arange(n)[:, None] + n * np.arange(-turns, turns + 1)[None]
    kernel = np.exp(-(at**2) / (2 * sd**2)).sum(1)
    kernel /= kernel.sum()
    return kernel[(np.arange(n)[:, None] - np.arange(n)[None]) % n].astype(np.float32)
