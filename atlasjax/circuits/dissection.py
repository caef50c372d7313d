"""Network dissection: which part of images each unit detects, where it is known where parts are.

A unit's value, brought to the size of the images, is cut at a threshold; what lies above is
compared with the mask of every part by intersection over union, over all images together. As
published the threshold is what 0.5% of a unit's values exceed; one number for all parts hardly fits
both the sky and an eye, so the best of several thresholds is told beside it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Int

from atlasjax.circuits.layers import shape_of
from atlasjax.circuits.overlaps import overlaps, thresholds_of
from atlasjax.data.masks import Masked
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh, platform_of, replicate
from atlasjax.planes import as_planes
from atlasjax.progress import Progress, silent
from atlasjax.receptive import ReceptiveField, field_within
from atlasjax.rewriting import optimized
from atlasjax.taps import Model

PUBLISHED = 0.005
SHARES = (
    *(0.0005, 0.001, 0.002, 0.0035, PUBLISHED, 0.0075, 0.01, 0.015, 0.02, 0.03),
    *(0.04, 0.055, 0.075, 0.1, 0.13, 0.17, 0.22, 0.3, 0.4, 0.5),
)
"""Of a unit's values, how many lie above each of the thresholds that are tried."""


class Dissection(NamedTuple):
    """How the units of a layer overlap with parts.

    Attributes:
        parts: their names.
        share: of a unit's values, how many lie above each threshold.
        threshold: of each unit.
        both: pixels of all images that lie above the threshold and on the part.
        above: pixels that lie above the threshold.
        area: pixels on each part.
        pixels: how many there are.
    """

    parts: tuple[str, ...]
    share: Float[np.ndarray, " levels"]
    threshold: Float[np.ndarray, "levels units"]
    both: Float[np.ndarray, "levels parts units"]
    above: Float[np.ndarray, "levels units"]
    area: Float[np.ndarray, " parts"]
    pixels: int


class Detected(NamedTuple):
    """The best overlap of every unit with every part.

    Attributes:
        iou: intersection over union, from 0 to 1.
        level: at which of the thresholds.
    """

    iou: Float[np.ndarray, "parts units"]
    level: Int[np.ndarray, "parts units"]


def dissect(
    model: Model,
    layers: Sequence[str],
    parts: Sequence[str],
    batches: Callable[[], Iterable[Masked]],
    *,
    side: int | None = None,
    shares: Sequence[float] = SHARES,
    thresholds: Mapping[str, Float[np.ndarray, "levels units"]] | None = None,
    mesh: Mesh | None = None,
    progress: Progress = silent,
) -> dict[str, Dissection]:
    """Compare every unit of some layers with every part.

    Values are interpolated between the centres of what positions see. Images are gone over twice,
    for thresholds and for overlaps, and memory does not grow with them.

    Args:
        model: a callable pytree `model(images, tap)`.
        layers: layers with positions.
        parts: names of the parts, in the order of the masks.
        batches: gives the images with their masks anew each time, all of one size.
        side: of the square on which masks and units are compared, in px; half of the images' by
            default, as published.
        shares: of a unit's values, how many lie above each threshold.
        thresholds: those of another set of images, to be used here: overlaps of what was chosen
            there are then free of the choice.
        mesh: the devices to share the work; all by default.
        progress: called with the number of images done, of unknown total.

    Returns:
        The overlaps of each layer; see `best`, `published` and `overlap`.

    Raises:
        UserError: no such layer, a share out of range, no images, or masks of other parts.

    Source: Bau et al. 2017, "Network Dissection", equation 1.

    >>> toy = lambda images, tap: tap("same", images).mean((1, 2))
    >>> image = np.zeros((1, 8, 8, 3), np.uint8)
    >>> image[0, :2, :, 0] = 255  # the upper rows are red
    >>> some = lambda: [Masked(image, image[:, None, :, :, 0] > 0)]
    >>> found = dissect(toy, ["same"], ["top"], some, side=8, shares=[0.25])["same"]
    >>> best(found).iou.tolist()
    [[1.0, 0.0, 0.0]]
    """
    if not shares or min(shares) <= 0 or max(shares) >= 1:
        raise UserError(f"shares {list(shares)}: must be between 0 and 1, one at least")
    mesh = batch_mesh() if mesh is None else mesh
    network = replicate(optimized(as_planes(model), platform_of(mesh)), mesh)
    fields: dict[str, ReceptiveField] = {}
    first = next(iter(batches()), None)
    if first is None or not len(first.images):
        raise UserError("no images to dissect with")
    _check(parts, first)
    _, height, width, channels = first.images.shape
    for name in layers:
        rows, *_ = shape_of(model, name, (height, width, channels))
        fields[name] = field_within(model, name, rows, height, channels)
    cut = thresholds or thresholds_of(network, layers, batches(), shares, mesh)
    counts = overlaps(network, batches(), fields, cut, side or max(height // 2, 1), mesh, progress)
    share = np.array(shares)
    return {name: Dissection(tuple(parts), share, cut[name], *one) for name, one in counts.items()}


def iou(found: Dissection) -> Float[np.ndarray, "levels parts units"]:
    """Return intersection over union at every threshold.

    Args:
        found: what `dissect` returned for a layer.
    """
    union = found.above[:, None] + found.area[None, :, None] - found.both
    return found.both / np.maximum(union, 1)


def best(found: Dissection) -> Detected:
    """Return every unit's overlap with every part at the threshold that suits both best.

    Args:
        found: what `dissect` returned for a layer.
    """
    every = iou(found)
    return Detected(every.max(0), every.argmax(0))


def published(found: Dissection) -> Float[np.ndarray, "parts units"]:
    """Return the overlaps where 0.5% of a unit's values lie above the threshold.

    Args:
        found: what `dissect` returned for a layer.

    Raises:
        UserError: that threshold is not among those tried.
    """
    at = np.flatnonzero(np.isclose(found.share, PUBLISHED))
    if not len(at):
        raise UserError(f"shares {found.share.tolist()}: {PUBLISHED} is not among them")
    return iou(found)[at[0]]


class Label(NamedTuple):
    """What a unit detects.

    Attributes:
        unit: its index.
        part: the part that it overlaps with most.
        iou: how much.
        share: of its values lie above the threshold.
    """

    unit: int
    part: str
    iou: float
    share: float


def labels(found: Dissection, least: float = 0.04) -> list[Label]:
    """Return what each unit of a layer detects.

    Args:
        found: what `dissect` returned for a layer.
        least: overlap below which a unit detects nothing; .04 as published.

    Returns:
        The units that detect something, the one with the largest overlap first.
    """
    one = best(found)
    part = one.iou.argmax(0)
    made = [
        Label(u, found.parts[p], float(one.iou[p, u]), float(found.share[one.level[p, u]]))
        for u, p in enumerate(part)
        if one.iou[p, u] >= least
    ]
    return sorted(made, key=lambda label: -label.iou)


def _check(parts: Sequence[str], first: Masked) -> None:
    shape = first.images.shape
    if shape[1] != shape[2] or first.masks.shape[2:] != shape[1:3]:
        raise UserError(
            f"images {list(shape[1:3])} and masks {list(first.masks.shape[2:])}: must be squares "
            "of one size"
        )
    if first.masks.shape[1] != len(parts):
        raise UserError(f"masks of {first.masks.shape[1]} parts, and names of {len(parts)}")
