"""Units of several frames: images that have something in common.

Optimized apart, the images of an interpolation find their parts in different places, and what is
between them flickers. When they share a component, above all a coarse one, broad forms are agreed
on and each frame adds what is its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Key, PyTree

from atlasjax.errors import UserError
from atlasjax.optvis.param.again import remembered
from atlasjax.optvis.param.core import (
    Colored,
    Parameterization,
    Params,
    Size,
    height_and_width,
    image_shape,
    steps,
    upsample,
)


class FrameParams(NamedTuple):
    """The parameters of `shared`.

    Attributes:
        own: of every frame, with the frames first.
        common: of every component that all frames share.
    """

    own: PyTree[Array]
    common: tuple[PyTree[Array], ...]


@remembered
def low_resolution(base: Parameterization, size: Size) -> Parameterization:
    """Enlarge a parameterization: `image = color(upsample(field of the base))`.

    Args:
        base: of a smaller size, and with a field.
        size: height and width of the images in pixels; one number for both.

    Returns:
        The parameterization, with the parameters of the base. The image does not close at its
        edges, even where the base is periodic.

    Raises:
        UserError: a base that is larger, or without a field.

    Source: Mordvintsev et al. 2018, "Differentiable image parameterizations", on aligned
    interpolation.

    >>> from atlasjax.optvis.param import fourier
    >>> image_shape(low_resolution(fourier(8), (30, 32)))
    (30, 32, 3)
    """
    coarse = steps(base)
    height, width = height_and_width(size)
    *_, h, w, _ = image_shape(base)
    if height < h or width < w:
        raise UserError(f"image size {size}: must be at least the base's, {(h, w)}")

    def field(params: Params) -> Float[Array, "*frames h w c"]:
        return upsample(coarse.field(params), size)

    return Parameterization(base.init, Colored(field, coarse.color))


@remembered
def shared(
    param: Parameterization, frames: int, common: Sequence[Parameterization] = ()
) -> Parameterization:
    """Make a unit of several frames: `image_k = color(own_k + sum_j common_j)`.

    Args:
        param: what each frame has for itself; its colours are those of the sum.
        frames: how many, at least 1.
        common: what all of them share, of the same size. Often at several low resolutions:
            `[low_resolution(fourier(n), 128) for n in (8, 16, 32)]`. With none, the frames have
            nothing in common but the unit.

    Returns:
        The parameterization, whose image is [frames, h, w, c], and whose parameters are
        `FrameParams`.

    Raises:
        UserError: no frame, components of other sizes, of several frames, or without a field.

    Source: Mordvintsev et al. 2018, "Differentiable image parameterizations", on aligned
    interpolation.

    >>> from atlasjax.optvis.param import fourier
    >>> image_shape(shared(fourier(16), 3, common=[low_resolution(fourier(4), 16)]))
    (3, 16, 16, 3)
    """
    if frames < 1:
        raise UserError(f"{frames} frames: must be at least 1")
    own, others = steps(param), [steps(part) for part in common]
    shape = image_shape(param)
    for part in (param, *common):
        if image_shape(part) != shape or len(shape) != 3:
            raise UserError(f"a component of shape {image_shape(part)}: must be {shape[-3:]}")

    def init(key: Key[Array, ""]) -> FrameParams:
        for_own, *for_common = jax.random.split(key, 1 + len(common))
        each = jax.vmap(param.init)(jax.random.split(for_own, frames))
        return FrameParams(each, tuple(p.init(k) for p, k in zip(common, for_common, strict=True)))

    def field(params: FrameParams) -> Float[Array, "frames h w c"]:
        total = jax.vmap(own.field)(params.own)
        for other, its_params in zip(others, params.common, strict=True):
            total = total + other.field(its_params)[None]
        return total

    return Parameterization(init, Colored(field, own.color))
