"""How far units and masks overlap, counted on the devices."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float

from atlasjax.circuits.histogram import Histogram, added, counted, quantile
from atlasjax.data.masks import Masked
from atlasjax.parallel import pad_batch, share_of, split_batch
from atlasjax.progress import Progress
from atlasjax.receptive import ReceptiveField
from atlasjax.taps import Model, capture

BINS = 2048  # of the histogram that thresholds are read from


def thresholds_of(
    model: Model,
    layers: Sequence[str],
    batches: Iterable[Masked],
    shares: Sequence[float],
    mesh: Mesh,
) -> dict[str, Float[np.ndarray, "levels units"]]:
    """Return what given shares of each unit's values lie above, over all positions and images.

    Args:
        model: a callable pytree `model(images, tap)` that shows planes.
        layers: layers with positions.
        batches: the images.
        shares: from 0 to 1.
        mesh: the devices to share the work.
    """

    def count(model: Any, images: Array, valid: Bool[Array, " b"]) -> dict[str, Any]:
        values = capture(model, images.astype(jnp.float32) / 255, layers)
        return {name: _counted(value, valid) for name, value in values.items()}

    histograms: dict[str, Histogram] = {}
    for _, found, _ in _each(split_batch(count, mesh, replicated=1), (model,), batches, mesh):
        for name in layers:
            for exponent, counts in zip(*found[name], strict=True):
                histograms[name] = added(histograms.get(name), Histogram(exponent, counts))
    return {
        name: np.stack([quantile(one, 1 - share) for share in shares])
        for name, one in histograms.items()
    }


def _counted(value: Float[Array, "b h w units"], valid: Array) -> tuple[Array, Array]:
    rows = value.astype(jnp.float32).reshape(-1, value.shape[-1])
    each = jnp.repeat(valid, len(rows) // len(valid))
    exponent, counts = counted(rows, each, BINS)
    return exponent[None], counts[None]


class Counts(NamedTuple):
    """Pixels of all images of a layer, or of any.

    Attributes:
        both: above a unit's threshold and on a part.
        above: above a unit's threshold.
        area: on a part.
        pixels: all there are.
    """

    both: Float[np.ndarray, "levels parts units"]
    above: Float[np.ndarray, "levels units"]
    area: Float[np.ndarray, " parts"]
    pixels: int


def overlaps(
    model: Model,
    batches: Iterable[Masked],
    fields: Mapping[str, ReceptiveField],
    thresholds: Mapping[str, Float[np.ndarray, "levels units"]],
    side: int,
    mesh: Mesh,
    progress: Progress,
) -> dict[str, Counts]:
    """Count pixels that lie above thresholds and on parts.

    Args:
        model: a callable pytree `model(images, tap)` that shows planes.
        batches: images and masks.
        fields: what positions of each layer see.
        thresholds: of each unit of each layer.
        side: of the square on which they are compared, in px.
        mesh: the devices to share the work.
        progress: called with the number of images done.
    """
    cut = {name: jnp.asarray(thresholds[name], jnp.float32) for name in fields}
    count = split_batch(partial(_compared, fields=fields, side=side), mesh, replicated=2)
    both: dict[str, Any] = dict.fromkeys(fields, 0.0)
    above: dict[str, Any] = dict.fromkeys(fields, 0.0)
    area, done = np.float64(0), 0
    for batch, found, masks in _each(count, (model, cut), batches, mesh, side):
        for name, (on, over) in found.items():
            both[name] = both[name] + np.asarray(on, np.float64).sum(0)
            above[name] = above[name] + np.asarray(over, np.float64).sum(0)
        area = area + masks.sum((0, 2, 3))
        done += len(batch.images)
        progress(done, done)
    every = done * side**2
    return {
        name: Counts(both[name], above[name], np.asarray(area, float), every) for name in fields
    }


def _compared(
    model: Any,
    cut: Mapping[str, Array],
    images: Array,
    valid: Array,
    masks: Array,
    *,
    fields: Mapping[str, ReceptiveField],
    side: int,
) -> dict[str, tuple[Array, Array]]:
    """Return one device's pixels above each threshold, on each part and in all."""
    values = capture(model, images.astype(jnp.float32) / 255, list(fields))
    on = (masks & valid[:, None, None, None]).astype(jnp.float32)
    on = on.transpose(1, 0, 2, 3).reshape(masks.shape[1], -1)
    each = jnp.repeat(valid, side * side)
    found = {}
    for name, value in values.items():
        grown = _grown(value.astype(jnp.float32), fields[name], images.shape[1], side)
        rows = grown.reshape(-1, value.shape[-1])

        def one(level: Array, rows: Array = rows) -> tuple[Array, Array]:
            above = ((rows > level[None]) & each[:, None]).astype(jnp.float32)
            return on @ above, above.sum(0)

        both, above = jax.lax.map(one, cut[name])
        found[name] = both[None], above[None]
    return found


def _grown(
    value: Float[Array, "b h w units"], field: ReceptiveField, size: int, side: int
) -> Float[Array, "b side side units"]:
    """Interpolate a layer between the centres of what its positions see; even beyond the last."""

    def weights(count: int) -> Float[Array, "side count"]:
        pixel = (np.arange(side) + 0.5) * (size / side) - 0.5
        place = np.clip((pixel - field.offset) / field.stride, 0, count - 1)
        apart = np.abs(place[:, None] - np.arange(count)[None])
        return jnp.asarray(np.maximum(1 - apart, 0), jnp.float32)

    rows, columns = weights(value.shape[1]), weights(value.shape[2])
    return jnp.einsum("yr,brcu,xc->byxu", rows, value, columns)


def _each(
    function: Callable[..., Any],
    whole: tuple[Any, ...],
    batches: Iterable[Masked],
    mesh: Mesh,
    side: int | None = None,
) -> Iterator[tuple[Masked, Any, Any]]:
    """Give each batch, what a function makes of it on the devices, and its masks as compared."""
    size = 0
    for batch in batches:
        count = len(batch.images)
        if not count:
            continue
        size = max(size, share_of(count, mesh))
        masks = None if side is None else _shrunk(batch.masks, side)
        given = (batch.images,) if masks is None else (batch.images, masks)
        images, *rest = pad_batch(given, size)
        valid = np.arange(size) < count
        yield batch, jax.device_get(function(*whole, images, valid, *rest)), masks


def _shrunk(masks: Bool[np.ndarray, "b parts h w"], side: int) -> Bool[np.ndarray, "b parts s s"]:
    """Return masks in another size: on where half of a pixel is."""
    height = masks.shape[2]
    if height == side:
        return masks
    if height % side:
        at = ((np.arange(side) + 0.5) * height / side).astype(int)
        return masks[:, :, at][:, :, :, at]
    times = height // side
    squares = masks.reshape(*masks.shape[:2], side, times, side, times)
    return squares.mean((3, 5)) >= 0.5
