"""What is measured of a batch of images, on the devices, of every unit of some layers at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from atlasjax.circuits.histogram import Histogram, added, counted
from atlasjax.circuits.layers import shape_of
from atlasjax.data import Batch
from atlasjax.errors import UserError
from atlasjax.parallel import (
    batch_mesh,
    overlapped,
    pad_batch,
    platform_of,
    replicate,
    share_of,
    split_batch,
)
from atlasjax.planes import as_planes
from atlasjax.receptive import ReceptiveField, field_within
from atlasjax.rectifiers import before_rectifier
from atlasjax.rewriting import optimized
from atlasjax.taps import Model

RELEVANCE = ("predicted", "label")


class Measured(NamedTuple):
    """What is measured of one layer.

    Attributes:
        peak: largest value of each unit before the rectifier.
        place: row and column where it is.
        mean: of each unit's value, over positions.
        fired: at how many positions it lies above 0.
        histogram: of all values before the rectifier.
        positions: of the layer.
        field: what a position sees.
        relevance: largest value times slope; None where it was not asked for.
        relevant: row and column where it is.
    """

    peak: Float[np.ndarray, "b units"]
    place: Int[np.ndarray, "b units 2"]
    mean: Float[np.ndarray, "b units"]
    fired: Int[np.ndarray, "b units"]
    histogram: Histogram
    positions: int
    field: ReceptiveField
    relevance: Float[np.ndarray, "b units"] | None
    relevant: Int[np.ndarray, "b units 2"] | None


class _Layer(NamedTuple):
    """A layer, the name of its value before the rectifier, and where its positions are."""

    name: str
    before: str
    shape: tuple[int, int, int]
    field: ReceptiveField


def measured(
    model: Model,
    names: Sequence[str],
    batches: Iterable[Batch],
    relevance: str | None,
    mesh: Mesh | None,
) -> Iterator[tuple[Batch, Mapping[str, Measured]]]:
    """Measure the units of some layers, batch after batch.

    Args:
        model: a callable pytree `model(images, tap)`.
        names: layers with positions.
        batches: prepared images, all of one size.
        relevance: one of `RELEVANCE`, or None.
        mesh: the devices to share the work; all by default.

    Yields:
        Each batch with what was measured of it; nothing of a batch without images.
    """
    mesh = batch_mesh() if mesh is None else mesh
    network = optimized(as_planes(model), platform_of(mesh))
    plan, record, size = (), None, 0

    def begun() -> Iterator[tuple[Batch, Any]]:
        nonlocal network, plan, record, size
        for batch in batches:
            if not len(batch.images):
                yield batch, None
                continue
            if record is None:
                shape = batch.images.shape
                network, plan = _planned(network, names, (shape[1], shape[2], shape[3]))
                network = replicate(network, mesh)
                record = split_batch(_recorder(plan, relevance), mesh, replicated=1)
            size = max(size, share_of(len(batch.images), mesh))
            given = (batch.images, batch.label.astype(np.int32), np.ones(len(batch.images), bool))
            images, label, valid = pad_batch(given, size)
            yield (
                batch,
                record(network, images, label, valid & (np.arange(size) < len(batch.images))),
            )

    for batch, result in overlapped(begun(), mesh):
        found = {} if result is None else jax.device_get(result)
        count = len(batch.images)
        yield batch, {one.name: _of(one, found[one.name], count) for one in plan if found}


def _planned(
    model: Model, names: Sequence[str], shape: tuple[int, int, int]
) -> tuple[Model, tuple[_Layer, ...]]:
    """Return the model, opened before the rectifiers of some layers, and where these are."""
    if not names:
        raise UserError("no layer to look at: name one at least")
    opened, made = model, []
    for name in names:
        size = shape_of(model, name, shape)
        field = field_within(model, name, size[0], shape[0], shape[2])
        opened, before = before_rectifier(opened, name, shape)
        made.append(_Layer(name, before, size, field))
    return opened, tuple(made)


def _recorder(plan: tuple[_Layer, ...], relevance: str | None) -> Callable[..., Any]:
    """Return what measures one device's share of a batch."""

    def record(model: Model, images: Array, label: Array, valid: Array) -> dict[str, Any]:
        pixels = images.astype(jnp.float32) / 255
        if relevance is None:
            seen, slopes = _look(model, pixels, plan, {})[1], {}
        else:
            seen, slopes = _slopes(model, pixels, plan, label if relevance == "label" else None)
        return {one.name: _measure(one, seen, slopes, label, valid, relevance) for one in plan}

    return record


def _look(
    model: Model, images: Array, plan: tuple[_Layer, ...], pushed: Mapping[str, Array]
) -> tuple[Array, dict[str, Array]]:
    """Return a model's output and the values wanted, where some layers are pushed by a little."""
    wanted = {name for one in plan for name in (one.name, one.before)}
    seen: dict[str, Array] = {}

    def tap(name: str, value: Array) -> Array:
        if name in pushed:
            value = value + pushed[name].astype(value.dtype)
        if name in wanted:
            seen[name] = value
        return value

    return model(images, tap), seen


def _slopes(
    model: Model, images: Array, plan: tuple[_Layer, ...], label: Array | None
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the values wanted, and the slopes of a class's logit by each layer."""

    def logit(pushed: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        logits, seen = _look(model, images, plan, pushed)
        if logits.ndim != 2:
            raise UserError(f"no logits: the network's output is {list(logits.shape[1:])}")
        index = logits.argmax(1) if label is None else jnp.clip(label, 0, logits.shape[1] - 1)
        return jnp.take_along_axis(logits, index[:, None], 1).sum(), seen

    zero = {one.name: jnp.zeros((len(images), *one.shape), images.dtype) for one in plan}
    slopes, seen = jax.grad(logit, has_aux=True)(zero)
    return seen, slopes


def _measure(
    one: _Layer,
    seen: Mapping[str, Array],
    slopes: Mapping[str, Array],
    label: Array,
    valid: Array,
    relevance: str | None,
) -> dict[str, Any]:
    value = seen[one.name].astype(jnp.float32)
    before = seen[one.before].astype(jnp.float32)
    units = one.shape[-1]
    finite = jnp.where(jnp.isfinite(before), before, 0)
    rows = finite.reshape(-1, units)
    each = jnp.broadcast_to(valid[:, None], (len(valid), rows.shape[0] // len(valid))).ravel()
    exponent, counts = counted(rows, each)
    peak, place = _largest(before)
    found = {
        "peak": peak,
        "place": place,
        "mean": value.mean((1, 2)),
        "fired": (before > 0).sum((1, 2)),
        "exponent": exponent[None],
        "counts": counts[None],
    }
    if relevance is None:
        return found
    strength, where = _largest(value * slopes[one.name])
    known = label >= 0 if relevance == "label" else jnp.ones_like(valid)
    strength = jnp.where(known[:, None], strength, -jnp.inf)
    return found | {"relevance": strength, "relevant": where}


def _largest(value: Float[Array, "b h w units"]) -> tuple[Array, Array]:
    """Return the largest value of each unit, and its row and column; what is no number is none."""
    flat = jnp.where(jnp.isfinite(value), value, -jnp.inf).reshape(len(value), -1, value.shape[-1])
    index = flat.argmax(1)
    return flat.max(1), jnp.stack(jnp.divmod(index, value.shape[2]), -1)


def _of(one: _Layer, found: Mapping[str, Any], count: int) -> Measured:
    """Return what was measured of a layer, without what filled up the batch."""
    histogram = None
    for exponent, counts in zip(found["exponent"], found["counts"], strict=True):
        histogram = added(histogram, Histogram(exponent, counts))
    assert histogram is not None  # there is one device at least
    by_image = {name: value[:count] for name, value in found.items()}
    rest = {name: by_image.get(name) for name in ("relevance", "relevant")}
    return Measured(
        by_image["peak"],
        by_image["place"],
        by_image["mean"],
        by_image["fired"],
        histogram,
        one.shape[0] * one.shape[1],
        one.field,
        **rest,
    )
