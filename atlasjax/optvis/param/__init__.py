"""Parameterizations: what is optimized in place of pixels.

A parameterization is a pair of pure functions, `init(key) -> params` and `image(params) ->
[h, w, c]`, for one unit: one image, or a few frames [frames, h, w, c] that are optimized together.
Batches of units are made with `jax.vmap`. The images that can be made do not change with the
parameterization, but the path to them does.
"""

from atlasjax.optvis.param.alpha import with_alpha
from atlasjax.optvis.param.core import (
    Colored,
    Parameterization,
    Params,
    Size,
    from_field,
    image_shape,
    perturb,
    start_from,
)
from atlasjax.optvis.param.cppn import cppn
from atlasjax.optvis.param.fourier import fourier, fourier_params, resize_fourier
from atlasjax.optvis.param.frames import low_resolution, shared
from atlasjax.optvis.param.laplacian import laplacian
from atlasjax.optvis.param.maco import Spectrum, maco, mean_spectrum
from atlasjax.optvis.param.pixels import pixels

__all__ = [
    "Colored",
    "Parameterization",
    "Params",
    "Size",
    "Spectrum",
    "cppn",
    "fourier",
    "fourier_params",
    "from_field",
    "image_shape",
    "laplacian",
    "low_resolution",
    "maco",
    "mean_spectrum",
    "perturb",
    "pixels",
    "resize_fourier",
    "shared",
    "start_from",
    "with_alpha",
]
