"""Arrays as a source: images that are in memory already, or come from an iterable in batches.

Whatever can be gone through again can be read at random: a cursor goes on forwards, and starts anew
where it must go back. Batches are decoded by several threads that overtake one another a little, so
the cursor holds on to the last few images that it passed.
"""

import bisect
import hashlib
import operator
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from jaxtyping import Int, UInt8

from atlasjax.data.protocol import Example, ImageSource, spread
from atlasjax.data.ranges import AUTO, ValueRange, checked, ends_of, in_8_bits
from atlasjax.data.subset import Subset
from atlasjax.errors import UserError

_HELD = 64  # images: more than `batches` reads ahead
_AGAIN = "give a list, or an object whose iter() starts anew"
_KINDS = "must be uint8, or floats in [0, 1], or others with range=(low, high)"


@dataclass(frozen=True, eq=False)
class Arrays:
    """Images in arrays, as `from_arrays` finds them.

    Attributes:
        count: how many.
        classes: the names of the classes, in the order of the labels.
        labels: for each image the index of its class, or -1; None for no labels at all.
        digest: of all images and labels.
        read: gives an image by its number, as it was given.
        range: the values that become black and white; None for what the type says.
    """

    count: int
    classes: tuple[str, ...] = field(repr=False)
    labels: Int[np.ndarray, " n"] | None = field(repr=False)
    digest: str = field(repr=False)
    read: Callable[[int], np.ndarray] = field(repr=False)
    range: tuple[float, float] | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: SupportsIndex, /) -> Example:
        number = operator.index(index)
        if not -self.count <= number < self.count:
            raise IndexError(f"image {number} of {self.count}")
        number %= self.count
        label = -1 if self.labels is None else int(self.labels[number])
        name = f"image {number}"
        return Example(_in_8_bits(self.read(number), name, self.range), label, name)

    def fingerprint(self) -> str:
        """Return a digest of every pixel, in 8 bits, and of the labels.

        >>> one, two = from_arrays(np.zeros((2, 4, 4))), from_arrays([np.zeros((4, 4, 1))] * 2)
        >>> one.fingerprint() == two.fingerprint()
        True
        """
        return self.digest


def from_arrays(
    images: Any,
    labels: Any = None,
    classes: Sequence[str] = (),
    limit: int | None = None,
    range: ValueRange | None = None,
) -> ImageSource:
    """Take arrays as a source of images.

    They are gone through once here, to be counted, checked and hashed. Floats are rounded to 8
    bits when they are read, as images are kept everywhere: what a network sees of them are
    multiples of 1/255.

    Args:
        images: one array, of NumPy or JAX: [n, h, w, c], or [n, h, w] for grey; or an iterable of
            arrays that can be gone through again and gives the same each time: batches
            [n, h, w, c], or single images [h, w, c], or [h, w] for grey. As uint8, or as floats in
            [0, 1]; with a range any numbers. Sizes may differ from item to item, channels may not.
        labels: the index of each image's class, [n], -1 where it has none; no labels by default.
        classes: the names of the classes, in the order of the labels.
        limit: take only so many images, evenly spaced over all of them; None for all.
        range: the values that become black and white; "auto" for those that the images have, but
            for a thousandth at either end; by default 0 and 1 for floats, 0 and 255 for uint8.

    Returns:
        The images. Of a list of arrays, any is read at once; of another iterable those before it
        are gone through, where they were not just before.

    Raises:
        UserError: what is no array of images, or is out of range; an iterable that can be gone
            through only once; images of different channels; labels that do not belong to them.

    >>> digits = from_arrays(np.zeros((100, 28, 28)), labels=[3] * 100)
    >>> len(digits), digits[7].image.shape, digits[7].label
    (100, (28, 28, 1), 3)
    """
    found, wanted = _opened(images), checked(range)
    ends = _ends(found, wanted is not None) if wanted == AUTO else wanted
    digest = hashlib.sha256()
    starts, channels = [0], 0
    for number, item in enumerate(found.parts()):
        part = _checked(item, number, found.single, ends is not None)
        if channels and part.shape[-1] != channels:
            raise UserError(
                f"images of {channels} and of {part.shape[-1]} channels (item {number}): those of "
                "one source must have the same"
            )
        channels = part.shape[-1]
        for i, image in enumerate(part, starts[-1]):
            pixels = _in_8_bits(image, f"image {i}", ends)
            digest.update(repr(pixels.shape).encode() + pixels.tobytes())
        starts.append(starts[-1] + len(part))
    count = starts[-1]
    if not count:
        raise UserError("no images: give at least one")
    kept = None if labels is None else _labels(labels, count, classes)
    digest.update(b"" if kept is None else kept.astype("<i8").tobytes())
    source = Arrays(count, tuple(classes), kept, digest.hexdigest(), found.reader(starts), ends)
    chosen = spread(count, limit)
    return source if len(chosen) == count else Subset(source, tuple(chosen))


class _Opened(NamedTuple):
    """How images are gone through, and how they are read.

    Attributes:
        parts: goes through all of them anew, as arrays, or what should be.
        single: whether an array of three axes is one image, and not several grey ones.
        reader: from the number of the first image of each part, and of all, to what reads one.
    """

    parts: Callable[[], Iterator[Any]]
    single: bool
    reader: Callable[[list[int]], Callable[[int], np.ndarray]]


def _opened(images: Any) -> _Opened:
    if _is_array(images):
        whole = _whole(np.asarray(images))
        return _Opened(lambda: iter([whole]), False, lambda starts: whole.__getitem__)
    try:
        same = iter(images) is images
    except TypeError:
        raise UserError(
            f"images of type {type(images).__name__}: must be an array [n, h, w, c], an iterable "
            "of such arrays, or the name of a folder or data set"
        ) from None
    if same:
        raise UserError(f"images that can be gone through only once: {_AGAIN}")
    if isinstance(images, (list, tuple)):  # on the host once, not again for every image
        images = [np.asarray(item) if _is_array(item) else item for item in images]
    if isinstance(images, Sequence):
        return _Opened(lambda: iter(images), True, lambda starts: _listed(images, starts))
    return _Opened(lambda: iter(images), True, lambda starts: _Cursor(images, starts[-1]).read)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _whole(array: np.ndarray) -> np.ndarray:
    """Return one array of all images as [n, h, w, c]; refuse axes that mean something else."""
    shape = list(array.shape)
    if array.ndim not in (3, 4):
        raise UserError(f"images of shape {shape}: must be [n, h, w, c], or [n, h, w] for grey")
    if array.ndim == 3 and shape[-1] <= 4 < min(shape[:2]):
        raise UserError(f"images of shape {shape}: one image is [1, h, w, c]; give images[None]")
    return array if array.ndim == 4 else array[..., None]


def _ends(found: _Opened, any_type: bool) -> tuple[float, float]:
    """Return the values that all images have between them; see `ranges.ends_of`."""
    parts = (
        _checked(item, number, found.single, any_type) for number, item in enumerate(found.parts())
    )
    return ends_of(image for part in parts for image in part)


def _checked(item: Any, number: int, single: bool, any_type: bool) -> np.ndarray:
    """Return an item as [n, h, w, c], of whatever type the pixels are."""
    if not _is_array(item):
        raise UserError(
            f"item {number} of the images is of type {type(item).__name__}: must be an array "
            "[n, h, w, c] or [h, w, c]"
        )
    array = _batch(item)
    if array.ndim != 4 or 0 in array.shape[1:]:
        what = "[n, h, w, c], or one image [h, w, c]" if single else "[n, h, w, c]"
        raise UserError(f"images of shape {list(np.shape(item))} (item {number}): must be {what}")
    height, width, channels = array.shape[1:]
    if height in (1, 3) and channels > 4 and width > 4:
        raise UserError(
            f"images of shape {list(np.shape(item))} (item {number}) have their channels first: "
            "must be [n, h, w, c]; see np.moveaxis(images, -3, -1)"
        )
    if any_type and (array.dtype.kind in "biu" or _is_float(array.dtype)):
        return array
    if array.dtype != np.uint8 and not _is_float(array.dtype):
        raise UserError(f"images of {array.dtype} (item {number}): {_KINDS}")
    return array


def _batch(item: Any) -> np.ndarray:
    """Return a batch or a single image as a batch."""
    array = np.asarray(item)
    if array.ndim == 2:
        return array[None, ..., None]
    return array[None] if array.ndim == 3 else array


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype.name == "bfloat16"  # which NumPy itself does not know


def _in_8_bits(
    image: np.ndarray, name: str, range: tuple[float, float] | None = None
) -> UInt8[np.ndarray, "h w c"]:
    if range is not None:
        try:
            return in_8_bits(image, range)
        except ValueError as error:
            raise UserError(f"{name}: {error}") from None
    if image.dtype == np.uint8:
        return image
    values = image.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # which NaN is not either
        of = "NaN" if np.isnan(low) else f"{low:g} to {high:g}"
        hint = "; divide them by 255, or give uint8" if low >= 0 and 1 < high <= 255 else ""
        if not hint and np.isfinite([low, high]).all():
            hint = "; or give range=(low, high)"
        raise UserError(f"{name} has values of {of}: images of floats must be in [0, 1]{hint}")
    return in_8_bits(values)


def _labels(labels: Any, count: int, classes: Sequence[str]) -> Int[np.ndarray, " n"]:
    found = np.asarray(labels)
    if found.shape != (count,):
        raise UserError(
            f"labels of shape {list(found.shape)} for {count} images: must be [{count}]"
        )
    if found.dtype.kind not in "iu":
        raise UserError(f"labels of {found.dtype}: must be whole numbers, the indices of classes")
    low, high = int(found.min()), int(found.max())
    if low < -1:
        raise UserError(f"label {low}: must be at least 0, or -1 for none")
    if classes and high >= len(classes):
        raise UserError(f"label {high}: must be below {len(classes)}, the number of classes")
    return found.astype(np.int64)


def _listed(parts: Sequence[Any], starts: list[int]) -> Callable[[int], np.ndarray]:
    """Return what reads an image of a list of arrays, wherever it is."""

    def read(index: int) -> np.ndarray:
        which = bisect.bisect_right(starts, index) - 1
        return _batch(parts[which])[index - starts[which]]

    return read


class _Cursor:
    """Reads images by number from what can only be gone through in order.

    A class, since where it stands changes with every read; a lock lets one thread read at a time.
    """

    def __init__(self, images: Iterable[Any], count: int):
        self._images, self._count = images, count
        self._lock = threading.Lock()
        self._begin()

    def read(self, index: int) -> np.ndarray:
        """Return an image, as it was given."""
        with self._lock:
            if not self._held or index < self._held[0][0]:
                self._begin()
            while index >= self._next:
                try:
                    self._advance()
                except BaseException:
                    self._begin()  # so that the next read does not go on from half-way
                    raise
            first, part = next(held for held in reversed(self._held) if held[0] <= index)
            return part[index - first]

    def _begin(self) -> None:
        self._left: Iterator[Any] | None = None
        self._held: deque[tuple[int, np.ndarray]] = deque()
        self._next = 0  # the number of the first image that has not been come to

    def _advance(self) -> None:
        """Go on by one item."""
        if self._left is None:
            self._left = iter(self._images)
        item = next(self._left, None)
        if item is None:
            raise UserError(
                f"there were {self._count} images, but only {self._next} when they were gone "
                f"through again: {_AGAIN}"
            )
        part = _batch(item)
        self._held.append((self._next, part))
        # What is dropped ends at least so many images before the ones that are asked for now.
        while len(self._held) > 1 and self._held[1][0] <= self._next - _HELD:
            self._held.popleft()
        self._next += len(part)
