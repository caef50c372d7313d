"""A layer's activations on disk: in shards as they come, then one store with an index.

The vectors lie in a Zarr array, `activations/` (see `storage.store`), a row for each position of
each image of the source: rows of images that cannot be read are NaN. Beside it stands the index,
`activations.npz`: where each row is from, which are left out, and what each file is to be like.
While the images are gone through, every finished shard has an index of its own.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from atlasjax.atlas.alike import unfinite
from atlasjax.atlas.collect import Activations
from atlasjax.atlas.rows import Chosen, Rows, whole
from atlasjax.atlas.whitening import Moment, moment_of
from atlasjax.data.ranges import Span, together
from atlasjax.errors import UserError
from atlasjax.runs.job import Run
from atlasjax.storage import artifacts, store
from atlasjax.storage.remedy import damaged

FILE = "activations.npz"
ROWS = 8192  # activations in a shard, about: how much at most is done again after an interruption
EVEN = 64  # images in a shard are a multiple of so many, so that its batches are full
HELD = 1 << 27  # bytes: activations that are no more are read into memory at once


class Index(NamedTuple):
    """What there is to know of a layer's activations, or of a shard of them, besides the vectors.

    Attributes:
        position: row and column of each, of images that can be read.
        image: of each, its index in the source.
        label: class of that image, -1 where there is none.
        shape: the layer's height, width and channels.
        left_out: which of these are not finite, and so left out of everything.
        moment: the sum of `a a'` over all others.
        rows: how many there are of each image.
        images: how many there are in the source.
        files: of the store.
        sums: the SHA-256 of each.
        skipped: images that could not be read, with the reason.
        notes: what there is to say of images whose pixels are good.
        span: the values that the images have between them, as `data.ranges.Span`; or empty.
    """

    position: Int[np.ndarray, "n 2"]
    image: Int[np.ndarray, " n"]
    label: Int[np.ndarray, " n"]
    shape: Int[np.ndarray, "3"]
    left_out: Int[np.ndarray, " m"]
    moment: Float[np.ndarray, "c c"]
    rows: Int[np.ndarray, ""]
    images: Int[np.ndarray, ""]
    files: np.ndarray
    sums: np.ndarray
    skipped: np.ndarray
    notes: np.ndarray
    span: np.ndarray


class LeftOut(NamedTuple):
    """Of an index, which activations are left out."""

    left_out: Int[np.ndarray, " m"]


def shards(run: Run) -> list[np.ndarray]:
    """Return which images each shard is of; it depends on nothing but how many there are.

    Args:
        run: the run.
    """
    count = len(run.source)
    each = max(ROWS // run.config.samples_per_image, 1)
    each = max(each // EVEN, 1) * EVEN if each < count else count
    return [np.arange(first, min(first + each, count)) for first in range(0, count, each)]


def part(run: Run, name: str, number: int) -> Path:
    """Return where the index of a shard is, while there is none of the whole."""
    return run.layer(name) / f"activations-{number:05}.npz"


def part_digest(run: Run, digest: str) -> str:
    """Return the fingerprint of a layer's shards, of the layer's own."""
    return artifacts.fingerprint(whole=digest, images=len(shards(run)[0]))


def missing(run: Run, name: str, digest: str) -> list[int]:
    """Return which shards of a layer are not there.

    Args:
        run: the run.
        name: the layer.
        digest: its fingerprint.
    """
    path, count = run.layer(name) / FILE, len(shards(run))
    if artifacts.holds(path, digest):
        lacking = set(store.lacking(path))
        return [number for number in range(count) if store.shard(number) in lacking]
    own, folder = part_digest(run, digest), store.folder_of(path)
    return [
        number
        for number in range(count)
        if not artifacts.holds(part(run, name, number), own)
        or not (folder / store.shard(number)).is_file()
    ]


def finished(run: Run, name: str, digest: str) -> bool:
    """Tell whether all of a layer is there."""
    path = run.layer(name) / FILE
    return artifacts.holds(path, digest) and not store.lacking(path)


def create(run: Run, name: str, rows: int, channels: int) -> None:
    """Make a layer's store, unless it is there.

    Args:
        run: the run.
        name: the layer.
        rows: how many there are of each image.
        channels: how long they are.
    """
    shape = (len(run.source) * rows, channels)
    store.create(run.layer(name) / "activations", shape, len(shards(run)[0]) * rows, np.float32)


def save(
    run: Run, name: str, number: int, found: Activations | None, said: Index, digest: str
) -> None:
    """Write a shard, and then its index.

    Args:
        run: the run.
        name: the layer.
        number: of the shard.
        found: its activations; None where no image of it can be read.
        said: an index in which what is not of the activations stands already.
        digest: the layer's fingerprint.
    """
    images, rows, channels = shards(run)[number], int(said.rows), int(said.shape[2])
    values = np.full((len(images) * rows, channels), np.nan, np.float32)
    made = said
    if found is not None:
        values[row_of(found.image, rows) - images[0] * rows] = found.value
        bad = unfinite(found.value)
        exact = np.delete(found.value, bad, 0).astype(np.float64)
        made = said._replace(
            position=found.position,
            image=found.image,
            label=found.label,
            left_out=bad,
            moment=exact.T @ exact,
        )
    folder = run.layer(name) / "activations"
    sums = {store.shard(number): store.write(folder, number, values)}
    made = made._replace(files=np.array([*sums], str), sums=np.array([*sums.values()], str))
    artifacts.save(part(run, name, number), made, part_digest(run, digest))


def join(run: Run, name: str, digest: str) -> None:
    """Make the index of a layer from those of its shards, all of which are there.

    Where there is an index already, whose shards were damaged and are made anew, it stays if they
    are as they were.

    Args:
        run: the run.
        name: the layer.
        digest: its fingerprint.

    Raises:
        UserError: no image could be read, or no activation is finite.
    """
    path, folder = run.layer(name) / FILE, run.layer(name) / "activations"
    parts = sorted(run.layer(name).glob("activations-[0-9]*.npz"))
    if artifacts.holds(path, digest):
        known = store.beside(path)
        again = [store.beside(one) for one in parts]
        if any(known.get(file) != own for files in again for file, own in files.items()):
            path.unlink()  # made on another machine: all of it is made anew
    else:
        numbers = range(len(shards(run)))
        own = part_digest(run, digest)
        found = _together(read_index(part(run, name, number), own) for number in numbers)
        _check(run, name, found)
        sums = {store.META: store.digest(folder / store.META)}
        sums |= dict(zip(map(str, found.files), map(str, found.sums), strict=True))
        names, digests = np.array([*sums], str), np.array([*sums.values()], str)
        artifacts.save(path, found._replace(files=names, sums=digests), digest)
    for one in parts:
        one.unlink()


def read_index(path: Path, digest: str | None = None) -> Index:
    """Read the index of a layer or a shard.

    Raises:
        UserError: it is missing or damaged.
    """
    found = artifacts.load(path, Index, digest)
    if found is None:
        raise damaged(path)
    return found


def load(path: Path, digest: str | None = None) -> Activations | None:
    """Return a layer's activations, if they are there; what is large is read when it is looked at.

    Args:
        path: the index; or an artifact that has the vectors in itself.
        digest: the fingerprint asked for; any will do when None.
    """
    index = artifacts.load(path, Index, digest)
    if index is None:
        return artifacts.load(path, Activations, digest)
    if store.lacking(path):
        return None
    kept = kept_of(index)
    position, image, label = (one[kept] for one in (index.position, index.image, index.label))
    return Activations(_values(path, index, kept), position, image, label, index.shape)


def read(path: Path) -> Activations:
    """Return a layer's activations, which must be there.

    Args:
        path: as for `load`.

    Raises:
        UserError: they are missing or damaged.
    """
    found = load(path)
    if found is None:
        raise damaged(path)
    return found


def moment(path: Path) -> Moment:
    """Return the second moment of a layer's activations, which was summed up as they came.

    Args:
        path: as for `load`.
    """
    index = artifacts.load(path, Index)
    if index is None:
        return moment_of([read(path).value])
    count = int(kept_of(index).sum())
    return Moment(index.moment / count, np.array(count))


def rows_of(path: Path) -> Int[np.ndarray, " n"] | None:
    """Return what tells the activations of one layer that are of the same places as another's.

    Args:
        path: as for `load`.

    Returns:
        A number for each; None where that is not known.
    """
    index = artifacts.load(path, Index)
    return None if index is None else row_of(index.image, int(index.rows))[kept_of(index)]


def kept_of(index: Index) -> Bool[np.ndarray, " n"]:
    """Tell which activations of images that can be read are not left out."""
    kept = np.ones(len(index.image), bool)
    kept[index.left_out] = False
    return kept


def row_of(image: Int[np.ndarray, " n"], rows: int) -> Int[np.ndarray, " n"]:
    """Return the rows in the store of the activations of some images, in their order.

    >>> row_of(np.array([0, 0, 3, 3]), 2).tolist()
    [0, 1, 6, 7]
    """
    return image.astype(np.int64) * rows + np.arange(len(image)) % rows


def _values(path: Path, index: Index, kept: Bool[np.ndarray, " n"]) -> Rows:
    count, rows, channels = int(index.images), int(index.rows), int(index.shape[2])
    dtype = np.dtype(np.float32)
    value = store.Stored(path.with_suffix(""), (count * rows, channels), dtype)
    wanted = row_of(index.image, rows)[kept]
    found: Rows = value if len(wanted) == len(value) else Chosen(value, wanted)
    return whole(found) if len(wanted) * channels * dtype.itemsize <= HELD else found


def _together(parts: Iterable[Index]) -> Index:
    """Put the indices of successive shards together."""
    found, total, span, before = [], None, None, 0
    for one in parts:
        total = one.moment if total is None else total + one.moment
        span = together(span, Span(*map(float, one.span)) if one.span.size else None)
        found.append(one._replace(left_out=one.left_out + before, moment=np.zeros(0)))
        before += len(one.image)
    several = {"position", "image", "label", "left_out", "files", "sums", "skipped", "notes"}
    arrays = {n: np.concatenate([getattr(one, n) for one in found]) for n in several}
    return found[0]._replace(**arrays, moment=total, span=np.array(span or (), float))


def _check(run: Run, name: str, found: Index) -> None:
    """Refuse a layer of which nothing is left."""
    if not len(found.image):
        raise UserError(
            f"none of the {len(found.skipped)} images could be read; first: {found.skipped[:1]}"
        )
    if len(found.left_out) == len(found.image):
        raise UserError(f"layer {name!r}: {said_of(run, found)}")


def said_of(run: Run, found: Index) -> str:
    """Say which activations of a layer are not finite; there is one at least."""
    first = int(found.left_out[0])
    row, column = found.position[first]
    return (
        f"{len(found.left_out)} of {len(found.image)} activations are NaN or infinite and are left "
        f"out; the first is of image {run.source[int(found.image[first])].name!r}, row {row}, "
        f"column {column}"
    )


def nothing(shape: Sequence[int], rows: int, images: int) -> Index:
    """Return the index of no activations.

    Args:
        shape: the layer's height, width and channels.
        rows: how many there would be of each image.
        images: how many there are in the source.
    """
    none, channels = np.zeros(0, np.int64), shape[2]
    return Index(
        position=np.zeros((0, 2), np.int32),
        image=none,
        label=none,
        shape=np.array(shape),
        left_out=none,
        moment=np.zeros((channels, channels)),
        rows=np.array(rows),
        images=np.array(images),
        files=np.zeros(0, str),
        sums=np.zeros(0, str),
        skipped=np.zeros(0, str),
        notes=np.zeros(0, str),
        span=np.zeros(0),
    )
