"""Receptive fields: which pixels a layer's positions see, exactly, for any model.

Nothing is derived from a description of the network, which a plain function does not have. A NaN
spreads to all that depends on it, and to nothing else: convolutions, pooling, relu and
normalization over channels pass it on, whatever the weights. So the lower part of an image is made
NaN from some row on, and the first position that turns NaN is the first that sees that row.
"""

import bisect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from atlasjax.errors import UserError, unknown
from atlasjax.planes import as_planes
from atlasjax.taps import Model, as_pytree, layers

SHARE = 5  # strides across what stands for the field of a position that sees everything
_PERIODS = 2**8 * 3**2 * 5 * 7  # px: a multiple of every stride in use
_HEIGHTS = (32, 128, 1024)  # strides: heights to try, until the field fits in an image
_LEAST = 512  # px: so that no gap in a field, of a widely dilated kernel, is taken for its end


class ReceptiveField(NamedTuple):
    """What the positions of a layer see, in pixels; the centre of pixel i is at i.

    Position i has its centre at `offset + stride * i`, in either direction.

    Attributes:
        stride: distance between neighbouring positions.
        offset: centre of the field of position 0.
        size: side of the whole field, where the image's border does not cut it.
    """

    stride: float
    offset: float
    size: int


def receptive_field(
    model: Model, layer: str, *, channels: int = 3, width: int = 32
) -> ReceptiveField:
    """Return the receptive field of a layer's positions.

    It is measured along the rows of the image and holds along the columns where kernels are square.
    A layer of several branches has the field of the widest. The network is run up to the layer
    only, on the CPU, whose convolutions do not mix neighbours (transforms on other devices may).

    Args:
        model: a callable pytree `model(images, tap)` that takes images of any height. What follows
            the layer does not matter, and neither do the weights: `models.abstract` will do.
        layer: a layer with positions, as `taps.layers` lists them.
        channels: of the images.
        width: of the images, in px: the least that leaves the layer a column; a narrow image is
            quick.

    Returns:
        Stride, offset and size.

    Raises:
        UserError: a layer that does not exist, has no positions at this width, sees the whole
            image (or both its ends, by circular padding), has a stride that is not a whole number
            of pixels, or is not reached by a NaN.

    >>> def pool(images, tap):
    ...     return tap("pool", (images[:, ::2] + images[:, 1::2])[:, :, ::2])
    >>> receptive_field(pool, "pool")
    ReceptiveField(stride=2.0, offset=0.5, size=2)
    """
    value = _up_to(layer)
    model = as_pytree(model)
    low, high = (
        _rows(value, model, layer, (height, width, channels)) for height in (_PERIODS, 2 * _PERIODS)
    )
    if high == low:
        raise UserError(
            f"layer {layer!r} sees the whole image: it has {low} rows of positions at any height"
        )
    stride, rest = divmod(_PERIODS, high - low)
    if rest or not stride:
        raise UserError(
            f"layer {layer!r} has a position every {_PERIODS / (high - low):g} px; "
            "receptive fields are for strides of whole pixels"
        )
    with jax.default_device(_cpu()), jax.debug_nans(False):
        model = jax.device_put(jax.tree.map(_concrete, model), _cpu())
        heights = [max(strides * stride, _LEAST) for strides in _HEIGHTS]
        for height in heights:
            image = jnp.full((1, height, width, channels), 0.5, jnp.float32)
            found = _measure(_spreader(value, model, image), layer, height, stride)
            if found is not None:
                first, last = found
                return ReceptiveField(float(stride), (first + last) / 2, last - first + 1)
    raise UserError(f"layer {layer!r} sees the whole image, even one of {heights[-1]} px")


def field_within(
    model: Model, layer: str, rows: int, image_size: int, channels: int = 3
) -> ReceptiveField:
    """Return a layer's receptive field or, where it cannot be measured, an even share of the image.

    It cannot where every position sees the whole image, as after attention, in tokens and vectors,
    and in networks that take images of one size only, which refuse the tall narrow ones. What a
    network raises for images of this size is its own fault, and is not hidden.

    An even share is `SHARE` strides wide. A token of a transformer sees everything, but is mostly
    about its own patch. The patch alone, 16 px of 224, is too little to be recognized; half of the
    image shows several things, and not which is meant. Five patches across show the thing that the
    one in their middle is a part of. A single position's share is the whole image.

    Args:
        model: a callable pytree `model(images, tap)`; see `receptive_field`.
        layer: a layer with positions, as `planes.as_planes` shows it.
        rows: of positions, in square images of that size.
        image_size: side of the images, in px.
        channels: of the images.

    Raises:
        UserError: a layer that does not exist.

    >>> def attention(images, tap):
    ...     return tap("all", images[:, ::8, ::8] + images.mean((1, 2), keepdims=True))
    >>> field_within(attention, "all", 4, 32)
    ReceptiveField(stride=8.0, offset=3.5, size=32)
    """
    own = layers(as_planes(model), (image_size, image_size, channels))
    if layer not in own:
        raise unknown("layer", layer, own)
    try:
        return receptive_field(model, layer, channels=channels)
    except Exception:  # whatever a network raises for images that are not of its own size
        stride = image_size / rows
        return ReceptiveField(stride, (stride - 1) / 2, min(round(SHARE * stride), image_size))


def _measure(
    spread: Callable[[int, bool], Bool[np.ndarray, " rows"]], layer: str, height: int, stride: int
) -> tuple[int, int] | None:
    """Return the first and last row of position 0's field, or None where the image is too low.

    Position i sees the rows from `first + stride * i` to `last + stride * i`. What padding does at
    the image's border does not matter, as no position there is asked.
    """
    everything = spread(0, True)
    if not len(everything):
        return None
    if not everything.any():
        raise UserError(f"layer {layer!r} does not pass NaN on, so its field cannot be measured")

    def lowest(row: int) -> int:  # the first position that sees this row or one after it
        return int(np.argmax(spread(row, True)))

    def highest(row: int) -> int:  # the last position that sees a row before this one
        return int(np.flatnonzero(spread(row, False))[-1])

    middle = height // 2
    low, high = lowest(middle), highest(middle)
    # Positions at the border may stand in for others that would be beyond it.
    if not (everything[:low].any() and everything[high + 1 :].any()):
        return None
    # Over the rows of one stride both grow by one. Where they do is where a field ends or begins.
    rows = range(middle, middle + stride)
    last = middle + bisect.bisect_right(rows, low, key=lowest) - 1 - stride * low
    first = middle + bisect.bisect_right(rows, high, key=highest) - 1 - stride * (high + 1)
    return first, last


def _spreader(
    value: Callable[[Model, Array], Array], model: Model, image: Float[Array, "1 h w c"]
) -> Callable[[int, bool], Bool[np.ndarray, " rows"]]:
    """Return what tells which of the layer's rows see the image from a row on, or before it."""

    @jax.jit
    def spread(model: Model, start: Int[Array, ""], after: Bool[Array, ""]) -> Bool[Array, " rows"]:
        hidden = (jnp.arange(image.shape[1]) >= start) == after
        found = value(model, jnp.where(hidden[None, :, None, None], jnp.nan, image))
        return jnp.isnan(found[0]).any((1, 2))

    return lambda start, after: np.asarray(spread(model, jnp.int32(start), jnp.bool_(after)))


class _Reached(Exception):
    """Ends the network at the layer, so that what follows may insist on its own image size."""

    def __init__(self, value: Array):
        super().__init__()
        self.value = value


def _up_to(layer: str) -> Callable[[Model, Array], Array]:
    """Return the network up to a layer, as a function of the model and the images."""

    def run(model: Model, images: Array) -> Array:
        names: list[str] = []

        def stop(name: str, value: Array) -> Array:
            names.append(name)
            if name == layer:
                raise _Reached(value)
            return value

        try:
            model(images, stop)
        except _Reached as reached:
            return reached.value
        raise unknown("layer", layer, names)

    return run


def _rows(
    value: Callable[[Model, Array], Array], model: Model, layer: str, shape: tuple[int, int, int]
) -> int:
    """Return how many rows of positions the layer has, without computing anything."""
    images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    found = jax.eval_shape(value, model, images).shape
    if len(found) != 4:
        raise UserError(f"layer {layer!r} has no positions: its shape is {list(found[1:])}")
    if 0 in found:
        raise UserError(f"layer {layer!r} has no positions in images {shape[1]} px wide")
    return found[1]


def _concrete(leaf: Any) -> Any:
    """Give values to a weight that is a shape alone; NaN times zero is NaN."""
    return np.zeros(leaf.shape, leaf.dtype) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf


def _cpu() -> Any:
    try:
        return jax.devices("cpu")[0]
    except RuntimeError:
        raise UserError(
            "receptive fields are measured on the CPU: JAX_PLATFORMS leaves it out"
        ) from None
