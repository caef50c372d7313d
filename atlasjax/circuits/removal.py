"""Removal: what the network says without some units of a layer, many sets of units in turn."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.circuits.layers import shape_of
from atlasjax.circuits.passes import batches, shape_of_images
from atlasjax.errors import UserError
from atlasjax.planes import as_planes
from atlasjax.rewriting import optimized
from atlasjax.taps import Model, intervene


def without_units(
    model: Model,
    layer: str,
    sets: Sequence[Sequence[int]],
    images: Float[Array | np.ndarray, "b h w c"],
) -> Float[np.ndarray, "sets b outputs"]:
    """Return the network's outputs with the units of each set at zero.

    The empty set gives what the network says with all of them.

    Args:
        model: a callable pytree `model(images, tap)`, whose output is [b, outputs].
        layer: as `planes.as_planes` shows it.
        sets: numbers of units.
        images: as the model takes them.

    Raises:
        UserError: no such layer or unit, or no sets.

    >>> toy = lambda images, tap: tap("a", images).sum((1, 2))
    >>> without_units(toy, "a", [[], [1]], np.ones((1, 1, 1, 2), np.float32)).tolist()
    [[[1.0, 1.0]], [[1.0, 0.0]]]
    """
    if not len(sets):
        raise UserError("no sets of units: give at least one, such as [3, 7]")
    count = shape_of(model, layer, shape_of_images(images))[-1]
    kept = np.ones((len(sets), count), np.float32)
    for row, units in zip(kept, sets, strict=True):
        for unit in units:
            if not 0 <= unit < count:
                raise UserError(f"unit {unit} of {layer!r}: must be from 0 to {count - 1}")
            row[unit] = 0

    @jax.jit
    def see(model: Any, images: Array, kept: Array) -> Array:
        edit = lambda value: value * kept[None, None, None]  # noqa: E731
        return intervene(model, images, {layer: edit}).reshape(len(images), -1)

    planes, parts = optimized(as_planes(model)), []
    for batch, _ in batches(images):
        parts.append([np.asarray(see(planes, batch, jnp.asarray(row))) for row in kept])
    return np.concatenate([np.stack(part) for part in parts], 1)[:, : len(images)]
