"""Units' examples: what a person's images say of every unit, in one pass over them.

A unit is more than its nine strongest images: these show what it answers most, and nothing of what
it answers usually. So beside them stand images at quantiles of all answers, the histogram of the
value before the rectifier, how often the unit fires, and its mean for each class. And an answer may
matter to nothing: so examples are also chosen by relevance, the unit's value times the slope of a
class by it. Memory does not grow with the images, and a pass goes on from where another ended.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Int

from atlasjax.circuits import pool as pools
from atlasjax.circuits.best import Best, better, none
from atlasjax.circuits.histogram import Histogram, added
from atlasjax.circuits.measured import RELEVANCE, Measured, measured
from atlasjax.circuits.pool import Pool
from atlasjax.data import Batch
from atlasjax.data.patches import SIZE, cut, windows
from atlasjax.errors import UserError
from atlasjax.progress import Progress, silent
from atlasjax.receptive import ReceptiveField
from atlasjax.taps import Model

K = 9
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95)


class UnitExamples(NamedTuple):
    """What the images say of the units of a layer.

    Attributes:
        images: how many there were.
        positions: how many values of each unit there were.
        field: what a position sees.
        histogram: of the values before the rectifier, at all positions.
        fired: at how many positions each unit lay above 0.
        fired_images: in how many images it did so anywhere.
        class_sum: sum over the images of each class of a unit's mean value.
        class_count: how many images of each class there were; those without a class are in none.
        top: by the largest value before the rectifier in an image.
        relevant: by the largest relevance in an image; None where it was not asked for.
        sample: largest values in the images of the pool.
        place: where these are.
    """

    images: int
    positions: int
    field: ReceptiveField
    histogram: Histogram
    fired: Int[np.ndarray, " units"]
    fired_images: Int[np.ndarray, " units"]
    class_sum: Float[np.ndarray, "classes units"]
    class_count: Int[np.ndarray, " classes"]
    top: Best
    relevant: Best | None
    sample: Float[np.ndarray, "pool units"]
    place: Int[np.ndarray, "pool units 2"]


class Seen(NamedTuple):
    """Where a pass over images stands: a pytree, to go on from, or to be kept.

    Attributes:
        layers: what is known of each.
        pool: a few images drawn evenly from all.
    """

    layers: dict[str, UnitExamples]
    pool: Pool


def unit_examples(
    model: Model,
    layers: Sequence[str],
    batches: Iterable[Batch],
    *,
    k: int = K,
    relevance: str | None = None,
    pool: int = pools.SIZE,
    size: int = SIZE,
    state: Seen | None = None,
    total: int = 0,
    mesh: Mesh | None = None,
    progress: Progress = silent,
) -> Seen:
    """Look at every unit of some layers in one pass over images.

    Args:
        model: a callable pytree `model(images, tap)`.
        layers: layers with positions, as `planes.as_planes` shows them.
        batches: prepared images, all of one size; see `atlasjax.data.batches`.
        k: patches to keep of each unit, each of another image.
        relevance: "predicted" or "label", to choose patches by what a unit adds to the logit of
            that class as well: its value times the slope. It costs a gradient of each batch.
        pool: images to keep, from which those at quantiles are taken.
        size: side of a patch as it is kept, in px.
        state: what an earlier pass returned, to go on from, with the same settings; no image may be
            in both.
        total: how many images there are, for the progress.
        mesh: the devices to share the work; all by default.
        progress: called with the number of images done.

    Returns:
        What the images say of each layer. See also `at_quantiles`, `fires` and `class_means`.

    Raises:
        UserError: no such layer, a number below 1, no image, or another relevance.

    Source: by relevance, Achtibat et al. 2023, "From attribution maps to human-understandable
    explanations through concept relevance propagation", with gradient times activation in place of
    their relevance.

    >>> import jax
    >>> toy = lambda images, tap: tap("on", jax.nn.relu(images - 0.5)).mean((1, 2))
    >>> photos = np.stack([np.full((8, 8, 3), v, np.uint8) for v in (0, 255, 102)])
    >>> batch = Batch(photos, np.arange(3), np.array([0, 1, 1]), ())
    >>> seen = unit_examples(toy, ["on"], [batch], k=2, size=8).layers["on"]
    >>> seen.top.image[0], seen.top.value[0].round(2), fires(seen)[0].round(2)
    (array([1, 2]), array([ 0.5, -0.1], dtype=float32), np.float64(0.33))
    """
    _check(k, pool, size, relevance)
    known = dict(state.layers) if state else {}
    kept = state.pool if state else None
    done = 0
    progress(0, total)
    for batch, found in measured(model, layers, batches, relevance, mesh):
        if len(batch.images):
            kept, rows = pools.kept(kept, batch, pool)
            for name in layers:
                known[name] = _with(known.get(name), found[name], batch, rows, k, size)
        done += len(batch.images) + len(batch.skipped)
        progress(done, total or done)
    if kept is None:
        raise UserError("no image could be read: there is nothing to see of the units")
    return Seen(known, kept)


def at_quantiles(
    seen: Seen,
    layer: str,
    quantiles: Sequence[float] = QUANTILES,
    each: int = 3,
    size: int = SIZE,
) -> dict[float, Best]:
    """Return patches at quantiles of a unit's largest values in an image.

    They are taken from the images of the pool: exact where all images are in it, else as near as so
    many images drawn evenly can be.

    Args:
        seen: what `unit_examples` returned.
        layer: one of its layers.
        quantiles: from 0 to 1.
        each: patches at each.
        size: side of a patch, in px.

    Raises:
        UserError: a quantile or a number out of range.

    >>> import jax
    >>> toy = lambda images, tap: tap("on", jax.nn.relu(images - 0.5)).mean((1, 2))
    >>> photos = np.stack([np.full((8, 8, 3), v, np.uint8) for v in (0, 255, 102)])
    >>> batch = Batch(photos, np.arange(3), np.array([0, 1, 1]), ())
    >>> found = at_quantiles(unit_examples(toy, ["on"], [batch]), "on", [0.5], each=1)
    >>> found[0.5].image[0]
    array([2])
    """
    one, pool = seen.layers[layer], seen.pool
    for share in quantiles:
        if not 0 <= share <= 1:
            raise UserError(f"quantile {share}: must be from 0 to 1")
    count = len(pool.index)
    each = min(each, count)
    order = np.argsort(one.sample, 0, kind="stable")  # smallest first
    found = {}
    for share in quantiles:
        start = int(np.clip(round(share * (count - 1)) - each // 2, 0, count - each))
        rows = order[start : start + each].T[:, ::-1]  # [units, each]
        units = np.arange(len(rows))[:, None]
        position = one.place[rows, units]
        window = windows(position.reshape(-1, 2), one.field, pool.image.shape[1])
        pairs = zip(rows.ravel(), window, strict=True)
        patch = np.stack([cut(pool.image[row], place, size) for row, place in pairs])
        shape = (*rows.shape, *patch.shape[1:])
        values = one.sample[rows, units]
        found[share] = Best(values, pool.index[rows], position, patch.reshape(shape))
    return found


def fires(seen: UnitExamples) -> Float[np.ndarray, " units"]:
    """Return at what share of all positions of all images each unit fires.

    Args:
        seen: of a layer.
    """
    return seen.fired / seen.positions


def class_means(seen: UnitExamples) -> Float[np.ndarray, "classes units"]:
    """Return each unit's mean over the images of each class; NaN for a class without images.

    Args:
        seen: of a layer.
    """
    count = seen.class_count[:, None].astype(float)
    return np.where(count > 0, seen.class_sum, np.nan) / np.maximum(count, 1)


def _with(
    known: UnitExamples | None,
    found: Measured,
    batch: Batch,
    rows: Int[np.ndarray, " pool"],
    k: int,
    size: int,
) -> UnitExamples:
    """Return what is known of a layer once a batch is added."""
    units = found.peak.shape[1]
    channels = batch.images.shape[-1]
    if known is None:
        known = _nothing(units, k, size, channels, found)
    relevant = None
    if found.relevance is not None and found.relevant is not None:
        before = known.relevant or none(units, k, size, channels)
        relevant = better(before, found.relevance, found.relevant, batch, found.field, size)
    sums, counts = _by_class(known, found.mean, batch.label)
    return UnitExamples(
        known.images + len(batch.images),
        known.positions + len(batch.images) * found.positions,
        found.field,
        added(known.histogram, found.histogram),
        known.fired + found.fired.sum(0, dtype=np.int64),
        known.fired_images + (found.fired > 0).sum(0),
        sums,
        counts,
        better(known.top, found.peak, found.place, batch, found.field, size),
        relevant,
        np.concatenate([known.sample, found.peak])[rows],
        np.concatenate([known.place, found.place])[rows],
    )


def _by_class(
    known: UnitExamples, mean: Float[np.ndarray, "b units"], label: Int[np.ndarray, " b"]
) -> tuple[np.ndarray, np.ndarray]:
    classes = max(len(known.class_count), int(label.max(initial=-1)) + 1)
    sums = np.zeros((classes, mean.shape[1]))
    counts = np.zeros(classes, np.int64)
    sums[: len(known.class_sum)] = known.class_sum
    counts[: len(known.class_count)] = known.class_count
    named = label >= 0
    np.add.at(sums, label[named], mean[named])
    np.add.at(counts, label[named], 1)
    return sums, counts


def _nothing(units: int, k: int, size: int, channels: int, found: Measured) -> UnitExamples:
    zero = np.zeros(units, np.int64)
    histogram = found.histogram._replace(counts=0 * found.histogram.counts)
    return UnitExamples(
        0,
        0,
        found.field,
        histogram,
        zero,
        zero,
        np.zeros((0, units)),
        np.zeros(0, np.int64),
        none(units, k, size, channels),
        None,
        np.zeros((0, units), np.float32),
        np.zeros((0, units, 2), np.int32),
    )


def _check(k: int, pool: int, size: int, relevance: str | None) -> None:
    for name, number in (("k", k), ("pool", pool), ("size", size)):
        if number < 1:
            raise UserError(f"{name} {number}: must be at least 1")
    if relevance not in (None, *RELEVANCE):
        raise UserError(f"relevance {relevance!r}: must be one of {', '.join(RELEVANCE)}, or None")
