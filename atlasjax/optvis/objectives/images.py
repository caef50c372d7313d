"""Penalties on the image itself, whatever the network says of it.

Each is a positive number that is the worse the larger it is, to be subtracted:
`channel("mixed4c", 7) - 0.1 * total_variation()`. All are means over pixels and channels, so that a
weight found at one size of image serves at another.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.optvis.objectives.core import Objective, Seen
from atlasjax.optvis.objectives.parts import Numbers, per_unit


def l1(constant: Numbers = 0.5) -> Objective:
    """Return the penalty on leaving a grey, in absolute values: `mean |x - constant|`.

    Args:
        constant: the value of a pixel that costs nothing; or n of them, one for each unit.

    Returns:
        The penalty, at least 0, to be subtracted.

    Raises:
        UserError: an array with too many axes.

    Source: Olah et al., "Feature Visualization", Distill 2017, "Frequency penalization", names it
    among the regularizers of images.

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> evaluate(take(l1(), 0), Seen(jnp.ones((1, 4, 4, 3)), {}))
    Array([0.5], dtype=float32)
    """
    return Objective(_l1, data=per_unit("constant", constant, 0, np.float32))


def _l1(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    return jnp.abs(_pixels(seen) - data).mean((1, 2, 3))


def l2(constant: Numbers = 0.5) -> Objective:
    """Return the penalty on leaving a grey, in squares: `mean (x - constant)^2`.

    Args:
        constant: the value of a pixel that costs nothing; or n of them, one for each unit.

    Returns:
        The penalty, at least 0, to be subtracted.

    Raises:
        UserError: an array with too many axes.

    Source: Simonyan et al., "Deep inside convolutional networks", 2014, equation 1, about 0.

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> evaluate(take(l2(), 0), Seen(jnp.ones((1, 4, 4, 3)), {}))
    Array([0.25], dtype=float32)
    """
    return Objective(_l2, data=per_unit("constant", constant, 0, np.float32))


def _l2(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    return jnp.square(_pixels(seen) - data).mean((1, 2, 3))


def total_variation() -> Objective:
    """Return the penalty on changes from pixel to pixel.

    `(sum |x[i + 1, j] - x[i, j]| + sum |x[i, j + 1] - x[i, j]|) / (h w c)`

    Returns:
        The penalty, at least 0, to be subtracted.

    Source: Mahendran and Vedaldi, "Understanding deep image representations by inverting them",
    2015, equation 4, with exponent 1 and the two directions by themselves.

    >>> from atlasjax.optvis.objectives.core import evaluate
    >>> image = jnp.asarray([[0.0, 1.0], [0.0, 1.0]])[None, :, :, None]
    >>> evaluate(total_variation(), Seen(image, {}))
    Array([0.5], dtype=float32)
    """
    return Objective(_total_variation)


def _total_variation(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del data, settings
    x = _pixels(seen)
    down = jnp.abs(x[:, 1:] - x[:, :-1]).sum((1, 2, 3))
    right = jnp.abs(x[:, :, 1:] - x[:, :, :-1]).sum((1, 2, 3))
    return (down + right) / x[0].size


def blur() -> Objective:
    """Return the penalty on differing from a blurred copy: `mean (x - stop_gradient(B x))^2`.

    B averages each pixel with its neighbours, with weights 1/4, 1/2, 1/4 along each axis and the
    edges repeated. The copy does not answer to the gradient, so that a step goes towards it: with
    weight 1 and plain gradient steps, that is a blur of the image in each step.

    Returns:
        The penalty, at least 0, to be subtracted.

    Source: Nguyen et al., "Deep neural networks are easily fooled", 2015, and Olah et al. 2017,
    "Frequency penalization", blur the image in each step.

    >>> from atlasjax.optvis.objectives.core import evaluate
    >>> evaluate(blur(), Seen(jnp.ones((1, 4, 4, 3)), {}))
    Array([0.], dtype=float32)
    """
    return Objective(_blur)


def _blur(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del data, settings
    x = _pixels(seen)
    return jnp.square(x - jax.lax.stop_gradient(_blurred(x))).mean((1, 2, 3))


def boundary_complexity(
    width: int = 20, color: Numbers = 0.5, weight: float | int = 0.8
) -> Objective:
    """Return the penalty on what happens at the edges of the image.

    `mean ((x - B x)^2 + weight (x - color)^2)` over the pixels less than `width` from an edge, with
    B the blur of `blur`, applied twice. Both the copy and the image answer to the gradient. It
    keeps the border plain and of one colour, so that what is drawn stands free in the middle.

    Args:
        width: of the border in pixels, at least 1; where the image is no larger, all of it counts.
        color: the value that costs nothing; or n of them, one for each unit.
        weight: how much being of another colour counts over not being plain, at least 0.

    Returns:
        The penalty, at least 0, to be subtracted.

    Raises:
        UserError: a width or a weight that cannot be, or an array with too many axes.

    Source: the penalty of that name in the library that came with Olah et al. 2017.

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> evaluate(take(boundary_complexity(1, weight=1.0), 0), Seen(jnp.ones((1, 4, 4, 3)), {}))
    Array([0.25], dtype=float32)
    """
    if width < 1:
        raise UserError(f"width {width}: must be at least 1 px")
    if not (weight >= 0 and np.isfinite(weight)):
        raise UserError(f"weight {weight}: must be at least 0 and finite")
    data = (per_unit("color", color, 0, np.float32), np.full((1,), weight, np.float32))
    return Objective(_boundary_complexity, data=data, settings=width)


def _boundary_complexity(seen: Seen, data: Any, width: Any) -> Float[Array, " frames"]:
    (color, weight), x = data, _pixels(seen)
    inside = [
        (np.arange(size) >= width) & (np.arange(size) < size - width) for size in x.shape[1:3]
    ]
    border = ~(inside[0][:, None] & inside[1][None])
    unrest = jnp.square(x - _blurred(_blurred(x))) + weight * jnp.square(x - color)
    return (unrest.mean(-1) * border.astype(np.float32)[None]).sum((1, 2)) / float(border.sum())


def alpha_mean() -> Objective:
    """Return the penalty on being opaque: the mean of the fourth channel, alpha.

    Only for networks that see alpha as a fourth channel.

    Returns:
        The penalty, to be subtracted. Evaluating it raises `UserError` for images that do not have
        four channels.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill 2018, "Creating
    semi-transparent patterns".

    >>> from atlasjax.optvis.objectives.core import evaluate
    >>> evaluate(alpha_mean(), Seen(jnp.ones((1, 4, 4, 4)), {}))
    Array([1.], dtype=float32)
    """
    return Objective(_alpha_mean)


def _alpha_mean(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del data, settings
    x = _pixels(seen)
    if x.shape[-1] != 4:
        raise UserError(
            f"images of shape {list(x.shape[1:])} have no alpha; they must have 4 channels"
        )
    return x[..., 3].mean((1, 2))


def _pixels(seen: Seen) -> Float[Array, "frames h w c"]:
    return jnp.asarray(seen.images, jnp.float32)


def _blurred(x: Float[Array, "frames h w c"]) -> Float[Array, "frames h w c"]:
    """Average each pixel with its neighbours, with weights 1/4, 1/2, 1/4 along each axis."""
    wide = jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)), mode="edge")
    x = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    wide = jnp.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)), mode="edge")
    return (wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]) / 4
