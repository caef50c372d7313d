"""An image as phases alone: its magnitudes stay those that images have on average.

Where things are in a picture is in the phases of its spectrum; how much detail of each scale there
is, in the magnitudes. With the magnitudes fixed, the optimization cannot fill the image with high
frequencies, however deep the network and however long it runs.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from atlasjax.data.protocol import ImageSource
from atlasjax.errors import UserError
from atlasjax.optvis.color import Matrix, from_rgb, image_batches, matrix_of
from atlasjax.optvis.param.again import remembered
from atlasjax.optvis.param.core import Parameterization, Size, from_field, height_and_width


class Spectrum(NamedTuple):
    """The mean magnitudes of images, and the colours that they belong to.

    Attributes:
        magnitude: of each coefficient of `rfft2` of each decorrelated colour, not negative.
        size: height and width of the images, in pixels.
        correlation: from the decorrelated colours to the channels.
    """

    magnitude: Float[np.ndarray, "c h f"]
    size: tuple[int, int]
    correlation: Float[np.ndarray, "c c"]


def mean_spectrum(
    images: ImageSource | Iterable[Any],
    size: Size = 224,
    correlation: Matrix | None = None,
    clip: float = 0.02,
) -> Spectrum:
    """Measure the mean magnitude spectrum, `mean_i |rfft2(from_rgb(image_i))|`.

    Colours are taken as `maco` will make them: decorrelated, and before the sigmoid. The article's
    code measures decorrelated colours too, but of pixel values, and then brings every image to mean
    0 and variance 1 ahead of the sigmoid. Measured where it is used, the spectrum keeps its scale,
    and an image's contrast and mean colour follow from it alone.

    Args:
        images: a source, or batches: `Batch`es or arrays [n, h, w, c], as uint8 or as floats in
            [0, 1]. They are gone through once and not kept.
        size: height and width in pixels, at least 2; one number for both. A source's images are
            resized to the longer of the two; larger images are cut to their centre.
        correlation: from decorrelated colours to the channels; ImageNet's by default.
        clip: images are clipped to [clip, 1 - clip]. The default keeps the noise of the deepest
            shadows, which the inverse of the sigmoid would enlarge, out of the spectrum.

    Returns:
        The spectrum, for `maco`.

    Raises:
        UserError: no images, images too small or of the wrong channels, colours that cannot be
            inverted, a clip out of range.

    Source: Fel et al. 2023, "Unlocking feature visualization for deeper networks with magnitude
    constrained optimization", section 3.

    >>> noise = np.random.default_rng(0).uniform(size=(4, 8, 8, 3))
    >>> mean_spectrum([noise], size=(8, 6)).magnitude.shape
    (3, 8, 4)
    """
    height, width = height_and_width(size, smallest=2)
    count, total = 0, np.zeros(())
    for batch in image_batches(images, max(height, width)):
        planes = np.moveaxis(
            np.asarray(from_rgb(jnp.asarray(_centre(batch, height, width)), correlation, clip)),
            -1,
            1,
        )
        count += len(planes)
        total = total + np.abs(np.fft.rfft2(planes)).sum(0, dtype=np.float64)
    if not count:
        raise UserError("no images to measure a spectrum from")
    return Spectrum((total / count).astype(np.float32), (height, width), matrix_of(correlation))


@remembered
def maco(spectrum: Spectrum) -> Parameterization:
    """Parameterize an image by its phases, `image = to_rgb(irfft2(m * exp(i z)))`.

    The magnitudes m are exactly those given, with one exception. The coefficients that are their
    own mirror image, the mean colour among them, are real in every picture; of these `m cos(z)` is
    taken, so that the mean colour can be found between its two bounds. The image is periodic.

    Args:
        spectrum: the fixed magnitudes with their size and colours, from `mean_spectrum`.

    Returns:
        The parameterization. Its parameters are the phases in radians, [c, h, w // 2 + 1], at the
        start uniform over the circle.

    Raises:
        UserError: magnitudes that do not fit the size or the colours, or that are negative.

    Source: Fel et al. 2023, equation 3.

    >>> flat = Spectrum(np.ones((3, 8, 5), np.float32), (8, 8), np.eye(3, dtype=np.float32))
    >>> init, image = maco(flat)
    >>> image(init(jax.random.key(0))).shape
    (8, 8, 3)
    """
    magnitude, (height, width), correlation = spectrum
    shape = (len(correlation), height, width // 2 + 1)
    if magnitude.shape != shape:
        raise UserError(f"a spectrum of shape {magnitude.shape}: must be {shape}")
    if not (np.isfinite(magnitude).all() and magnitude.min() >= 0):
        raise UserError("a spectrum of negative or infinite magnitudes: they must be at least 0")
    paired, later = _pairs(height, width)

    def init(key: Key[Array, ""]) -> Float[Array, "c h f"]:
        phases = jax.random.uniform(key, shape, jnp.float32, -np.pi, np.pi)
        return jnp.where(later[None], -_mirror(phases), phases)

    def field(phases: Float[Array, "c h f"]) -> Float[Array, "h w c"]:
        # A real picture has opposite phases at opposite frequencies. Were they optimized apart,
        # the inverse transform would average the two coefficients and lose magnitude.
        odd = (phases - _mirror(phases)) / 2
        angle = jnp.where(paired[None], odd, phases)
        values = jax.lax.complex(magnitude * jnp.cos(angle), magnitude * jnp.sin(angle))
        return jnp.moveaxis(jnp.fft.irfft2(values, s=(height, width)), 0, -1)

    return from_field(init, field, correlation)


def _pairs(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where a coefficient's mirror image is stored as well, and the second of each pair.

    Half a spectrum leaves most mirror images out; those of its first column, and for an even width
    of its last, lie in the same column.
    """
    column = np.zeros(width // 2 + 1, bool)
    column[0] = True
    column[-1] |= width % 2 == 0
    rows = np.arange(height)
    paired = (rows != -rows % height)[:, None] & column
    return paired, paired & (rows > height // 2)[:, None]


def _mirror(phases: Float[Array, "c h f"]) -> Float[Array, "c h f"]:
    """Return, for each row, that of the opposite frequency."""
    return jnp.roll(jnp.flip(phases, -2), 1, -2)


def _centre(images: np.ndarray, height: int, width: int) -> np.ndarray:
    h, w = images.shape[1:3]
    if h < height or w < width:
        raise UserError(f"images of {h} x {w} px: must be at least {height} x {width}")
    top, left = (h - height) // 2, (w - width) // 2
    return images[:, top : top + height, left : left + width]
