"""Patches: the squares of images that stand for what a layer's positions see, cut out and kept."""

import math
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from atlasjax.data.batches import Batch
from atlasjax.data.channels import resized
from atlasjax.progress import Progress, silent
from atlasjax.receptive import ReceptiveField

SIZE = 64  # px: side of a patch as it is kept
LARGEST = 0.5  # of the image's side: larger fields are cut to their middle

T = TypeVar("T")  # what names a level


def windows(
    position: Int[np.ndarray, "n 2"],
    field: ReceptiveField,
    image_size: int,
    *,
    largest: float = LARGEST,
) -> Int[np.ndarray, "n 3"]:
    """Return the square of the image that stands for what each position sees.

    It is the receptive field of the position, but never larger than `largest` of the image: deep
    layers have fields beyond the whole image, of which they use the middle (Luo et al. 2016). Near
    the border it is moved inside, so that every patch is all image.

    Args:
        position: row and column in the layer's grid of positions.
        field: the layer's receptive field.
        image_size: side of the image, in px.
        largest: largest side as a share of the image's, in (0, 1].

    Returns:
        Top, left and side of each, in px.

    Source: Luo et al. 2016, "Understanding the effective receptive field".

    >>> windows(np.array([[0, 3]]), ReceptiveField(8.0, 3.5, 16), 64)
    array([[ 0, 20, 16]])
    """
    side = max(1, min(field.size, round(image_size * largest)))
    centre = field.offset + field.stride * position
    corner = np.clip(np.round(centre - (side - 1) / 2), 0, image_size - side).astype(np.int64)
    return np.concatenate([corner, np.full((len(corner), 1), side)], 1)


def cut(
    image: UInt8[np.ndarray, "h w c"], window: Int[np.ndarray, "3"], size: int = SIZE
) -> UInt8[np.ndarray, "size size c"]:
    """Cut a square out of an image and resize it.

    Args:
        image: 0 to 255, of any number of channels.
        window: top, left and side, inside the image.
        size: side of the result, in px.

    >>> cut(np.arange(48, dtype=np.uint8).reshape(4, 4, 3), np.array([1, 2, 1]), 1)
    array([[[18, 19, 20]]], dtype=uint8)
    """
    top, left, side = map(int, window)
    patch = image[top : top + side, left : left + side]
    return resized(patch, size, size, Image.Resampling.LANCZOS)


class Wanted(NamedTuple):
    """The patches to cut for one level.

    Attributes:
        image: index of each patch's image, -1 for none.
        window: top, left and side, in px.
    """

    image: Int[np.ndarray, "cells k"]
    window: Int[np.ndarray, "cells k 3"]


def cut_all(
    wanted: Mapping[T, Wanted],
    images: Iterable[Batch],
    size: int = SIZE,
    *,
    channels: int = 3,
    total: int = 0,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Mapping[T, UInt8[np.ndarray, "cells k size size {channels}"]]:
    """Go over some images once and cut the patches of every level out of them.

    The patches are written to a file without a name, so that memory holds one batch of images.

    Args:
        wanted: what to cut, for each level.
        images: batches of prepared images. Patches of images that are not among them stay black.
        size: side of a patch, in px.
        channels: of the images.
        total: how many images there are, for the progress.
        folder: where the file goes; the system's temporary folder by default.
        progress: called with the number of images done.

    Returns:
        The patches of each level.

    >>> batch = Batch(np.full((1, 8, 8, 3), 9, np.uint8), np.array([5]), np.array([0]), ())
    >>> want = Wanted(np.array([[5, -1]]), np.array([[[0, 0, 4], [0, 0, 4]]]))
    >>> cut_all({"a": want}, [batch], 1)["a"].ravel()
    memmap([9, 9, 9, 0, 0, 0], dtype=uint8)
    """
    found = {
        level: _on_disk((*want.image.shape, size, size, channels), folder)
        for level, want in wanted.items()
    }
    places: dict[int, list[tuple[T, int, int]]] = defaultdict(list)
    for level, want in wanted.items():
        for cell, rank in np.argwhere(want.image >= 0).tolist():
            places[int(want.image[cell, rank])].append((level, cell, rank))
    done = 0
    progress(0, total)
    for batch in images:
        for image, index in zip(batch.images, batch.index.tolist(), strict=True):
            for level, cell, rank in places.get(index, ()):
                found[level][cell, rank] = cut(image, wanted[level].window[cell, rank], size)
        done += len(batch.images) + len(batch.skipped)
        progress(done, total or done)
    return found


def _on_disk(shape: tuple[int, ...], folder: Path | None) -> np.memmap:
    with tempfile.TemporaryFile(dir=folder) as file:  # the map keeps it alive
        if hasattr(os, "posix_fallocate"):  # or a full disk ends the process where it is written
            os.posix_fallocate(file.fileno(), 0, max(math.prod(shape), 1))
        return np.memmap(file, np.uint8, "w+", shape=shape)
