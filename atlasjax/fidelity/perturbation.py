"""Perturbation: what the network says while the pixels that a map calls important come and go.

*Deletion* takes them out of the image, those that matter most first, and a good map makes the
target fall at once; *insertion* puts them into a baseline, and it rises at once. Both depend on the
baseline and on the number of steps, so that figures of two papers can seldom be compared; and their
order of methods changes from image to image (Tomsett et al. 2020 find them hardly reliable). They
are to be shown with that said, and beside a random order of pixels.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int

from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh, pad_batch, platform_of, replicate, share_of, split_batch
from atlasjax.progress import Progress, silent
from atlasjax.rewriting import optimized
from atlasjax.taps import Model
from atlasjax.targets import Target, evaluate

AT_A_TIME = 16  # images at once


class Curves(NamedTuple):
    """The target of each image in every step, from no pixel to all of them.

    Attributes:
        insertion: with pixels put into the baseline: its first value is the baseline's.
        deletion: with pixels taken out of the image: its first value is the image's.
    """

    insertion: Float[np.ndarray, "n steps"]
    deletion: Float[np.ndarray, "n steps"]


class Areas(NamedTuple):
    """Areas under the curves, as parts of the way between baseline and image.

    Attributes:
        insertion: 1 where the first step restores the target, 1/2 for an even rise.
        deletion: 0 where the first step removes it, 1/2 for an even fall.
    """

    insertion: Float[np.ndarray, " n"]
    deletion: Float[np.ndarray, " n"]


def perturbation(
    model: Model,
    images: Float[np.ndarray, "n h w c"],
    target: Target,
    maps: Float[np.ndarray, "maps y x"],
    baseline: Float[np.ndarray, "baselines i j c"],
    *,
    steps: int = 16,
    mesh: Mesh | None = None,
    progress: Progress = silent,
) -> Curves:
    """Return the target of images of which a growing part of the pixels is there.

    In step s the `s / steps` of the pixels with the largest values of the map are those of the
    image (insertion) or of the baseline (deletion), all others those of the other; of equal values
    those that come first in reading order.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked of each image.
        maps: larger where a pixel speaks for the target.
        baseline: an image without anything in it for each image, such as its blurred copy.
        steps: in which all pixels change, at least 1.
        mesh: the devices to share the work; all by default.
        progress: called with the number of perturbed images done.

    Returns:
        `steps + 1` values in both curves of each image.

    Raises:
        UserError: steps below 1, or shapes that differ.

    Source: Petsiuk, Das and Saenko, "RISE", BMVC 2018, section 4.2.

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: images.sum((1, 2))
    >>> image = np.array([[[[3.0], [1.0]]]], np.float32)
    >>> found = perturbation(toy, image, class_logit(0), image[..., 0], 0 * image, steps=2)
    >>> found.insertion.tolist(), found.deletion.tolist()
    ([[0.0, 3.0, 4.0]], [[4.0, 1.0, 0.0]])
    """
    _check(images, maps, baseline, steps)
    mesh = batch_mesh() if mesh is None else mesh
    model, size = replicate(optimized(model, platform_of(mesh)), mesh), share_of(AT_A_TIME, mesh)
    see, rank = _compiled(mesh), _ranks(maps)
    rows = np.indices((len(images), 2, steps + 1)).reshape(3, -1).T  # image, curve, step
    found = []
    progress(0, len(rows))
    for start in range(0, len(rows), size):
        image, curve, step = rows[start : start + size].T
        count = step * maps[0].size // steps
        here = (_of(target, image), images[image], baseline[image], rank[image], count, curve == 0)
        found.append(np.asarray(see(model, *pad_batch(here, size)))[: len(image)])
        progress(start + len(image), len(rows))
    curves = np.concatenate(found).reshape(len(images), 2, steps + 1)
    return Curves(curves[:, 0], curves[:, 1])


@functools.lru_cache(maxsize=8)
def _compiled(mesh: Mesh) -> Callable[..., Array]:
    return split_batch(_see, mesh, replicated=1)


def areas(curves: Curves) -> Areas:
    """Return the areas under insertion and deletion curves, without units.

    `(mean of the curve - baseline) / (image - baseline)`, the mean by the trapezoidal rule. It is
    nan where baseline and image have the same target.

    Args:
        curves: what `perturbation` returned.

    >>> even = np.array([[0.0, 1.0, 2.0]])
    >>> areas(Curves(even, even[:, ::-1]))
    Areas(insertion=array([0.5]), deletion=array([0.5]))
    """
    low, high = curves.insertion[:, 0], curves.insertion[:, -1]
    way = np.where(high == low, np.nan, high - low)
    means = ((curve[:, 1:] + curve[:, :-1]).mean(1) / 2 for curve in curves)
    return Areas(*((mean - low) / way for mean in means))


def _see(
    model: Model,
    target: Target,
    image: Float[Array, "b h w c"],
    baseline: Float[Array, "b h w c"],
    rank: Int[Array, "b h w"],
    count: Int[Array, " b"],
    insert: Bool[Array, " b"],
) -> Float[Array, " b"]:
    first = (rank < count[:, None, None]) == insert[:, None, None]
    return evaluate(target, model, jnp.where(first[..., None], image, baseline))


def _ranks(maps: Float[np.ndarray, "n h w"]) -> Int[np.ndarray, "n h w"]:
    """Return the place of every pixel in the order of the map's values, the largest at 0."""
    order = np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[None], 1)
    return rank.astype(np.int32).reshape(maps.shape)


def _of(target: Target, images: Int[np.ndarray, " b"]) -> Target:
    """Return the target of some images, of which it may have one for each or one for all."""

    def of(leaf: np.ndarray | Array) -> np.ndarray:
        each = np.asarray(leaf)
        return each[images] if len(each) > 1 else np.repeat(each, len(images), 0)

    return jax.tree.map(of, target)


def _check(images: np.ndarray, maps: np.ndarray, baseline: np.ndarray, steps: int) -> None:
    if steps < 1:
        raise UserError(f"steps {steps}: must be at least 1")
    if images.shape != baseline.shape or images.shape[:3] != maps.shape:
        shapes = ", ".join(str(list(x.shape)) for x in (images, baseline, maps))
        raise UserError(f"images, baseline and maps of {shapes}: must be alike, but for channels")
