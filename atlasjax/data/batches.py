"""Batches of equal size and equally prepared, decoded in parallel, in the order of the source."""

import functools
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from atlasjax.data.channels import resized, to_channels
from atlasjax.data.protocol import ImageSource, UnreadableImage
from atlasjax.data.ranges import Span, span_of, together
from atlasjax.errors import UserError

_LONGEST = 8  # times the shorter side; see prepare


class Batch(NamedTuple):
    """Some images, ready for a network.

    Attributes:
        images: 0 to 255, of as many channels as the network takes.
        index: the position of each in the source.
        label: the class of each, -1 where it has none.
        skipped: the unreadable images met on the way, each as "name: reason".
        notes: what there is to say of images whose pixels are good, each as "name: note".
        span: the values that the images have between them, before they were brought to 8 bits.
        ends: whether it is the last of its part; see `batches`.
    """

    images: UInt8[np.ndarray, "batch h w c"]
    index: Int[np.ndarray, " batch"]  # pyright: ignore[reportIncompatibleMethodOverride]
    label: Int[np.ndarray, " batch"]
    skipped: tuple[str, ...]
    notes: tuple[str, ...] = ()
    span: Span | None = None
    ends: bool = False


class _Loaded(NamedTuple):
    image: UInt8[np.ndarray, "h w c"]
    position: int
    label: int
    notes: tuple[str, ...]
    span: Span


def prepare(
    image: UInt8[np.ndarray, "h w c"], image_size: int = 224, resize: int = 256
) -> UInt8[np.ndarray, "size size c"]:
    r"""Resize an image by its shorter side, then cut out the centre.

    For an image of $h \times w$ with $s = \min(h, w)$ the resized one has
    $\lfloor h\,r/s \rfloor \times \lfloor w\,r/s \rfloor$ pixels, $r$ being `resize`. Resizing is
    bicubic and, downwards, antialiased. Where $s = r$ the pixels stay exactly what they are.

    Args:
        image: 0 to 255, of any size and any number of channels.
        image_size: side of the result, in pixels.
        resize: what the shorter side becomes before cutting, in pixels; at least `image_size`.

    Returns:
        As many channels, 0 to 255.

    Raises:
        UserError: sizes out of range.

    >>> prepare(np.zeros((300, 500, 3), np.uint8)).shape
    (224, 224, 3)
    >>> prepare(np.arange(12, dtype=np.uint8).reshape(1, 4, 3), image_size=1, resize=1)
    array([[[3, 4, 5]]], dtype=uint8)
    """
    _check_sizes(image_size, resize)
    short = min(image.shape[:2])
    if short != resize:
        # A strip of 1 x 50000 would become gigabytes, nearly all of them to be cut off.
        image = _centre(image, _LONGEST * short, _LONGEST * short)
        h, w = image.shape[:2]
        image = resized(image, h * resize // short, w * resize // short)
    return _centre(image, image_size, image_size).copy()


def batches(
    source: ImageSource,
    size: int,
    *,
    image_size: int = 224,
    resize: int = 256,
    channels: int | None = 3,
    workers: int | None = None,
    parts: Sequence[Int[np.ndarray, " _"]] | None = None,
) -> Iterator[Batch]:
    """Go once through a source, in its order, whatever the number of threads.

    Every batch is full but the last: an unreadable image is left out and the next one takes its
    place. While a batch is worked on the next is decoded; no more is in memory at a time.

    Args:
        source: the images.
        size: images in a batch.
        image_size: side of the prepared images, in pixels.
        resize: what the shorter side becomes before the centre is cut out, in pixels.
        channels: how many the network takes. Colour becomes grey for one that takes 1, grey becomes
            colour for one that takes 3; see `channels.to_channels`. None for those there are.
        workers: threads that decode; by default one for each CPU, at most 16.
        parts: positions of the images to go through, part by part, in place of all; at least one in
            each. No batch has images of two parts, so that what is computed of a part is the same
            whichever parts are gone through. A part without a readable image ends with a batch of
            none.

    Returns:
        An iterator over the batches. It may be left before its end.

    Raises:
        UserError: sizes out of range; and, on iterating, a source with no readable image at all, or
            with images of other channels than the network takes.

    >>> import tempfile; from PIL import Image; from atlasjax.data import folder
    >>> with tempfile.TemporaryDirectory() as d:
    ...     for i in range(3):
    ...         Image.new("RGB", (40, 30)).save(f"{d}/{i}.png")
    ...     for batch in batches(folder(d), 2, image_size=8, resize=10):
    ...         print(batch.images.shape, batch.index, batch.skipped)
    (2, 8, 8, 3) [0 1] ()
    (1, 8, 8, 3) [2] ()
    """
    _check_sizes(image_size, resize)
    if size < 1:
        raise UserError(f"the batch size is {size}; it must be at least 1")
    if workers is not None and workers < 1:
        raise UserError(f"workers is {workers}; it must be at least 1, or left out for one per CPU")
    if channels is not None and channels < 1:
        raise UserError(
            f"channels is {channels}; it must be at least 1, or None for those there are"
        )
    if not len(source):
        raise UserError("the image source is empty")
    workers = workers or min(_cpus(), 16)
    ahead = max(2 * workers, size)
    if parts is None:
        loaded = _load(source, np.arange(len(source)), image_size, resize, channels, workers, ahead)
        return _group(loaded, size)
    asked = np.concatenate([*parts, np.zeros(0, np.int64)])
    loaded = _load(source, asked, image_size, resize, channels, workers, ahead)
    nothing = np.zeros((0, image_size, image_size, channels or 0), np.uint8)
    none = Batch(nothing, np.zeros(0, np.int64), np.zeros(0, np.int64), (), ends=True)
    each = (itertools.islice(loaded, len(part)) for part in parts)
    return itertools.chain.from_iterable(_group(part, size, none) for part in each)


def _load(
    source: ImageSource,
    positions: Int[np.ndarray, " n"],
    image_size: int,
    resize: int,
    channels: int | None,
    workers: int,
    ahead: int,
) -> Iterator[_Loaded | UnreadableImage | UserError]:
    """Decode and prepare in threads; what goes wrong comes out as a value, in its place."""
    import grain

    def load(number: int) -> _Loaded | UnreadableImage | UserError:
        position = int(positions[number])
        try:
            example = source[position]
            image = example.image if channels is None else to_channels(example.image, channels)
        except UnreadableImage as error:
            return error.with_traceback(None)  # which would keep the decoder's memory alive
        except UserError as error:
            return error  # as a value, since Grain would add lines to what it says
        notes = tuple(f"{example.name}: {note}" for note in example.notes)
        span = example.span or span_of(example.image)
        return _Loaded(prepare(image, image_size, resize), position, example.label, notes, span)

    options = grain.ReadOptions(num_threads=workers, prefetch_buffer_size=ahead)
    return iter(grain.MapDataset.range(len(positions)).map(load).to_iter_dataset(options))


def _group(
    loaded: Iterator[_Loaded | UnreadableImage | UserError], size: int, none: Batch | None = None
) -> Iterator[Batch]:
    """Group what is loaded; where nothing can be read, give `none`, or refuse."""
    images: list[_Loaded] = []
    skipped: list[str] = []
    for item in loaded:
        if isinstance(item, UserError):
            raise item
        if isinstance(item, UnreadableImage):
            skipped.append(str(item))
            continue
        # A full batch waits for the next image, so that what is skipped at the very end is told.
        if len(images) == size:
            yield _stack(images, skipped)
            images, skipped = [], []
        images.append(item)
    if images:
        yield _stack(images, skipped)._replace(ends=True)
    elif none is not None:
        yield none._replace(skipped=tuple(skipped))
    else:
        raise UserError(f"none of the {len(skipped)} images can be read; the first: {skipped[0]}")


def _stack(images: list[_Loaded], skipped: list[str]) -> Batch:
    there = sorted({i.image.shape[-1] for i in images})
    if len(there) > 1:
        raise UserError(f"images of {there[0]} and of {there[1]} channels in one source")
    return Batch(
        images=np.stack([i.image for i in images]),
        index=np.array([i.position for i in images], np.int64),
        label=np.array([i.label for i in images], np.int64),
        skipped=tuple(skipped),
        notes=tuple(note for i in images for note in i.notes),
        span=functools.reduce(together, (i.span for i in images)),
    )


def _centre(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut out the centre; a side that is already shorter is left whole."""
    top, left = (max(n - m, 0) // 2 for n, m in zip(image.shape, (height, width), strict=False))
    return image[top : top + height, left : left + width]


def _check_sizes(image_size: int, resize: int) -> None:
    if image_size < 1:
        raise UserError(f"image_size is {image_size}; it must be at least 1 pixel")
    if resize < image_size:
        raise UserError(f"resize is {resize}; it must be at least image_size, {image_size}")


def _cpus() -> int:
    """Return how many CPUs this process may use, which in a container is fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
