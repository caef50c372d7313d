"""Files of arrays as a source: `.npy`, and `.npz` with labels and names of classes."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from atlasjax.data.arrays import from_arrays
from atlasjax.data.npy import claimed
from atlasjax.data.protocol import ImageSource
from atlasjax.data.ranges import ValueRange
from atlasjax.data.walk import readable
from atlasjax.errors import UserError, reason
from atlasjax.storage.places import expanded

ENDINGS = (".npy", ".npz")
MOST = 8 << 30  # bytes that a .npz may have, which come into memory


def is_array_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path names a file of arrays, by its ending.

    >>> is_array_file("a/images.NPZ"), is_array_file("a/images")
    (True, False)
    """
    return os.fspath(path).lower().endswith(ENDINGS) and not expanded(path).is_dir()


def from_array_file(
    path: str | os.PathLike[str], *, limit: int | None = None, range: ValueRange | None = None
) -> ImageSource:
    """Open a file of arrays that NumPy saved. No object in it is ever made, since that runs code.

    Args:
        path: a `.npy` file of images as `from_arrays` takes them, which stays on the disk; or a
            `.npz` file of `images`, or of one array of any name, with or without `labels` [n] and
            `classes`, the names in the order of the labels.
        limit: take only so many images, evenly spaced over all of them; None for all.
        range: the values that become black and white; see `from_arrays`.

    Returns:
        The images.

    Raises:
        UserError: no such file; a damaged one, or one of objects; no `images` in it; and what
            `from_arrays` refuses.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as d:
    ...     np.savez(f"{d}/a.npz", images=np.zeros((2, 8, 8), np.uint8), labels=[1, 0],
    ...         classes=["cat", "dog"])
    ...     images = from_array_file(f"{d}/a.npz")
    >>> images.classes, images[0].label, images[0].image.shape
    (('cat', 'dog'), 1, (8, 8, 1))
    """
    place = expanded(path)
    if not place.is_file():
        raise UserError(f"no file '{place}'")
    arrays = _read(place)
    images = arrays.get("images")
    if images is None:
        others = [name for name in arrays if name not in ("labels", "classes")]
        if len(others) != 1:
            there = ", ".join(sorted(arrays)) or "nothing"
            raise UserError(f"{place}: no array called 'images' in it; there are {there}")
        images = arrays[others[0]]
    classes = arrays.get("classes", np.array([], str))
    if classes.ndim != 1 or classes.dtype.kind != "U":
        raise UserError(f"{place}: 'classes' must be text [classes], not {_told(classes)}")
    try:
        names = tuple(readable(str(name)) for name in classes)
        return from_arrays(images, arrays.get("labels"), names, limit, range)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def _told(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _read(path: Path) -> Mapping[str, np.ndarray]:
    """Return the arrays of a file by name; that of a `.npy` is called as what it is of."""
    try:
        with path.open("rb") as file:
            packed = file.read(4) == b"PK\3\4"
            if not packed:
                file.seek(0)
                claimed(file, path.stat().st_size)
        return _unpacked(path) if packed else {"images": np.load(path, "r", allow_pickle=False)}
    except UserError:
        raise
    except Exception as error:
        # What is damaged makes the readers raise nearly anything: zlib.error, SyntaxError,
        # tokenize.TokenError.
        raise UserError(f"{path}: damaged, or no array of numbers ({reason(error)})") from error


def _unpacked(path: Path) -> dict[str, np.ndarray]:
    found = {}
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > MOST:
            raise UserError(
                f"{path}: more than {MOST >> 30} GiB once unpacked, all in memory: save the images "
                "as .npy, which stays on the disk"
            )
        for info in archive.infolist():
            with archive.open(info) as file:
                claimed(file, info.file_size)
            with archive.open(info) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
                if file.read(1):  # which makes Python compare the checksum, too
                    raise ValueError(f"{info.filename} is longer than it says")
            found[info.filename.removesuffix(".npy")] = array
    return found
