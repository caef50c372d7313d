"""The canvas that stimuli are drawn on: places in px, coverage of pixels, colours.

Places are measured from the stimulus's centre, x to the right and y up, and angles in degrees from
the right, counterclockwise, as in mathematics. A pixel takes of a shape as much as the shape covers
of it, so that no angle looks rougher than another: a detector tuned to steps would be mistaken for
one that is tuned to angles.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.errors import UserError

Number = float | int | np.ndarray | Array | Sequence[float | int]
"""One number for all images, or one for each: [b]."""

Colour = Number | Sequence[Sequence[float | int]]
"""A grey in [0, 1], an RGB colour, or one for each image: [b, 3]."""

Point = tuple[float | int, float | int]

GREY, BLACK, WHITE = 0.5, 0.0, 1.0


class Canvas(NamedTuple):
    """Where the pixels of a batch of images lie, turned by each image's angle.

    Attributes:
        along: distance in the direction of the angle, in px.
        across: distance to the left of that direction.
    """

    along: Float[Array, "b h w"]
    across: Float[Array, "b h w"]


def numbers(**values: Number) -> list[Float[Array, "b 1 1"]]:
    """Return parameters side by side, one for each image.

    Args:
        values: each one number or [b], by name.

    Raises:
        UserError: lengths that differ.

    >>> [one.shape for one in numbers(angle=np.zeros(3), radius=2)]
    [(3, 1, 1), (3, 1, 1)]
    """
    flat = {name: jnp.atleast_1d(jnp.asarray(v, jnp.float32)) for name, v in values.items()}
    for name, value in flat.items():
        if value.ndim != 1:
            raise UserError(f"{name} of shape {list(value.shape)}: must be a number or a list")
    lengths = {name: len(v) for name, v in flat.items() if len(v) != 1}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{length} of {name}" for name, length in lengths.items())
        raise UserError(f"{told}: must be one for all, or as many of each")
    count = max([1, *lengths.values()])
    return [jnp.broadcast_to(v, (count,))[:, None, None] for v in flat.values()]


def canvas(angle: Float[Array, "b 1 1"], size: int, centre: Point | None = None) -> Canvas:
    """Return where pixels lie, seen in the direction of an angle.

    Args:
        angle: in degrees, counterclockwise from the right.
        size: side of the images, in px.
        centre: row and column of the stimulus's centre, where the centre of pixel i is at i; the
            image's own by default.

    Raises:
        UserError: a size below 1.

    >>> canvas(jnp.zeros((1, 1, 1)), 3).along[0, 0].tolist()
    [-1.0, 0.0, 1.0]
    """
    if size < 1:
        raise UserError(f"images of {size} px: must be at least 1")
    row, column = ((size - 1) / 2, (size - 1) / 2) if centre is None else centre
    places = jnp.arange(size, dtype=jnp.float32)
    x, y = (places - column)[None, None, :], (row - places)[None, :, None]
    cos, sin = jnp.cos(jnp.deg2rad(angle)), jnp.sin(jnp.deg2rad(angle))
    return Canvas(cos * x + sin * y, cos * y - sin * x)


def stroked(distance: Float[Array, "b h w"], width: Float[Array, "b 1 1"]) -> Array:
    """Return how much of each pixel a stroke covers, by its distance from the stroke's middle.

    >>> stroked(jnp.array([[[-1.0, 0.0, 0.75]]]), jnp.ones((1, 1, 1)))[0, 0].tolist()
    [0.0, 1.0, 0.25]
    """
    half = width / 2
    return jnp.clip(jnp.minimum(distance + 0.5, half) - jnp.maximum(distance - 0.5, -half), 0, 1)


def beyond(distance: Float[Array, "b h w"]) -> Array:
    """Return how much of each pixel lies beyond an edge, by its distance from the edge.

    >>> beyond(jnp.array([[[-1.0, 0.0, 0.25]]]))[0, 0].tolist()
    [0.0, 0.5, 0.75]
    """
    return jnp.clip(distance + 0.5, 0, 1)


def painted(
    cover: Float[Array, "b h w"], ink: Colour, paper: Colour
) -> Float[Array, "{cover.shape[0]} h w 3"]:
    """Return images of one colour on another.

    Args:
        cover: how much of each pixel the ink takes, from 0 to 1.
        ink: colour of the stimulus.
        paper: colour of what is around it.

    Raises:
        UserError: what is no colour, or colours for another number of images.

    >>> painted(jnp.full((1, 1, 1), 0.5), (1.0, 0.0, 0.0), 0.0).ravel().tolist()
    [0.5, 0.0, 0.0]
    """
    first, second = _colour(ink, len(cover)), _colour(paper, len(cover))
    return second + cover[..., None] * (first - second)


def _colour(colour: Colour, count: int) -> Float[Array, "b 1 1 3"]:
    value = jnp.asarray(colour, jnp.float32)
    if value.shape not in [(), (3,), (1, 3), (count, 3)]:
        raise UserError(
            f"a colour of shape {list(value.shape)} for {count} images: must be a grey, "
            "red, green and blue, or these for each image"
        )
    rgb = jnp.broadcast_to(value, (3,))[None] if value.ndim < 2 else value
    return jnp.broadcast_to(rgb, (count, 3))[:, None, None]
