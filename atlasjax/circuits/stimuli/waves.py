"""Waves: gratings, Gabor patches, textures, and fine beside coarse ones.

A pixel shows the mean of the wave over itself, which is the wave at its centre times
`sinc(f_x) sinc(f_y)`, so that fine waves fade instead of turning into other ones.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from atlasjax.circuits.stimuli.canvas import (
    BLACK,
    WHITE,
    Colour,
    Number,
    Point,
    beyond,
    canvas,
    numbers,
    painted,
)

WAVES = 32  # of which a texture is made
BAND = 0.2  # how far their lengths differ, as a part
LOUD = 0.35  # standard deviation of a texture, of full contrast 1


def gratings(
    angle: Number,
    wavelength: Number,
    phase: Number = 0.0,
    *,
    size: int,
    contrast: Number = 1.0,
    ink: Colour = WHITE,
    paper: Colour = BLACK,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw waves of parallel stripes.

    Args:
        angle: direction in which the stripes run, in degrees; the same after 180.
        wavelength: from stripe to stripe, in px.
        phase: of the wave at the centre, in degrees: 0 where the ink is strongest.
        size: side of the images, in px.
        contrast: from 0 to 1.
        ink: colour of the stripes.
        paper: colour between them.
        centre: row and column of phase 0; the image's centre by default.

    >>> import numpy as np
    >>> image = gratings(90, 4, size=3)  # a pixel is a quarter of a wave, so that none is white
    >>> np.asarray(image)[0, 1, :, 0].round(2)
    array([0.5 , 0.95, 0.5 ], dtype=float32)
    """
    names = numbers(angle=angle, wavelength=wavelength, phase=phase, contrast=contrast)
    angle, wavelength, phase, contrast = names
    wave = _wave(canvas(angle, size, centre).across, angle, wavelength, phase)
    return painted(0.5 + contrast * wave / 2, ink, paper)


def gabors(
    angle: Number,
    wavelength: Number,
    sigma: Number,
    phase: Number = 0.0,
    *,
    size: int,
    contrast: Number = 1.0,
    ink: Colour = WHITE,
    paper: Colour = BLACK,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw gratings that fade with the distance from the centre: `exp(-r^2 / 2 sigma^2)`.

    Args:
        angle: direction in which the stripes run, in degrees.
        wavelength: from stripe to stripe, in px.
        sigma: how far the patch reaches, in px.
        phase: of the wave at the centre, in degrees.
        size: side of the images, in px.
        contrast: from 0 to 1.
        ink: colour of the stripes.
        paper: colour between them; halfway to the ink lies the colour of what is around.
        centre: row and column of the patch's centre; the image's by default.

    >>> import numpy as np
    >>> np.asarray(gabors(0, 8, 2, size=33))[0, [0, 16], [0, 16], 0].round(2)
    array([0.5 , 0.99], dtype=float32)
    """
    given = numbers(angle=angle, wavelength=wavelength, sigma=sigma, phase=phase, contrast=contrast)
    angle, wavelength, sigma, phase, contrast = given
    along, across = canvas(angle, size, centre)
    envelope = jnp.exp(-(jnp.square(along) + jnp.square(across)) / (2 * jnp.square(sigma)))
    wave = envelope * _wave(across, angle, wavelength, phase)
    return painted(0.5 + contrast * wave / 2, ink, paper)


def textures(
    wavelength: Number,
    seed: Number = 0,
    *,
    size: int,
    angle: Number = 0.0,
    spread: Number = 180.0,
    contrast: Number = 1.0,
    ink: Colour = WHITE,
    paper: Colour = BLACK,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw noise of one fineness: many waves of random phase, in all directions or about one.

    Args:
        wavelength: of the waves, in px; they differ by up to a fifth.
        seed: a whole number; others give other noise of the same make.
        size: side of the images, in px.
        angle: direction about which the stripes run, in degrees.
        spread: over how many degrees they do; 180 for all directions, 0 for one.
        contrast: 1 for a standard deviation of .35 about the middle, cut at black and white.
        ink: one end of the colours.
        paper: the other.
        centre: row and column that a seed's noise is fixed to; the image's centre by default.

    >>> noise = textures(6, [0, 1], size=64)
    >>> noise.shape, bool(jnp.abs(noise.mean() - 0.5) < 0.1)
    ((2, 64, 64, 3), True)
    """
    names = numbers(wavelength=wavelength, seed=seed, angle=angle, spread=spread, contrast=contrast)
    noise = _noise(names[0], names[1], names[2], names[3], size, centre)
    return painted(jnp.clip(0.5 + LOUD * names[4] * noise, 0, 1), ink, paper)


def high_low(
    angle: Number,
    high: Number = 4.0,
    low: Number = 16.0,
    seed: Number = 0,
    *,
    size: int,
    contrast: Number = 1.0,
    ink: Colour = WHITE,
    paper: Colour = BLACK,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw a fine texture beside a coarse one, with a straight boundary through the centre.

    Both have the same mean and contrast, so that nothing but fineness differs.

    Args:
        angle: direction in which the fine side lies, in degrees.
        high: wavelength on the fine side, in px.
        low: wavelength on the coarse side, in px.
        seed: a whole number; others give other noise of the same make.
        size: side of the images, in px.
        contrast: as of `textures`.
        ink: one end of the colours.
        paper: the other.
        centre: row and column of the boundary's middle; the image's by default.

    Source: the idea of Schubert et al. 2021, "High-Low Frequency Detectors".

    >>> image = high_low(0, 3, 16, size=64)[0, :, :, 0]
    >>> steps = jnp.abs(jnp.diff(image, axis=0)).mean(0)
    >>> bool(steps[32:].mean() > 2 * steps[:32].mean())
    True
    """
    given = numbers(angle=angle, high=high, low=low, seed=seed, contrast=contrast)
    angle, high, low, seed, contrast = given
    side = beyond(canvas(angle, size, centre).along)
    every, none = jnp.full_like(angle, 180.0), jnp.zeros_like(angle)
    fine = _noise(high, seed, none, every, size, centre)
    coarse = _noise(low, seed + 0.5, none, every, size, centre)
    noise = coarse + side * (fine - coarse)
    return painted(jnp.clip(0.5 + LOUD * contrast * noise, 0, 1), ink, paper)


def _wave(across: Array, angle: Array, wavelength: Array, phase: Array) -> Array:
    """Return a wave of the given stripes, averaged over each pixel."""
    fade = _fade(angle, wavelength)
    return fade * jnp.cos(2 * jnp.pi * across / wavelength + jnp.deg2rad(phase))


def _fade(angle: Array, wavelength: Array) -> Array:
    """Return what is left of a wave when it is averaged over a pixel."""
    turned = jnp.deg2rad(angle)
    return jnp.sinc(jnp.sin(turned) / wavelength) * jnp.sinc(jnp.cos(turned) / wavelength)


def _noise(
    wavelength: Array, seed: Array, angle: Array, spread: Array, size: int, centre: Point | None
) -> Float[Array, "b h w"]:
    """Return the sum of many waves, of variance 1 before pixels average them.

    `cos(a x + b y + p) = Re e^{i (a x + p)} e^{i b y}`, so that the sum over waves is a product of
    two matrices.
    """
    row, column = ((size - 1) / 2, (size - 1) / 2) if centre is None else centre
    places = jnp.arange(size, dtype=jnp.float32)
    # Seeds are told apart by halves as well: a texture's other side has one between.
    keys = jax.vmap(jax.random.key)((2 * seed.ravel()).astype(jnp.uint32))
    drawn = jax.vmap(lambda key: jax.random.uniform(key, (3, WAVES)))(keys)
    turn, phase, band = drawn[:, 0], 2 * jnp.pi * drawn[:, 1], 2 * drawn[:, 2] - 1
    stripes = angle[:, :, 0] + spread[:, :, 0] * (turn - 0.5)
    long = wavelength[:, :, 0] * (1 + BAND * band)
    rate = 2 * jnp.pi / long
    # `across` is y cos(angle) - x sin(angle)
    rate_x, rate_y = -rate * jnp.sin(jnp.deg2rad(stripes)), rate * jnp.cos(jnp.deg2rad(stripes))
    by_x = rate_x[..., None] * (places - column)[None, None] + phase[..., None]
    by_y = rate_y[..., None] * (row - places)[None, None]
    weight = (_fade(stripes, long) * jnp.sqrt(2 / WAVES))[..., None]
    even = jnp.einsum("bky,bkx->byx", jnp.cos(by_y), weight * jnp.cos(by_x))
    return even - jnp.einsum("bky,bkx->byx", jnp.sin(by_y), weight * jnp.sin(by_x))
