"""Backgrounds for images with an alpha channel.

An image is optimized together with its transparency. Were the background always the same, the image
could use it; against one drawn anew in each step, only what the image itself shows remains.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.optvis.color import to_rgb
from atlasjax.optvis.transform.effects import Effect

_BACKGROUNDS = ("random", "smooth", "white", "color", "grey")


def composite(background: str | tuple[float, float, float] = "random") -> Effect:
    """Return the placement of an RGBA image on a background: `a x + (1 - a) y`.

    Args:
        background: y. "smooth" is noise with the spectrum `f^-1.5`, f in cycles per pixel, in
            natural colours; "white" is uniform noise, independent for each value; "random" either
            of these with equal chances; "color" is one colour drawn uniformly; "grey" is 0.5
            everywhere. Three numbers are a colour of your own.

    Returns:
        A transform of [h, w, 4] to [h, w, 3]. Alpha, the last channel, is 1 where the image hides
        the background.

    Raises:
        UserError: another background; when called, an image of other than 4 channels.

    Source: the use of random backgrounds by Mordvintsev et al., "Differentiable Image
    Parameterizations", Distill 2018; the noise is ours.

    >>> half = jnp.concatenate([jnp.ones((1, 1, 3)), jnp.full((1, 1, 1), 0.5)], -1)
    >>> composite("grey")(jax.random.key(0), half)
    Array([[[0.75, 0.75, 0.75]]], dtype=float32)
    """
    if isinstance(background, str) and background not in _BACKGROUNDS:
        raise UserError(
            f"composite background {background!r}: must be one of {', '.join(_BACKGROUNDS)}, or "
            "three numbers"
        )
    return Effect(_composite, (background,))


def _composite(key: Key[Array, ""], image: Any, background: str | tuple[float, ...]) -> Any:
    height, width, channels = image.shape
    if channels != 4:
        raise UserError(f"composite of an image of {channels} channels: must be 4 (RGBA)")
    behind = _background(key, (height, width, 3), background).astype(image.dtype)
    alpha = image[..., 3:]
    return alpha * image[..., :3] + (1 - alpha) * behind


def _background(
    key: Key[Array, ""], shape: tuple[int, int, int], background: str | tuple[float, ...]
) -> Float[Array, "h w 3"]:
    if not isinstance(background, str):
        return jnp.broadcast_to(jnp.array(background, jnp.float32), shape)
    if background == "grey":
        return jnp.full(shape, 0.5)
    if background == "color":
        return jnp.broadcast_to(jax.random.uniform(key, (3,)), shape)
    if background == "white":
        return jax.random.uniform(key, shape)
    if background == "smooth":
        return _smooth(key, shape)
    which, own = jax.random.split(key)
    return jnp.where(
        jax.random.bernoulli(which), _smooth(own, shape), jax.random.uniform(own, shape)
    )


def _smooth(key: Key[Array, ""], shape: tuple[int, int, int]) -> Float[Array, "h w 3"]:
    """Draw noise of standard deviation 2 and spectrum `f^-1.5`, as natural colours."""
    height, width, _ = shape
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    lowest = 1.0 / max(height, width)
    decay = np.maximum(np.hypot(rows, columns), lowest) ** -1.5
    decay *= 2.0 / np.sqrt((decay**2).mean())
    half = jnp.asarray(decay[:, : width // 2 + 1, None], jnp.float32)
    spectrum = jnp.fft.rfft2(jax.random.normal(key, shape), axes=(0, 1))
    # A spectrum is complex and the decay is not: strict promotion wants that said.
    shaped = jax.lax.complex(spectrum.real * half, spectrum.imag * half)
    return to_rgb(jnp.fft.irfft2(shaped, s=(height, width), axes=(0, 1)))
