"""Parameterizations: what is optimized in place of pixels.

A parameterization is a pair of pure functions, `init(key) -> params` and `image(params) ->
[h, w, 3]`, for one image; batches are made with `jax.vmap`. The image does not change with the
parameterization, but the path to it does: in Fourier space every scale of detail is learned at its
own pace, and the high frequencies that fool a network do not come first.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from atlasjax.errors import UserError
from atlasjax.optvis.color import to_rgb

Params = PyTree[Array]


class Parameterization(NamedTuple):
    """A pair of pure functions, for one image.

    Attributes:
        init: a key to parameters.
        image: parameters to RGB in [0, 1], [h, w, 3].
    """

    init: Callable[[Key[Array, ""]], Params]
    image: Callable[[Params], Float[Array, "h w 3"]]


def fourier(size: int, sd: float = 0.01, decay: float = 1.0) -> Parameterization:
    r"""Parameterize an image by its spectrum, in decorrelated colours.

    `image = to_rgb(irfft2(z_f * size / max(f, 1/size)^decay) / 4)`, where z is what is optimized
    and f is a coefficient's frequency in cycles per pixel. The scaling gives white noise z the
    spectrum of natural images, so that one learning rate suits every scale. The image is periodic.

    Args:
        size: height and width in pixels, at least 2.
        sd: standard deviation of the initial coefficients.
        decay: power of the frequency by which coefficients are scaled down.

    Returns:
        The parameterization. Its parameters are real: [2, 3, size, size // 2 + 1], real and
        imaginary parts first, so that transforms run over the trailing axes.

    Raises:
        UserError: a size below 2.

    Source: Olah et al. 2017, "Preconditioning and parameterization".

    >>> init, image = fourier(8)
    >>> image(init(jax.random.key(0))).shape
    (8, 8, 3)
    """
    if size < 2:
        raise UserError(f"image size {size}: must be at least 2 px")
    rows = np.fft.fftfreq(size)[:, None]
    columns = np.fft.rfftfreq(size)[None, :]
    frequency = np.maximum(np.sqrt(rows**2 + columns**2), 1.0 / size)
    scale = (size / frequency**decay / 4.0).astype(np.float32)[None]

    def init(key: Key[Array, ""]) -> Float[Array, "2 3 h f"]:
        return sd * jax.random.normal(key, (2, 3, *scale.shape[1:]), jnp.float32)

    def image(params: Float[Array, "2 3 h f"]) -> Float[Array, "h w 3"]:
        spectrum = jax.lax.complex(params[0] * scale, params[1] * scale)
        planes = jnp.fft.irfft2(spectrum, s=(size, size))
        return to_rgb(jnp.moveaxis(planes, 0, -1))

    return Parameterization(init, image)
