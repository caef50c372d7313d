"""The surface: loss and accuracy at every point of a grid of one, two or three directions."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.landscape.directions import Direction
from atlasjax.landscape.losses import Loss, cross_entropy
from atlasjax.landscape.measured import Data, in_batches, measured
from atlasjax.landscape.weights import Weights, moved, weights_of
from atlasjax.parallel import (
    accelerated,
    batch_mesh,
    fitting,
    overlapped,
    pad_batch,
    platform_of,
    replicate,
    split_batch,
)
from atlasjax.progress import Progress, silent
from atlasjax.rewriting import optimized
from atlasjax.storage import artifacts
from atlasjax.taps import Model

POINTS = {1: 101, 2: 51, 3: 11}  # along each direction, by how many directions there are
SAVE_EVERY = 5.0  # seconds


class Surface(NamedTuple):
    """Loss and accuracy over a grid.

    Attributes:
        coordinates: the places along each direction; the network is at 0.
        loss: the mean loss of the images at each point, not finite where the network's is not.
        accuracy: the share of the images whose class has the largest logit; 0 where logits are no
            numbers.
    """

    coordinates: tuple[Float[np.ndarray, " points"], ...]
    loss: Float[np.ndarray, "*grid"]
    accuracy: Float[np.ndarray, "*grid"]


class _Kept(NamedTuple):
    loss: np.ndarray
    accuracy: np.ndarray
    done: np.ndarray


def surface(
    model: Model,
    directions: Sequence[Direction],
    images: Any,
    labels: Any = None,
    *,
    at: Sequence[Any] | None = None,
    loss: Loss = cross_entropy,
    batch: int = 32,
    together: int | None = None,
    keep: Path | None = None,
    mesh: Mesh | None = None,
    progress: Progress = silent,
) -> Surface:
    r"""Return loss and accuracy at $\theta + \sum_k a_k d_k$ for every point $a$ of a grid.

    The points are shared among the devices. Each makes `together` networks at a time, which is all
    that there ever is of them in memory.

    Args:
        model: the network at 0.
        directions: one to three of them, see `random`, `between`, `principal`, `eigenvectors`.
        images: [n, h, w, c] as the network takes them, in [0, 1], or bytes of 0 to 255.
        labels: the class of each; by default what the network takes it for at 0.
        at: the places along each direction; by default from -1 to 1, in 101, 51 or 11 points.
        loss: one number for each image, from logits and labels.
        batch: images that are looked at together.
        together: networks that a device makes at a time; by default 1 on CPUs and what fits into
            memory on others.
        keep: a file where what is done is kept, so that a call that was stopped goes on.
        mesh: the devices; all by default.
        progress: called with the points that are done.

    Returns:
        The surface.

    Raises:
        UserError: a network without weights, directions of another one, no images, labels or places
            that do not fit.

    >>> import jax.numpy as jnp
    >>> model = jax.tree_util.Partial(lambda w, x, tap: x.mean((1, 2)) @ w, jnp.eye(2))
    >>> images, labels = jnp.eye(2)[:, None, None], jnp.array([0, 1])
    >>> found = surface(model, [(jnp.eye(2),)], images, labels, at=[[-2.0, 0.0]])
    >>> [f"{value:.3f}" for value in found.loss], found.accuracy.tolist()
    (['1.313', '0.313'], [0.0, 1.0])
    """
    weights = weights_of(model)
    check_directions(weights, directions)
    places, points = grid_of(at, len(directions))
    mesh = mesh or batch_mesh()
    data = in_batches(model, images, labels, batch)
    together = together or _together(weights, mesh)
    compute = _compiled(weights, loss, together, mesh)
    unknown = np.full((2, len(points)), np.nan, np.float32)
    kept = _Kept(unknown[0], unknown[1], np.zeros(len(points), bool))
    made_from = _digest(weights, directions, points, data, loss) if keep else ""
    if keep and (found := artifacts.load(keep, _Kept, made_from)) is not None:
        kept = _Kept(*map(np.array, found))
    saved = time.monotonic()
    progress(int(kept.done.sum()), len(points))
    arguments = replicate((weights.values, tuple(map(tuple, directions)), data), mesh)
    for which, values in _slices(compute, arguments, points, ~kept.done, together, mesh):
        kept.loss[which], kept.accuracy[which] = values
        kept.done[which] = True
        progress(int(kept.done.sum()), len(points))
        if keep and time.monotonic() - saved > SAVE_EVERY:
            artifacts.save(keep, kept, made_from)
            saved = time.monotonic()
    if keep:
        artifacts.save(keep, kept, made_from)
    shape = tuple(map(len, places))
    return Surface(places, kept.loss.reshape(shape), kept.accuracy.reshape(shape))


def check_directions(weights: Weights, directions: Sequence[Direction]) -> None:
    """Refuse directions that are not of this network.

    Raises:
        UserError: none or more than three, or of other shapes.
    """
    if not 1 <= len(directions) <= 3:
        raise UserError(f"{len(directions)} directions: one, two or three")
    there = [value.shape for value in weights.values]
    for i, direction in enumerate(directions):
        if [getattr(part, "shape", None) for part in direction] != there:
            raise UserError(
                f"direction {i} is of another network: it must have one array for each of the "
                f"{len(there)} arrays of weights, of its shape"
            )


def grid_of(
    at: Sequence[Any] | None, count: int
) -> tuple[tuple[np.ndarray, ...], Float[np.ndarray, "points k"]]:
    """Return the places along each of some directions, and the points of their grid.

    Args:
        at: the places; by default from -1 to 1, see `POINTS`.
        count: how many directions there are.

    Raises:
        UserError: places of more or fewer directions, none along one, or some not finite.

    >>> grid_of([[0.0, 1.0], [5.0]], 2)[1].tolist()
    [[0.0, 5.0], [1.0, 5.0]]
    """
    if at is None:
        at = [np.linspace(-1, 1, POINTS[count])] * count
    places = tuple(np.asarray(a, np.float64) for a in at)
    if len(places) != count:
        raise UserError(f"places along {len(places)} directions, of which there are {count}")
    for i, place in enumerate(places):
        if place.ndim != 1 or not place.size or not np.isfinite(place).all():
            raise UserError(f"places along direction {i}: give finite numbers, at least one")
    return places, np.stack([a.ravel() for a in np.meshgrid(*places, indexing="ij")], axis=1)


def _compiled(
    weights: Weights, loss: Loss, together: int, mesh: Mesh
) -> Callable[..., tuple[Array, Array]]:
    """Compile what a device does with its share of the points."""

    def share(
        values: tuple[Array, ...], directions: Any, data: Data, points: Float[Array, "points k"]
    ) -> tuple[Array, Array]:
        def one(point: Float[Array, " k"]) -> tuple[Array, Array]:
            model = weights.rebuild(moved(values, directions, point))
            return measured(optimized(model, platform_of(mesh)), data, loss)

        # A CPU is fastest with one network after another: its convolutions know no batch of them.
        return jax.lax.map(one, points, batch_size=None if together == 1 else together)

    return split_batch(share, mesh, replicated=3)


def _slices(
    compute: Callable[..., tuple[Array, Array]],
    arguments: tuple[Any, ...],
    points: Float[np.ndarray, "points k"],
    missing: np.ndarray,
    together: int,
    mesh: Mesh,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Go through the points that are missing, slice by slice."""
    (order,) = np.nonzero(missing)
    size = together * mesh.size

    def begun() -> Iterator[tuple[np.ndarray, tuple[Array, Array]]]:
        for first in range(0, len(order), size):
            which = order[first : first + size]
            yield which, compute(*arguments, pad_batch(points[which].astype(np.float32), size))

    for which, found in overlapped(begun(), mesh):
        yield which, np.stack([np.asarray(part)[: len(which)] for part in found])


def _together(weights: Weights, mesh: Mesh) -> int:
    if not accelerated(mesh):
        return 1
    each = 4 * sum(value.nbytes for value in weights.values)  # with what it computes, about
    return max(1, fitting(each, mesh, most=32) // mesh.size)


def _digest(
    weights: Weights, directions: Sequence[Direction], points: np.ndarray, data: Data, loss: Loss
) -> str:
    found = hashlib.sha256()
    for part in (*weights.values, *(p for d in directions for p in d), points, *data):
        array = np.ascontiguousarray(part)
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(array.tobytes())
    name = f"{getattr(loss, '__module__', '')}.{getattr(loss, '__qualname__', repr(loss))}"
    return artifacts.fingerprint(arrays=found.hexdigest(), loss=name)
