"""The path between two layers made linear, and the window of the source that a unit sees."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from jaxtyping import Array, Float

from atlasjax.circuits.layers import positions_of
from atlasjax.errors import UserError
from atlasjax.linearized import Unreached, linearized, run
from atlasjax.optvis.sizes import CHANNELS, Shape, taken, usual
from atlasjax.planes import as_planes
from atlasjax.taps import Model

IMAGE = "image"
"""The name that stands for the images themselves where a layer is asked for."""

SIDES = (48, 96, 192, 384)
"""Images that are tried, in px: the smallest in which the border does not cut a unit's window."""


class Window(NamedTuple):
    """Which positions of the source a target position sees, in rows and in columns.

    Attributes:
        centre: the target position that weights are taken at.
        start: the first source position that it sees.
        size: how many it sees.
        stride: how many source positions lie between what two neighbouring target positions see; 0
            where there is one position only.
    """

    centre: tuple[int, int]
    start: tuple[int, int]
    size: tuple[int, int]
    stride: tuple[int, int]


class Path(NamedTuple):
    """The way from one layer to another made linear.

    Attributes:
        program: it, from the source's value [1, h, w, in] to the target's [1, rows, columns, out].
        source: the shape of the source's value, without the batch.
        target: likewise.
        window: what the centre of the target sees.
        image_shape: of the images for which the layers have these shapes.
    """

    program: ClosedJaxpr
    source: tuple[int, int, int]
    target: tuple[int, int, int]
    window: Window
    image_shape: Shape


def linear_path(
    model: Model, source: str, target: str, image_shape: Sequence[int] | None = None
) -> Path:
    """Return the path from one layer to another made linear; see `atlasjax.linearized`.

    Args:
        model: a callable pytree `model(images, tap)`.
        source: a layer, as `planes.as_planes` shows it; or "image".
        target: a later layer. Before or after its rectifier is the same here.
        image_shape: the [h, w, c] of the images. By default the smallest at which the border does
            not cut what a target position sees; where it always does, the network's usual size.

    Returns:
        The program, the shapes and the window.

    Raises:
        UserError: no such layer, one without positions, a target that the source does not reach, or
            a path that has no weights of its own.

    >>> toy = lambda images, tap: tap("sum", images @ jnp.ones((3, 2))).mean((1, 2))
    >>> linear_path(toy, "image", "sum").window.size
    (1, 1)
    """
    if image_shape is not None:
        height, width, channels = image_shape
        return _path(model, source, target, (height, width, channels))
    own = taken(model, usual(), CHANNELS)
    if shape_of(planes_of(model, own), target)[:2] != (1, 1):
        for side in sorted({*SIDES, own[0]}):
            path = _tried(model, source, target, (side, side, own[2]), own)
            if path is not None and not _cut(path):
                return path
    return _path(model, source, target, own)


def planes_of(model: Model, image_shape: Shape) -> dict[str, jax.ShapeDtypeStruct]:
    """Return the shape and type of every layer's plane for one image, and those of the image.

    Args:
        model: a callable pytree `model(images, tap)`.
        image_shape: of the image.

    >>> list(planes_of(lambda images, tap: tap("a", images).mean((1, 2)), (4, 4, 3)))
    ['image', 'a']
    """
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    found = {IMAGE: images}

    def record(name: str, value: Array) -> Array:
        found[name] = jax.ShapeDtypeStruct(value.shape, value.dtype)
        return value

    jax.eval_shape(lambda m, x: m(x, record), as_planes(model), images)
    return found


def shape_of(found: dict[str, jax.ShapeDtypeStruct], layer: str) -> Shape:
    """Return the shape of a layer's plane, without the batch.

    Args:
        found: what `planes_of` returned.
        layer: its name.

    Raises:
        UserError: no such layer, or one without a plane.
    """
    return positions_of({name: plane.shape[1:] for name, plane in found.items()}, layer)


def between(
    model: Model, source: str, target: str
) -> Callable[[Float[Array, "b h w c"], Float[Array, "b rows columns channels"]], Array]:
    """Return the target as a function of images and of the source's value for them.

    Args:
        model: a callable pytree `model(images, tap)`.
        source: a layer, as `planes.as_planes` shows it; or "image".
        target: a layer that there is.
    """
    planes = as_planes(model)

    def function(images: Array, value: Array) -> Array:
        seen: list[Array] = []

        def tap(name: str, own: Array) -> Array:
            own = value if name == source else own
            if name == target:
                seen.append(own)
            return own

        planes(value if source == IMAGE else images, tap)
        return seen[0]

    return function


def _path(model: Model, source: str, target: str, image_shape: Shape) -> Path:
    found = planes_of(model, image_shape)
    given, made = (shape_of(found, layer) for layer in (source, target))
    if target == IMAGE:
        raise UserError("no weights lead to the image: the target must be a layer")
    function = between(model, source, target)
    images = jnp.zeros((1, *image_shape), jnp.float32)
    try:
        program = linearized(lambda value: function(images, value), found[source])
    except Unreached:
        raise UserError(f"nothing of layer {source!r} reaches layer {target!r}") from None
    return Path(program, given, made, _window(program), image_shape)


def _tried(model: Model, source: str, target: str, shape: Shape, own: Shape) -> Path | None:
    """Return the path in images of a size that the network may not take."""
    if shape != own:
        try:
            found = planes_of(model, shape)
        except Exception:  # whatever a network raises for images that are not of its own size
            return None
        # What makes rows of all that there is may take one image for several.
        if not all(layer in found and len(found[layer].shape) == 4 for layer in (source, target)):
            return None
        if found[target].shape[0] != 1:
            return None
    return _path(model, source, target, shape)


def _window(program: ClosedJaxpr) -> Window:
    """Find which source positions a target position sees, whatever the weights."""
    random = np.random.default_rng(0)

    def lively(constant: Any) -> Any:  # so that no weight that is 0 hides what is seen
        if not jnp.issubdtype(constant.dtype, jnp.floating):
            return constant
        return jnp.asarray(random.uniform(0.5, 1.5, constant.shape), constant.dtype)

    consts = [lively(constant) for constant in program.consts]
    (given,), (made,) = program.in_avals, program.out_avals
    _, rows, columns, _ = made.shape
    centre = (rows // 2, columns // 2)
    beside = ((max(centre[0] - 1, 0), centre[1]), (centre[0], max(centre[1] - 1, 0)))

    @jax.jit
    def seen(consts: Any, cotangents: Array) -> Array:
        fresh = ClosedJaxpr(program.jaxpr, consts)
        pull = jax.linear_transpose(lambda x: run(fresh, x), given)
        return jax.vmap(lambda one: (pull(one)[0] != 0).any((0, 3)))(cotangents)

    cotangents = np.zeros((3, *made.shape), made.dtype)
    for i, (row, column) in enumerate((centre, *beside)):
        cotangents[i, 0, row, column] = 1
    masks = np.asarray(seen(consts, cotangents))
    boxes = [(_extent(mask.any(1)), _extent(mask.any(0))) for mask in masks]
    starts = [(box[0][0], box[1][0]) for box in boxes]
    sizes = (boxes[0][0][1], boxes[0][1][1])
    stride = (starts[0][0] - starts[1][0], starts[0][1] - starts[2][1])
    return Window(centre, starts[0], sizes, stride)


def _extent(seen: np.ndarray) -> tuple[int, int]:
    """Return the first of the positions that are seen, and how many there are up to the last."""
    places = np.flatnonzero(seen)
    return (int(places[0]), int(places[-1] - places[0] + 1)) if len(places) else (0, 0)


def _cut(path: Path) -> bool:
    """Whether the window may be cut by the border."""
    window = path.window
    ends = zip(window.start, window.size, path.source[:2], strict=True)
    return any(first == 0 or first + size == whole for first, size, whole in ends)
