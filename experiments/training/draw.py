"""A pool of training images, drawn by several processes, and the batches that are made from it.

Drawing an image takes milliseconds of plain Python, a training step less for each, so images are
drawn once, before the training, and varied a little each time they are seen.
"""

import math
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from atlasjax.data.protocol import ImageSource
from atlasjax.progress import Progress, silent

_CHUNK = 200  # images that a process draws at a time


class Batch(NamedTuple):
    """What one step of the training sees.

    Attributes:
        images: RGB, 0 to 255, each moved by a few pixels.
        labels: the class of each.
        contrast: a factor for each image, around 1.
        brightness: what to add to each image of [0, 1], around 0.
    """

    images: UInt8[np.ndarray, "batch h w 3"]
    labels: Int[np.ndarray, " batch"]
    contrast: Float[np.ndarray, " batch"]
    brightness: Float[np.ndarray, " batch"]


def draw(
    source: ImageSource, processes: int | None = None, progress: Progress = silent
) -> tuple[UInt8[np.ndarray, "n h w 3"], Int[np.ndarray, " n"]]:
    """Draw all images of a source, which must be of one size and can be pickled.

    Args:
        source: the images, at least one.
        processes: how many draw; by default one for each CPU. With 1, this process does.
        progress: called with the number of images drawn.

    Returns:
        The images, RGB in 0..255, and their labels; the same for any number of processes.

    >>> from atlasjax.data.scenes import scenes
    >>> draw(scenes(3), processes=1)[1].tolist()
    [0, 1, 2]
    """
    total = len(source)
    starts = range(0, total, _CHUNK)
    images = np.empty((total, *source[0].image.shape), np.uint8)
    labels = np.empty(total, np.int32)
    count = min(processes or os.cpu_count() or 1, len(starts))
    if count > 1:
        spawn = multiprocessing.get_context("spawn")  # JAX's threads do not survive a fork
        with ProcessPoolExecutor(count, mp_context=spawn) as pool:
            _gather(pool.map(_some, [source] * len(starts), starts), images, labels, progress)
    else:
        _gather((_some(source, start) for start in starts), images, labels, progress)
    return images, labels


def _some(source: ImageSource, start: int) -> tuple[np.ndarray, list[int]]:
    examples = [source[i] for i in range(start, min(start + _CHUNK, len(source)))]
    return np.stack([e.image for e in examples]), [e.label for e in examples]


def _gather(
    parts: Iterator[tuple[np.ndarray, list[int]]],
    images: np.ndarray,
    labels: np.ndarray,
    progress: Progress,
) -> None:
    done = 0
    for some, of in parts:
        images[done : done + len(of)], labels[done : done + len(of)] = some, of
        done += len(of)
        progress(done, len(images))


def epoch(
    images: UInt8[np.ndarray, "n h w 3"],
    labels: Int[np.ndarray, " n"],
    size: int,
    *,
    seed: tuple[int, ...],
    shift: int = 4,
    jitter: float = 0.1,
) -> Iterator[Batch]:
    """Go once through the images in random order, each moved and its light changed a little.

    Args:
        images: RGB, 0 to 255.
        labels: the class of each.
        size: images in a batch, at most n; what is left over at the end is dropped.
        seed: of the order, the shifts and the light; equal seeds give equal batches.
        shift: the farthest that an image is moved in each direction, in pixels; its edge is
            reflected.
        jitter: the largest change of contrast, and of brightness where white is 1.

    Yields:
        Batches of the same size as the images.

    >>> grey = np.full((4, 8, 8, 3), 9, np.uint8)
    >>> [b.labels.tolist() for b in epoch(grey, np.arange(4), 2, seed=(0,))]
    [[2, 0], [1, 3]]
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    h, w = images.shape[1:3]
    for step in range(math.floor(len(images) / size)):
        chosen = order[step * size : (step + 1) * size]
        edges = ((0, 0), (shift, shift), (shift, shift), (0, 0))
        padded = np.pad(images[chosen], edges, mode="reflect")
        corners = rng.integers(0, 2 * shift + 1, (size, 2))
        moved = [p[y : y + h, x : x + w] for p, (y, x) in zip(padded, corners, strict=True)]
        light = rng.uniform(-jitter, jitter, (2, size)).astype(np.float32)
        yield Batch(np.stack(moved), labels[chosen], 1 + light[0], light[1])
