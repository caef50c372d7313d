"""An image as its spectrum: every scale of detail is learned at its own pace.

In Fourier space, scaled as natural images are, the high frequencies that fool a network do not come
first. A spectrum can also be found for a picture that there is, and carried to another size, so
that a visualization can begin at a neighbour's, or small.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Key

from atlasjax.errors import UserError
from atlasjax.optvis.color import Matrix, from_rgb, matrix_of
from atlasjax.optvis.param.again import remembered
from atlasjax.optvis.param.core import Parameterization, Size, from_field, height_and_width


@remembered
def fourier(
    size: Size,
    sd: float | int = 0.01,
    decay: float | int = 1.0,
    correlation: Matrix | None = None,
) -> Parameterization:
    r"""Parameterize an image by its spectrum, in decorrelated colours.

    `image = to_rgb(irfft2(z_f * sqrt(h w) / max(f, 1/max(h, w))^decay) / 4)`, where z is what is
    optimized and f is a coefficient's frequency in cycles per pixel. The scaling gives white noise
    z the spectrum of natural images, so that one learning rate suits every scale. The image is
    periodic.

    Args:
        size: height and width in pixels, at least 2; one number for both.
        sd: standard deviation of the initial coefficients.
        decay: power of the frequency by which coefficients are scaled down.
        correlation: from decorrelated colours to the channels; ImageNet's by default,
            `no_correlation(c)` for c channels as they are.

    Returns:
        The parameterization. Its parameters are real: [2, c, h, w // 2 + 1], real and imaginary
        parts first, so that transforms run over the trailing axes.

    Raises:
        UserError: a size below 2.

    Source: Olah et al. 2017, "Preconditioning and parameterization".

    >>> init, image = fourier(8)
    >>> image(init(jax.random.key(0))).shape
    (8, 8, 3)
    """
    height, width = height_and_width(size, smallest=2)
    channels = len(matrix_of(correlation))
    scale = _scale(height, width, decay)

    def init(key: Key[Array, ""]) -> Float[Array, "2 c h f"]:
        return sd * jax.random.normal(key, (2, channels, *scale.shape[1:]), jnp.float32)

    def field(params: Float[Array, "2 c h f"]) -> Float[Array, "h w c"]:
        return jnp.moveaxis(_planes(params, scale, width), 0, -1)

    return from_field(init, field, correlation)


def fourier_params(
    image: Float[Array, "h w c"],
    decay: float | int = 1.0,
    correlation: Matrix | None = None,
    clip: float = 1 / 512,
) -> Float[Array, "2 c h f"]:
    """Find the parameters of `fourier` for a given image.

    `z = rfft2(from_rgb(image)) / scale`, with the scale of `fourier`. To be taken with `start_from`
    or `perturb`.

    Args:
        image: colours in [0, 1], at least 2 px in height and width.
        decay: as given to `fourier`.
        correlation: as given to `fourier`.
        clip: the image is clipped to [clip, 1 - clip]. Where it is near 0 or 1 the gradients of
            `fourier` are near 0, so give more, such as 0.05, where such places are to change.

    Returns:
        The parameters, from which `fourier` makes the clipped image.

    Raises:
        UserError: an image below 2 px, a clip out of range, colours that cannot be inverted.

    >>> picture = jax.random.uniform(jax.random.key(0), (5, 6, 3))
    >>> again = fourier((5, 6)).image(fourier_params(picture))
    >>> bool(jnp.abs(again - picture).max() < 0.002)
    True
    """
    height, width, _ = image.shape
    height_and_width((height, width), smallest=2)
    planes = jnp.moveaxis(from_rgb(image, correlation, clip), -1, 0)
    return _params(jnp.fft.rfft2(planes), _scale(height, width, decay))


def resize_fourier(
    params: Float[Array, "2 c h f"], from_size: Size, to_size: Size, decay: float | int = 1.0
) -> Float[Array, "2 c H F"]:
    """Find the parameters of the same picture at another size.

    The picture before its colours is interpolated trigonometrically: frequencies that the new size
    has and the old one had not are 0, those that it has not are left out. From 32 to 64 px, every
    second pixel stays what it was.

    Args:
        params: of a `fourier` of `from_size`.
        from_size: height and width in pixels, or one number for both.
        to_size: those wanted, at least 2. Proportions may change.
        decay: as given to `fourier`.

    Returns:
        Parameters for a `fourier` of `to_size`.

    Raises:
        UserError: parameters of another size, or a size below 2.

    >>> coarse, fine = fourier(4, sd=1.0), fourier(8)
    >>> params = coarse.init(jax.random.key(0))
    >>> picture = fine.image(resize_fourier(params, 4, 8))
    >>> bool(jnp.allclose(picture[::2, ::2], coarse.image(params), atol=1e-5))
    True
    """
    h, w = height_and_width(from_size, smallest=2)
    height, width = height_and_width(to_size, smallest=2)
    if params.shape[2:] != (h, w // 2 + 1):
        raise UserError(
            f"parameters of {params.shape[2:]} coefficients: an image of {h} x {w} px "
            f"has {(h, w // 2 + 1)}"
        )
    # By way of the picture, since the spectrum holds coefficients that no picture shows.
    whole = jnp.fft.fft2(_planes(params, _scale(h, w, decay), w))
    rows = jnp.swapaxes(_resize(jnp.swapaxes(whole, -1, -2), height), -1, -2)
    resized = _resize(rows, width)[..., : width // 2 + 1]
    return _params(resized, _scale(height, width, decay) * (h * w / (height * width)))


def _scale(height: int, width: int, decay: float | int) -> Float[np.ndarray, "1 h f"]:
    """Return the factors from parameters to the spectrum."""
    rows = np.fft.fftfreq(height)[:, None]
    columns = np.fft.rfftfreq(width)[None, :]
    frequency = np.maximum(np.sqrt(rows**2 + columns**2), 1.0 / max(height, width))
    return (np.sqrt(height * width) / frequency**decay / 4.0).astype(np.float32)[None]


def _planes(
    params: Float[Array, "2 c h f"], scale: Float[np.ndarray, "1 h f"], width: int
) -> Float[Array, "c h w"]:
    spectrum = jax.lax.complex(params[0] * scale, params[1] * scale)
    return jnp.fft.irfft2(spectrum, s=(scale.shape[1], width))


def _params(
    spectrum: Inexact[Array, "c h f"], scale: Float[np.ndarray, "1 h f"]
) -> Float[Array, "2 c h f"]:
    factor = np.float32(1) / scale.astype(np.float32)
    return jnp.stack([spectrum.real * factor, spectrum.imag * factor])


def _resize(spectrum: Inexact[Array, "c a n"], size: int) -> Inexact[Array, "c a m"]:
    """Cut or pad the last axis of a whole spectrum, 0 first and the negative frequencies last."""
    n = spectrum.shape[-1]
    kept = min(n, size)
    if n == size:
        return spectrum
    low, high = spectrum[..., : (kept + 1) // 2], spectrum[..., n - (kept - 1) // 2 :]
    if kept % 2:
        middle = [_zeros(spectrum, size - kept)]
    elif size > n:
        # The highest frequency of an even size stands for itself and its negative.
        half = spectrum[..., n // 2 : n // 2 + 1] / 2
        middle = [half, _zeros(spectrum, size - kept - 1), half]
    else:
        positive, negative = size // 2, n - size // 2
        middle = [spectrum[..., positive, None] + spectrum[..., negative, None]]
    return jnp.concatenate([low, *middle, high], axis=-1)


def _zeros(like: Array, length: int) -> Array:
    return jnp.zeros((*like.shape[:-1], length), like.dtype)
