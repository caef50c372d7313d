"""The causal check: what becomes of a target unit, and of the logits, without an edge's source.

Weights say what could be. Whether an edge does anything on a person's images is seen by taking its
source away: everywhere, or only on its way to the target, with everything else left as it is.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from atlasjax.circuits.passes import batches, shape_of_images, values
from atlasjax.circuits.path import IMAGE, between, planes_of, shape_of
from atlasjax.errors import UserError, unknown
from atlasjax.planes import as_planes
from atlasjax.rectifiers import unrectified
from atlasjax.taps import Model, intervene

FILLS = ("zero", "mean")
IDLE = 0.01
"""An edge that moves its target and the logits by less than this part of their spread is idle."""


class Ablation(NamedTuple):
    """What ablating the source of each edge does, on every image.

    Attributes:
        edges: source unit and target unit of each.
        target: mean change of the target unit over its positions, before its rectifier.
        moved: root mean square of that change over positions and images, as a part of the unit's
            own standard deviation.
        logits: change of the logits where the source is ablated for everything after it.
        through: change of the logits where it is ablated for the target unit alone.
        idle: whether the edge does nothing: it moves the target by less than `IDLE`, and the
            logits through it by less than that part of their standard deviation.
    """

    edges: Int[np.ndarray, "e 2"]
    target: Float[np.ndarray, "e b"]
    moved: Float[np.ndarray, " e"]
    logits: Float[np.ndarray, "e b classes"]
    through: Float[np.ndarray, "e b classes"]
    idle: Bool[np.ndarray, " e"]


def ablate_edges(
    model: Model,
    source: str,
    target: str,
    edges: Sequence[tuple[int, int]],
    images: Float[Array | np.ndarray, "b h w c"],
    *,
    fill: str = "zero",
) -> Ablation:
    """Ablate the source of each edge, everywhere and for its target alone.

    Args:
        model: a callable pytree `model(images, tap)`.
        source: a layer, as `planes.as_planes` shows it.
        target: a later layer.
        edges: source unit and target unit of each.
        images: as the model takes them.
        fill: what stands in the unit's place: "zero", or "mean", its mean over these images.

    Returns:
        The effects; logits of no columns where the network has none.

    Raises:
        UserError: a layer, unit or fill that is not there, no edges, or no images.

    >>> def toy(images, tap):
    ...     a = tap("a", images)
    ...     return (tap("b", jax.nn.relu(a[..., :1] + 2 * a[..., 1:])) + a[..., :1]).mean((1, 2))
    >>> found = ablate_edges(toy, "a", "b", [(0, 0)], np.ones((1, 1, 1, 2), np.float32))
    >>> found.target.item(), found.logits.item(), found.through.item()
    (-1.0, -2.0, -1.0)
    """
    shape, pairs = shape_of_images(images), np.asarray(list(edges), np.int32).reshape(-1, 2)
    _check(model, source, target, pairs, shape, fill)
    whole, ablated = _whole(model, source, target), _ablated(model, source, target)
    parts = [(batch, whole(batch, real)) for batch, real in batches(images)]
    sums, count = [one for _, one in parts], len(images)
    spread = _spread(sums)
    instead = _mean(sums) if fill == "mean" else np.zeros(len(sums[0].mean), np.float32)
    found: list[list[np.ndarray]] = []
    for into, out in pairs.tolist():
        edge = (jnp.int32(into), jnp.int32(out), jnp.float32(instead[into]))
        made = [ablated(batch, one.value, one.before, one.logits, *edge) for batch, one in parts]
        found.append([np.concatenate(part)[:count] for part in zip(*made, strict=True)])
    change, square, logits, through = (np.stack(part) for part in zip(*found, strict=True))
    moved = np.sqrt(square.mean(1)) / np.maximum(spread[pairs[:, 1]], 1e-12)
    size = np.concatenate([np.asarray(one.logits) for one in sums])[:count]
    far = np.sqrt(np.square(through).mean((1, 2))) if size.size else np.zeros(len(pairs))
    idle = (moved < IDLE) & (far < IDLE * size.std() if size.size else True)
    return Ablation(pairs, change, moved.astype(np.float32), logits, through, idle)


class _Whole(NamedTuple):
    """What layers and logits are for a batch, nothing being ablated.

    Attributes:
        value: the source.
        before: the target, before its rectifier.
        count: how many images there are.
        mean: of the source's units, summed over images.
        first: mean of the target's units over positions, summed over images.
        second: likewise of their squares.
        logits: of each image.
    """

    value: Any
    before: Any
    count: Any
    mean: Any
    first: Any
    second: Any
    logits: Any


def _whole(model: Model, source: str, target: str) -> Any:
    value_of, planes = values(model, source), as_planes(model)
    before = unrectified(between(model, source, target))

    @jax.jit
    def whole(images: Array, real: Array) -> _Whole:
        value = value_of(images)
        made = before(images, value)

        def summed(x: Array) -> Array:
            return (x.mean((1, 2)) * real[:, 0, 0]).sum(0)

        logits = _rows(intervene(planes, images, {}))
        means = (summed(value), summed(made), summed(jnp.square(made)))
        return _Whole(value, made, real.sum(), *means, logits)

    return whole


def _ablated(model: Model, source: str, target: str) -> Any:
    """Return what ablates one edge on a batch of images, compiled for every edge."""
    planes, function = as_planes(model), between(model, source, target)
    before = unrectified(function)

    @jax.jit
    def ablated(
        images: Array,
        value: Array,
        own: Array,
        logits: Array,
        into: Array,
        out: Array,
        instead: Array,
    ) -> tuple[Array, Array, Array, Array]:
        without = value.at[..., into].set(instead.astype(value.dtype))
        unit = (before(images, without) - own)[..., out]
        changed = function(images, without)[..., out]
        # What comes before the source need not be computed: its value is known.
        everywhere = _rows(intervene(planes, images, {source: lambda old: without}))
        only = {target: lambda old: old.at[..., out].set(changed)}
        through = _rows(intervene(planes, images, {source: lambda old: value, **only}))
        mean, square = unit.mean((1, 2)), jnp.square(unit).mean((1, 2))
        return mean, square, everywhere - logits, through - logits

    return ablated


def _rows(output: Array) -> Float[Array, "b classes"]:
    return output if output.ndim == 2 else jnp.zeros((len(output), 0))


def _mean(parts: Sequence[_Whole]) -> np.ndarray:
    return np.asarray(sum(one.mean for one in parts) / sum(one.count for one in parts))


def _spread(parts: Sequence[_Whole]) -> np.ndarray:
    count = sum(float(one.count) for one in parts)
    first = sum(np.asarray(one.first, np.float64) for one in parts) / count
    second = sum(np.asarray(one.second, np.float64) for one in parts) / count
    return np.sqrt(np.maximum(second - np.square(first), 0))


def _check(
    model: Model, source: str, target: str, edges: np.ndarray, shape: Any, fill: str
) -> None:
    if fill not in FILLS:
        raise unknown("fill", fill, FILLS)
    if not len(edges):
        raise UserError("no edges: give at least one")
    if source == IMAGE:
        raise UserError("the image's colours are not ablated: the source must be a layer")
    found = planes_of(model, shape)
    for layer, side in ((source, 0), (target, 1)):
        count = shape_of(found, layer)[2]
        for unit in edges[:, side].tolist():
            if not 0 <= unit < count:
                raise UserError(f"unit {unit} of {layer}: must be from 0 to {count - 1}")
