"""What the objectives share: arguments become data, layers are read, mistakes are named.

Whatever selects (a channel, a direction, a class) is data with a leading axis of units, made on the
host, so that choosing another one does not compile again. Scores are computed in float32, whatever
the network computes in.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from atlasjax.errors import UserError, nearest
from atlasjax.optvis.objectives.core import LOGITS, Seen, Shapes

Indices = int | Sequence[int] | Integer[np.ndarray, "..."] | Integer[Array, "..."]
"""One index, or n of them: one for each unit."""

Places = (
    Sequence[int]
    | Sequence[Sequence[int]]
    | Integer[np.ndarray, "..."]
    | Integer[Array, "..."]
    | None
)
"""One position, (row, column) in an image's layers, or [n, 2]; None for the centre."""

Values = Float[np.ndarray, "..."] | Float[Array, "..."]
"""Activations or directions, alone or with a leading axis of n units."""

Matrix = Float[np.ndarray, "rows columns"] | Float[Array, "rows columns"]
Numbers = float | int | Float[np.ndarray, " n"] | Float[Array, " n"]


def per_unit(what: str, value: Any, ndim: int, dtype: type) -> np.ndarray:
    """Return an argument as data: an array with the units first.

    Args:
        what: what the argument is, for the error.
        value: an array of `ndim` axes, or of one more, the units.
        ndim: how many axes the argument has for one unit.
        dtype: of the data.

    Raises:
        UserError: another number of axes, no values at all, values that are not finite, or
            fractions where `dtype` has none.

    >>> per_unit("channel", 3, 0, np.int32), per_unit("channel", [3, 5], 0, np.int32)
    (array([3], dtype=int32), array([3, 5], dtype=int32))
    """
    given = np.asarray(value)
    if given.dtype.kind not in "iuf" and given.dtype.name != "bfloat16":
        raise UserError(f"{what}: must be numbers, not {given.dtype}")
    if not np.isfinite(given.astype(np.float64)).all():
        raise UserError(f"{what}: has values that are not finite")
    array = given.astype(dtype)
    if np.dtype(dtype).kind == "i" and not (array == given).all():
        raise UserError(f"{what}: {given.tolist()}; it must be whole numbers")
    if array.ndim not in (ndim, ndim + 1) or array.size == 0:
        raise UserError(
            f"{what}: an array of shape {list(array.shape)}; it must have {ndim} axes for one "
            f"unit, or {ndim + 1} with the units first, and none of them empty"
        )
    return array[None] if array.ndim == ndim else array


def activations(seen: Seen, layer: str) -> Float[Array, "frames ..."]:
    """Return what a layer says of each frame, in float32."""
    return jnp.asarray(seen.layers[layer], jnp.float32)


def by_position(value: Float[Array, "frames *places c"]) -> Float[Array, "frames p c"]:
    """Return activations with all positions along one axis; a layer without any has one."""
    return value.reshape(len(value), -1, value.shape[-1])


def at(
    value: Float[Array, "frames *places c"],
    position: Integer[Array, " axes"] | Integer[np.ndarray, " axes"] | None,
) -> Float[Array, "frames c"]:
    """Return the activations at a position, or at the centre: half of every axis, rounded down.

    >>> at(jnp.arange(9.0).reshape(1, 3, 3, 1), None)
    Array([[4.]], dtype=float32)
    """
    if position is None:
        index = tuple(size // 2 for size in value.shape[1:-1])
    else:
        index = tuple(position[axis] for axis in range(value.ndim - 2))
    return value[(slice(None), *index)]


def fault(shapes: Shapes, layer: str, what: str) -> UserError:
    """Return the error for an objective that does not fit a layer."""
    name = "the network's output" if layer == LOGITS else f"layer {layer!r}"
    return UserError(f"{name} has shape {list(shapes[layer])}: {what}")


def check_channels(shapes: Shapes, layer: str) -> int:
    """Return how many channels a layer has; it must have them."""
    if not shapes[layer]:
        raise fault(shapes, layer, "one number for each image; it has no channels")
    return shapes[layer][-1]


def check_index(shapes: Shapes, layer: str, index: Any, kind: str = "channel") -> None:
    """Refuse channels or classes that do not exist."""
    count = check_channels(shapes, layer)
    there = f"0 to {count - 1}" if count else "none"
    for one in np.ravel(index):
        if not 0 <= one < count:
            raise fault(shapes, layer, f"no {kind} {one}; there are {there}")


def check_has_positions(shapes: Shapes, layer: str) -> None:
    """Refuse a layer that has no positions."""
    check_channels(shapes, layer)
    if len(shapes[layer]) < 2:
        others = [name for name, shape in shapes.items() if len(shape) > 1]
        close = ", ".join(nearest(layer, others) or others[:4]) or "none"
        raise fault(
            shapes,
            layer,
            f"it has no positions; it must have shape [h, w, c]. Layers with positions: {close}",
        )


def check_position(shapes: Shapes, layer: str, position: Any) -> None:
    """Refuse positions outside of the layer; the centre is always inside."""
    check_channels(shapes, layer)
    if position is None:
        return
    check_has_positions(shapes, layer)
    sizes = shapes[layer][:-1]
    for one in np.asarray(position):
        if len(one) != len(sizes) or (one < 0).any() or (one >= sizes).any():
            last = [size - 1 for size in sizes]
            raise fault(
                shapes, layer, f"no position {one.tolist()}; there are {[0] * len(sizes)} to {last}"
            )


def check_vector(shapes: Shapes, layer: str, vector: Any, kind: str = "direction") -> None:
    """Refuse directions, and the like, that do not have one value for each channel of the layer."""
    count = check_channels(shapes, layer)
    if vector.shape[-1] != count:
        raise fault(
            shapes,
            layer,
            f"a {kind} of {vector.shape[-1]} values; it must have {count}, one for each channel",
        )


def check_value(shapes: Shapes, layer: str, value: Any) -> None:
    """Refuse activations, units first, of another shape than the layer's."""
    check_channels(shapes, layer)
    if value.shape[1:] != shapes[layer]:
        raise fault(
            shapes, layer, f"an activation of shape {list(value.shape[1:])}; it must have the same"
        )


def cosine_power(power: float | int, floor: float | int) -> tuple[float, float]:
    """Return the power of a cosine, at least 0, and the floor under it, in (0, 1]."""
    if not (power >= 0 and np.isfinite(power)):
        raise UserError(f"power {power}: must be at least 0 and finite")
    if not 0 < floor <= 1:
        raise UserError(f"floor {floor}: must be above 0, and at most 1")
    return float(power), float(floor)
