"""What a parameterization is, and how one starts from parameters already found.

Most make an image in two steps: a *field* of unbounded decorrelated colours, and its colours in
[0, 1]. Fields can be added, images cannot, so the steps are kept apart for those who compose them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from atlasjax.errors import UserError
from atlasjax.optvis.color import Matrix, to_rgb

Params = PyTree[Array | np.ndarray]
"""On the device, or back on the host as a finished visualization has them."""

Size = int | tuple[int, int]
"""The height and width of an image in pixels; one number for both."""


class Parameterization(NamedTuple):
    """A pair of pure functions, for one unit.

    Attributes:
        init: a key to parameters.
        image: parameters to colours in [0, 1]: [h, w, c], or [frames, h, w, c]. Where it is a
            `Colored`, it can be composed with others.
    """

    init: Callable[[Key[Array, ""]], Params]
    image: Callable[[Params], Float[Array, "*frames h w c"]]


@dataclass(frozen=True)
class Colored:
    """The function `image(params) = color(field(params))`, with its two steps.

    Attributes:
        field: parameters to unbounded decorrelated colours.
        color: these to colours in [0, 1].
    """

    field: Callable[[Params], Float[Array, "*frames h w c"]]
    color: Callable[[Float[Array, "*frames h w c"]], Float[Array, "*frames h w c"]]

    def __call__(self, params: Params) -> Float[Array, "*frames h w c"]:
        """Return the image."""
        return self.color(self.field(params))


def from_field(
    init: Callable[[Key[Array, ""]], Params],
    field: Callable[[Any], Float[Array, "*frames h w c"]],
    correlation: Matrix | None = None,
) -> Parameterization:
    """Return the parameterization with `image(params) = to_rgb(field(params))`.

    Args:
        init: a key to parameters.
        field: parameters to unbounded decorrelated colours.
        correlation: from these to the channels; ImageNet's by default.

    >>> grey = from_field(lambda key: jnp.zeros(3), lambda p: jnp.broadcast_to(p, (2, 2, 3)))
    >>> grey.image(grey.init(jax.random.key(0)))[0, 0].tolist()
    [0.5, 0.5, 0.5]
    """

    def color(values: Float[Array, "*frames h w c"]) -> Float[Array, "*frames h w c"]:
        return to_rgb(values, correlation)

    return Parameterization(init, Colored(field, color))


def steps(param: Parameterization) -> Colored:
    """Return both steps of a parameterization that has them.

    Raises:
        UserError: it goes to its image in one step.

    >>> from atlasjax.optvis.param import pixels
    >>> param = pixels(2)
    >>> steps(param).field(jnp.full((2, 2, 3), 7.0))[0, 0].tolist()
    [7.0, 7.0, 7.0]
    """
    if not isinstance(param.image, Colored):
        raise UserError(
            "the parameterization has no field to be added to or enlarged: make it with "
            "from_field, and add an alpha channel last"
        )
    return param.image


def image_shape(param: Parameterization) -> tuple[int, ...]:
    """Return the shape of a unit's images, without computing any.

    >>> from atlasjax.optvis.param import fourier
    >>> image_shape(fourier((6, 8)))
    (6, 8, 3)
    """
    return jax.eval_shape(lambda key: param.image(param.init(key)), jax.random.key(0)).shape


def start_from(
    param: Parameterization, params: Params, noise: float | int = 0.0
) -> Parameterization:
    """Return a parameterization that starts from given parameters instead of drawing them.

    Args:
        param: what the parameters belong to.
        params: those of one unit, such as a neighbour's finished ones. Every unit starts there;
            where each has a start of its own, map `perturb` over them.
        noise: the standard deviation of what is added to every parameter, at least 0.

    Returns:
        The same parameterization with another `init`.

    Raises:
        UserError: parameters of another structure or shape, or a negative noise.

    >>> from atlasjax.optvis.param import fourier
    >>> param = fourier(8)
    >>> params = param.init(jax.random.key(0))
    >>> again = start_from(param, params).init(jax.random.key(1))
    >>> bool((again == params).all())
    True
    """
    expected = jax.eval_shape(param.init, jax.random.key(0))
    if _shapes(params) != _shapes(expected):
        raise UserError(
            f"parameters {_shapes(params)} do not belong here: must be {_shapes(expected)}"
        )
    if noise < 0:
        raise UserError(f"noise {noise}: must be at least 0")
    return param._replace(init=lambda key: perturb(key, params, noise))


def perturb(key: Key[Array, ""], params: Params, noise: float | int) -> Params:
    """Add normal noise to every parameter, `p + noise * n`.

    Args:
        key: what the noise is drawn from.
        params: of one unit.
        noise: the standard deviation; with 0, the parameters come back as they are.

    >>> perturb(jax.random.key(0), {"a": jnp.ones(2)}, 0)
    {'a': Array([1., 1.], dtype=float32)}
    """
    leaves, structure = jax.tree.flatten(params)
    if noise == 0:
        return jax.tree.unflatten(structure, [jnp.asarray(leaf) for leaf in leaves])
    keys = jax.random.split(key, len(leaves))
    moved = [
        leaf + noise * jax.random.normal(k, leaf.shape, leaf.dtype)
        for k, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, moved)


def height_and_width(size: Size, smallest: int = 1) -> tuple[int, int]:
    """Return both sides of an image.

    Args:
        size: one number or two.
        smallest: the least that either may be.

    Raises:
        UserError: a side below it.

    >>> height_and_width(8)
    (8, 8)
    """
    height, width = size if isinstance(size, tuple) else (size, size)
    if min(height, width) < smallest:
        raise UserError(f"image size {size}: must be at least {smallest} px")
    return height, width


def upsample(values: Float[Array, "*frames h w c"], size: Size) -> Float[Array, "*frames H W c"]:
    """Enlarge a field by cubic interpolation between the centres of its pixels.

    At the edges the weights of what lies outside are shared out among the pixels inside.

    Args:
        values: of any number of channels.
        size: what it becomes, at least what it is.

    Raises:
        UserError: a size smaller than the field's.

    Source: Keys 1981, "Cubic convolution interpolation", with a = -1/2.

    >>> upsample(jnp.ones((2, 3, 1)), (4, 5)).shape
    (4, 5, 1)
    """
    height, width = height_and_width(size)
    *frames, h, w, channels = values.shape
    if height < h or width < w:
        raise UserError(f"image size {size}: must be at least that of what is enlarged, {(h, w)}")
    return jax.image.resize(values, (*frames, height, width, channels), "cubic")


def _shapes(params: Any) -> PyTree:
    return jax.tree.map(lambda leaf: tuple(leaf.shape), params)
