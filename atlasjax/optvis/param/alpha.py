"""Transparency: an image that leaves out what does not matter.

Seen before random backgrounds, an image is best opaque where the objective needs it and transparent
elsewhere; the alpha channel then shows which part of the picture matters.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from atlasjax.errors import UserError
from atlasjax.optvis.color import no_correlation
from atlasjax.optvis.param.again import remembered
from atlasjax.optvis.param.core import Parameterization, image_shape
from atlasjax.optvis.param.fourier import fourier
from atlasjax.optvis.param.frames import shared


class AlphaParams(NamedTuple):
    """The parameters of `with_alpha`.

    Attributes:
        color: of the colours.
        alpha: of the opacity.
    """

    color: PyTree[Array]
    alpha: PyTree[Array]


@remembered
def with_alpha(param: Parameterization, alpha: Parameterization | None = None) -> Parameterization:
    """Add an alpha channel: `image = (param.image, alpha.image)` side by side.

    Args:
        param: of the colours, [h, w, c] or [frames, h, w, c].
        alpha: of the opacity, 0 where nothing is seen and 1 where all is: the same shape with one
            channel. By default `fourier` of the size of the colours, for each frame its own, which
            starts half transparent everywhere.

    Returns:
        The parameterization, with the alpha channel last. Its parameters are `AlphaParams`. It has
        no field: add components first, the alpha channel last.

    Raises:
        UserError: an alpha of another shape.

    Source: Mordvintsev et al. 2018, "Differentiable image parameterizations", on transparency.

    >>> image_shape(with_alpha(fourier((6, 8))))
    (6, 8, 4)
    """
    *frames, height, width, _ = image_shape(param)
    if alpha is None:
        alpha = fourier((height, width), correlation=no_correlation(1))
        alpha = shared(alpha, frames[0]) if frames else alpha
    opacity = alpha
    if image_shape(opacity) != (*frames, height, width, 1):
        raise UserError(
            f"an alpha channel of shape {image_shape(opacity)}: must be "
            f"{(*frames, height, width, 1)}"
        )

    def init(key: Key[Array, ""]) -> AlphaParams:
        for_color, for_alpha = jax.random.split(key)
        return AlphaParams(param.init(for_color), opacity.init(for_alpha))

    def image(params: AlphaParams) -> Float[Array, "*frames h w c"]:
        parts = [param.image(params.color), opacity.image(params.alpha)]
        return jnp.concatenate(parts, axis=-1)

    return Parameterization(init, image)
