"""Dataset examples: the real image patches nearest to each cell's mean, to be shown by its icon.

An icon is what the optimizer makes of a direction; the patches are what the images make of it.
Where the two disagree, it is the icon that is not to be trusted.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.cosine import cosines
from atlasjax.atlas.grid import Cells
from atlasjax.atlas.positions import placed
from atlasjax.data import Batch
from atlasjax.data.channels import resized
from atlasjax.errors import UserError
from atlasjax.progress import Progress, silent
from atlasjax.receptive import ReceptiveField, field_within
from atlasjax.taps import Model

PER_CELL = 4
SIZE = 64  # px: side of a patch as it is kept
LARGEST = 0.5  # of the image's side: larger fields are cut to their middle

T = TypeVar("T")  # what names a level


class Nearest(NamedTuple):
    """The members of each cell that are most like its mean, nearest first.

    Attributes:
        member: rows of the activations; -1 where a cell has fewer.
        cosine: with the cell's direction; -1 where there is none.
    """

    member: Int[np.ndarray, "cells k"]
    cosine: Float[np.ndarray, "cells k"]


class Examples(NamedTuple):
    """Real patches for each cell of a level, nearest first.

    Where a cell has fewer than k, `image`, `position` and `cosine` are -1, and the patch is black.

    Attributes:
        patch: RGB, or of as many channels as the network takes.
        cosine: between the activation and the cell's direction.
        image: index of the image in its source.
        position: row and column in the layer's grid of positions.
    """

    patch: UInt8[np.ndarray, "cells k h w channels"]
    cosine: Float[np.ndarray, "cells k"]
    image: Int[np.ndarray, "cells k"]
    position: Int[np.ndarray, "cells k 2"]


def nearest(
    cells: Cells,
    value: Float[np.ndarray, "n c"],
    image: Int[np.ndarray, " n"],
    k: int = PER_CELL,
) -> Nearest:
    """Find the members of each cell that have the largest cosine with its direction.

    Each image is taken once; only where a cell has members of fewer than k images do further ones
    of the same images follow. Of equals the earlier comes first.

    Args:
        cells: what `grid` returned.
        value: the layer's activations.
        image: the image of each.
        k: how many to find, at least 1.

    Returns:
        Their rows and cosines.

    Raises:
        UserError: a k below 1.

    >>> zero, value = np.array([0]), np.array([[1.0, 1.0], [1.0, 0.9], [0.0, 1.0]])
    >>> cells = Cells(zero, zero, zero + 3, np.ones((1, 2)), np.arange(3), zero)
    >>> nearest(cells, value, np.array([7, 7, 8]), 2).member
    array([[0, 2]])
    """
    if k < 1:
        raise UserError(f"{k} examples for each cell: must be at least 1")
    shape = (len(cells.count), k)
    found = Nearest(np.full(shape, -1, np.int64), np.full(shape, -1, np.float32))
    for cell, (start, count) in enumerate(zip(cells.start, cells.count, strict=True)):
        member = cells.member[start : start + count]
        cosine = cosines(value[member], cells.direction[cell])
        order = np.argsort(-cosine, kind="stable")
        _, first = np.unique(image[member[order]], return_index=True)
        again = np.setdiff1d(np.arange(count), first)
        taken = np.sort(np.concatenate([np.sort(first), again])[:k])
        found.member[cell, : len(taken)] = member[order[taken]]
        found.cosine[cell, : len(taken)] = cosine[order[taken]]
    return found


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


def field_of(
    model: Model, layer: str, activations: Activations, image_size: int, channels: int = 3
) -> ReceptiveField:
    """Return a layer's receptive field; where it cannot be measured, an even share of the image.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: its name.
        activations: what was collected there.
        image_size: side of the images, in px.
        channels: of the images.

    Returns:
        What `receptive.field_within` returns.
    """
    rows, columns = map(int, activations.shape[:2])
    own = rows if placed((rows, columns)) else 1
    return field_within(model, layer, own, image_size, channels)


def largest_of(activations: Activations) -> float:
    """Return the largest side of a layer's patches, as a share of the image's.

    A vector, as any layer without places, is about the whole of it, and is shown the whole.

    Args:
        activations: what was collected there.
    """
    rows, columns = map(int, activations.shape[:2])
    return LARGEST if placed((rows, columns)) else 1.0


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
        return np.memmap(file, np.uint8, "w+", shape=shape)
