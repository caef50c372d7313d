"""Positions: where in an image a layer is looked at, each layer for itself or all at one place.

The layers of a network have grids of different fineness, and position i of one does not lie where
position i of another does. To follow a place through the network, it is chosen once in the image
and every layer is looked at where it sees that place best.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from atlasjax.receptive import field_within
from atlasjax.taps import Model

WITHIN = 0.499  # of a stride; at half of it a place would lie between two positions


class Lattice(NamedTuple):
    """Where the positions of a layer lie in the image.

    Attributes:
        height: rows of positions.
        width: columns of positions.
        stride: distance of neighbours, in px.
        offset: the centre of position 0, in px, where the centre of pixel i is at i.
    """

    height: int
    width: int
    stride: float
    offset: float


Choose = Callable[[Key[Array, ""]], dict[str, Int[Array, "k 2"]]]
"""From an image's key to rows and columns in every layer."""


def placed(shape: tuple[int, int]) -> bool:
    """Tell whether a layer's positions are places in the image: rows and columns of them.

    A single position, such as a vector's, is not; nor is a line of them, such as registers.

    >>> placed((14, 14)), placed((1, 1)), placed((1, 4))
    (True, False, False)
    """
    return min(shape) > 1


def interior(height: int, width: int) -> Int[np.ndarray, "k 2"]:
    """List the positions that do not touch the border; all of them where there is no inside.

    A line of positions has no border: see `placed`.

    >>> interior(3, 4).tolist()
    [[1, 1], [1, 2]]
    """
    has_border = placed((height, width))
    rows = np.arange(1, height - 1) if height > 2 and has_border else np.arange(height)
    columns = np.arange(1, width - 1) if width > 2 and has_border else np.arange(width)
    grid = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([axis.ravel() for axis in grid], -1).astype(np.int32)


def independent(shapes: Mapping[str, tuple[int, int]], samples: int) -> Choose:
    """Choose positions in every layer without regard to the others.

    A layer's draws are told from those of others by its name, whatever its shape and its company.

    Args:
        shapes: rows and columns of positions of each layer.
        samples: how many, from 1 up to all that are off the border; where there are fewer, all.

    Returns:
        What draws them from an image's key, without replacement, off the border.

    >>> choose = independent({"mixed4c": (3, 3)}, 1)
    >>> choose(jax.random.key(0))["mixed4c"].tolist()
    [[1, 1]]
    """

    def choose(key: Key[Array, ""]) -> dict[str, Int[Array, "k 2"]]:
        return {
            name: _draw(jax.random.fold_in(key, crc32(name.encode())), *shape, samples)
            for name, shape in shapes.items()
        }

    return choose


def together(lattices: Mapping[str, Lattice], samples: int) -> Choose:
    """Choose places in the image, and in every layer the positions nearest to them.

    Positions are drawn in the coarsest layer. The place is anywhere in the square of image that is
    nearer to that position than to others, `offset + stride (i + u)` with u uniform in [-1/2, 1/2];
    so in a finer layer all positions have their turn.

    Args:
        lattices: of the layers.
        samples: how many places, from 1 up to the coarsest layer's positions off the border.

    Returns:
        What draws the positions from an image's key: off the border in every layer.

    >>> lattices = {"fine": Lattice(8, 8, 8.0, 6.0), "coarse": Lattice(4, 4, 16.0, 14.0)}
    >>> found = together(lattices, 4)(jax.random.key(0))
    >>> bool((abs(found["fine"] - 2 * found["coarse"]) <= 2).all())
    True
    """
    coarsest = coarsest_of(lattices)
    base = lattices[coarsest]

    def choose(key: Key[Array, ""]) -> dict[str, Int[Array, "k 2"]]:
        drawn = _draw(key, base.height, base.width, samples)
        within = jax.random.uniform(
            jax.random.fold_in(key, 1), drawn.shape, minval=-WITHIN, maxval=WITHIN
        )
        place = base.offset + base.stride * (drawn.astype(within.dtype) + within)
        return {name: _nearest(lattice, place) for name, lattice in lattices.items()}

    return choose


def coarsest_of(lattices: Mapping[str, Lattice]) -> str:
    """Return the layer with the fewest positions; of equals the first."""
    return min(lattices, key=lambda name: lattices[name].height * lattices[name].width)


def lattice_of(
    model: Model, layer: str, shape: tuple[int, int], image_size: int, channels: int = 3
) -> Lattice:
    """Return where a layer's positions lie: at the centres of what they see.

    Args:
        model: a callable pytree `model(images, tap)`; see `receptive_field`.
        layer: a layer with positions, as `planes.as_planes` shows it.
        shape: rows and columns of positions, in images of that size.
        image_size: side of the images, in px.
        channels: of the images.

    Returns:
        The lattice. Where the receptive field cannot be measured, the positions share the image out
        evenly; see `receptive.field_within`.

    >>> def pool(images, tap):
    ...     return tap("pool", (images[:, ::2] + images[:, 1::2])[:, :, ::2])
    >>> lattice_of(pool, "pool", (4, 4), 8)
    Lattice(height=4, width=4, stride=2.0, offset=0.5)
    """
    field = field_within(model, layer, shape[0], image_size, channels)
    return Lattice(*shape, field.stride, field.offset)


def _draw(key: Key[Array, ""], height: int, width: int, samples: int) -> Int[Array, "k 2"]:
    inside = jnp.asarray(interior(height, width))
    return inside[jax.random.permutation(key, len(inside))[:samples]]


def _nearest(lattice: Lattice, place: Array) -> Int[Array, "k 2"]:
    inside = interior(lattice.height, lattice.width)
    index = jnp.round((place - lattice.offset) / lattice.stride).astype(jnp.int32)
    return jnp.clip(index, jnp.asarray(inside.min(0)[None]), jnp.asarray(inside.max(0)[None]))
