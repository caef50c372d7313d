"""Tuning: what every unit of a layer answers to stimuli, in one pass, before the rectifier.

A rectifier hides what a unit is against, and how near to firing it is; so what is read is the value
that goes into it, found in the network's traced program where the network does not tap it. The
stimulus stands in the middle of what the position that is read sees: a curve 4 px beside it may be
another stimulus.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, PyTree

from atlasjax.circuits.layers import shape_of
from atlasjax.circuits.stimuli.canvas import Number
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh, pad_batch, platform_of, replicate, share_of, split_batch
from atlasjax.planes import as_planes
from atlasjax.receptive import field_within
from atlasjax.rectifiers import before_rectifier
from atlasjax.rewriting import optimized
from atlasjax.taps import Model, capture

Draw = Callable[..., Float[Array, "b h w 3"]]
"""A function of `stimuli`, or one like them: of arrays by name, `size` and `centre`."""

AT_A_TIME = 64  # images
STEP = 16  # px: sizes of images are multiples of it
MOST = 224  # px: larger fields see the image's border


class Stage(NamedTuple):
    """Where stimuli are shown to a layer, and which of its positions is read.

    Attributes:
        size: side of the images, in px.
        row: of the position.
        column: of the position.
        centre: row and column of the middle of what it sees, in px.
        field: side of what it sees, in px.
    """

    size: int
    row: int
    column: int
    centre: tuple[float, float]
    field: int


def stage(
    model: Model, layer: str, size: int | None = None, *, most: int = MOST, channels: int = 3
) -> Stage:
    """Return how large images for a layer must be, and which position is read where in them.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions, as `planes.as_planes` shows it.
        size: side of the images, in px; by default what the middle position sees whole, if `most`
            has room for it. Give it for a network that takes one size only.
        most: of the size that is chosen here, in px.
        channels: of the images.

    Returns:
        The stage: the position whose centre is nearest to the image's, and that centre.

    Raises:
        UserError: no such layer, or one without positions.

    >>> def pool(images, tap):
    ...     return tap("pool", (images[:, ::2] + images[:, 1::2])[:, :, ::2])
    >>> stage(pool, "pool", 8)
    Stage(size=8, row=2, column=2, centre=(4.5, 4.5), field=2)
    """
    model = as_planes(model)
    given = most if size is None else size
    shape = shape_of(model, layer, (given, given, channels))
    field = field_within(model, layer, shape[0], given, channels)
    if size is None:
        whole = field.size + 2 * field.stride
        given = min(STEP * int(np.ceil(whole / STEP)), most)
        shape = shape_of(model, layer, (given, given, channels))
    middle = ((given - 1) / 2 - field.offset) / field.stride
    row, column = (int(np.clip(np.round(middle), 0, n - 1)) for n in shape[:2])
    centre = (field.offset + field.stride * row, field.offset + field.stride * column)
    return Stage(given, row, column, centre, field.size)


def tuning(
    model: Model,
    layer: str,
    draw: Draw,
    parameters: Mapping[str, Number],
    *,
    on: Stage | None = None,
    at_a_time: int = AT_A_TIME,
    mesh: Mesh | None = None,
) -> Float[np.ndarray, "stimuli units"]:
    """Return what every unit of a layer answers to each of some stimuli.

    Images are drawn on the devices, a batch at a time, so that any number of them take no room.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions.
        draw: a function of `stimuli`, or one of your own.
        parameters: what it is given: numbers, or arrays whose first axis is the stimuli. What is
            no number, such as one colour for all, is given by `functools.partial`.
        on: where to show them, as `stage` returns it; that of the layer by default.
        at_a_time: stimuli in a batch.
        mesh: the devices to share the work; all by default.

    Returns:
        The value before the rectifier, at the position that is centred on the stimulus.

    Raises:
        UserError: no such layer, or parameters of different lengths.

    >>> from atlasjax.circuits.stimuli import discs
    >>> toy = lambda images, tap: tap("on", jax.nn.relu(images - 0.875)).mean((1, 2))
    >>> tuning(toy, "on", discs, {"radius": [0.0, 9.0]}, on=Stage(8, 4, 4, (4.0, 4.0), 1))[:, 0]
    array([-0.125,  0.125], dtype=float32)
    """
    on = stage(model, layer) if on is None else on
    arrays = {name: np.asarray(value, np.float32) for name, value in parameters.items()}
    count = _count(arrays)
    whole = {name: value for name, value in arrays.items() if not value.ndim}
    each = {name: value for name, value in arrays.items() if value.ndim}
    show = jax.jit(lambda whole, each: draw(**whole, **each, size=on.size, centre=on.centre))
    mesh = batch_mesh() if mesh is None else mesh
    opened, name = before_rectifier(
        optimized(as_planes(model), platform_of(mesh)), layer, (on.size, on.size, 3)
    )
    opened, read = replicate(opened, mesh), _reader(name, on.row, on.column, mesh)
    size = share_of(min(at_a_time, count), mesh)
    found = []
    for start in range(0, count, size):
        part = {name: value[start : start + size] for name, value in each.items()}
        images = show(whole, pad_batch(part, size) if each else part)
        images = pad_batch(images, size)
        found.append(np.asarray(read(opened, images))[: count - start])
    return np.concatenate(found)


def tuning_map(
    model: Model,
    layer: str,
    draw: Draw,
    axes: Mapping[str, Number],
    fixed: Mapping[str, Number] | None = None,
    *,
    on: Stage | None = None,
    at_a_time: int = AT_A_TIME,
    mesh: Mesh | None = None,
) -> Float[np.ndarray, "*axes units"]:
    """Return what every unit answers to all combinations of some parameters.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions.
        draw: a function of `stimuli`, or one of your own.
        axes: for each parameter its values, [n].
        fixed: parameters that are the same for all.
        on: where to show them, as `stage` returns it; that of the layer by default.
        at_a_time: stimuli in a batch.
        mesh: the devices to share the work; all by default.

    Returns:
        One axis for each parameter, in their order, and then the units: a curve for one parameter,
        a map for two.

    >>> from atlasjax.circuits.stimuli import curves
    >>> toy = lambda images, tap: tap("on", jax.nn.relu(images)).mean((1, 2))
    >>> axes = {"angle": np.arange(0, 360, 90), "radius": [4.0, 8.0]}
    >>> tuning_map(toy, "on", curves, axes, on=Stage(8, 4, 4, (4.0, 4.0), 1)).shape
    (4, 2, 3)
    """
    values = {name: np.atleast_1d(np.asarray(axis, np.float32)) for name, axis in axes.items()}
    grids = np.meshgrid(*values.values(), indexing="ij")
    every: dict[str, Any] = {name: grid.ravel() for name, grid in zip(values, grids, strict=True)}
    given = every | dict(fixed or {})
    found = tuning(model, layer, draw, given, on=on, at_a_time=at_a_time, mesh=mesh)
    return found.reshape(*(len(axis) for axis in values.values()), -1)


@cache
def _reader(name: str, row: int, column: int, mesh: Mesh) -> Callable[[PyTree, Array], Array]:
    """Return what reads one position of a value; compiled once for all stimuli."""

    def read(model: Any, images: Float[Array, "b h w 3"]) -> Float[Array, "b units"]:
        return capture(model, images, [name])[name][:, row, column]

    return split_batch(read, mesh, replicated=1)


def _count(arrays: Mapping[str, np.ndarray]) -> int:
    """Return for how many stimuli there are parameters."""
    lengths = {name: len(value) for name, value in arrays.items() if value.ndim}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{n} of {name}" for name, n in lengths.items())
        raise UserError(f"{told}: must be one for all, or as many of each")
    return max([1, *lengths.values()])
