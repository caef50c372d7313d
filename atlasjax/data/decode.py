"""From the bytes of an image file to pixels, the same for every source.

Photographs from the wild come as palettes, with transparency, in CMYK, with 16 bits, lying on their
side, cut off in the middle. What can be shown is turned into upright 8-bit RGB; what cannot raises
`UnreadableImage`, whatever the state of Python's warning filters.
"""

import contextlib
import io
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image, UnidentifiedImageError

from atlasjax.data.formats import formats
from atlasjax.data.npy import claimed
from atlasjax.data.protocol import Example, UnreadableImage, spread
from atlasjax.data.quiet import noted
from atlasjax.data.ranges import ends_of, in_8_bits, span_of
from atlasjax.errors import reason
from atlasjax.storage.pointers import HEAD, stand_in

LOOKED_AT = 256  # images at most, to tell which values they have
_PNG = b"\x89PNG\r\n\x1a\n"
_NUMPY = b"\x93NUMPY"  # what a .npy file begins with
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Pixels(NamedTuple):
    """What is in an image file.

    Attributes:
        values: as they are stored, upright: RGB of 8 bits or, where the file has more, 16; one
            channel of 16 or 32 bits; of an array whatever it has.
        notes: what Pillow warned of.
    """

    values: Shaped[np.ndarray, "h w c"]
    notes: tuple[str, ...] = ()


def decode(
    data: bytes, name: str, range: tuple[float | int, float | int] | None = None
) -> UInt8[np.ndarray, "h w c"]:
    """Decode an image file that has been read into memory.

    The EXIF orientation is applied, transparency is laid over white, 16-bit grey is scaled to
    8 bits, and of an animation the first frame is taken. Colour profiles are ignored.

    Args:
        data: the whole file, in a format that the installed Pillow reads, or a `.npy` file of
            [h, w], or [h, w, c].
        name: what to call the image in the error, and by which ending to tell the few formats that
            do not show in their content.
        range: the values that become black and white, as they are in the file; by default those
            that its type says.

    Returns:
        RGB, 0 to 255; of an array of other channels than one those.

    Raises:
        UnreadableImage: the file is not an image, is damaged, has more pixels than
            `PIL.Image.MAX_IMAGE_PIXELS`, or has pixels without a fixed range (32 bits) where none
            is given.

    >>> file = io.BytesIO()
    >>> Image.new("CMYK", (3, 2), (0, 255, 255, 0)).save(file, "TIFF")
    >>> decode(file.getvalue(), "red.tif")[0, 0]
    array([255,   0,   0], dtype=uint8)
    """
    return shown(pixels(data, name).values, name, range)


def example(found: Pixels, name: str, label: int, range: tuple[float, float] | None) -> Example:
    """Return an image of a source, in 8 bits.

    Args:
        found: its pixels.
        name: for people.
        label: the index of its class, or -1.
        range: the values that become black and white; None for what the file says.

    Raises:
        UnreadableImage: as `shown`.
    """
    span = span_of(found.values) if range is None else None
    return Example(shown(found.values, name, range), label, name, span, found.notes)


def shown(
    values: Shaped[np.ndarray, "h w c"],
    name: str,
    range: tuple[float | int, float | int] | None = None,
) -> UInt8[np.ndarray, "h w channels"]:
    """Bring the values of a file to 8 bits, and one channel to RGB; see `decode`."""
    try:
        image = in_8_bits(values, range)
    except ValueError as error:
        raise UnreadableImage(name, str(error)) from None
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def pixels(data: bytes, name: str) -> Pixels:
    """Read an image file as it is stored; see `decode`.

    Args:
        data: the whole file.
        name: as for `decode`.

    Raises:
        UnreadableImage: it is not an image, is damaged or too large.
    """
    try:
        if data.startswith(_NUMPY):
            return Pixels(_array(data))
        with noted() as notes:
            values = _values(_open(data, name))
        if data.startswith(_PNG):
            _check_png(data)
        return Pixels(values, tuple(notes))
    except UnidentifiedImageError:
        # Pillow's own message names a memory address.
        instead = stand_in(data[:HEAD]) or "not an image" if data else "the file is empty"
        raise UnreadableImage(name, instead) from None
    except MemoryError:
        raise
    except Exception as error:
        # Damaged files make the format plugins raise nearly anything: SyntaxError, struct.error,
        # zlib.error.
        raise UnreadableImage(name, reason(error)) from error


def range_of(read: Callable[[int], Pixels], count: int) -> tuple[float, float]:
    """Return the values that the images of a source have; see `ranges.ends_of`.

    Args:
        read: gives what is in an image's file, by its number.
        count: how many there are; some of them are looked at, spread over all.
    """

    def values() -> Iterator[np.ndarray]:
        for index in spread(count, LOOKED_AT):
            with contextlib.suppress(UnreadableImage):  # which is told when all are read
                yield read(index).values

    return ends_of(values())


def _open(data: bytes, name: str) -> Image.Image:
    """Read the header, and refuse what would fill the memory."""
    image = Image.open(io.BytesIO(data), formats=formats(name))
    _check_size(image.width, image.height)  # up to twice the limit Pillow only warns
    return image


def _check_size(width: int, height: int) -> None:
    """Refuse what claims to be larger than anybody's image, before memory is taken for it."""
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and width * height > most:
        raise ValueError(f"{width} x {height} pixels are more than the limit of {most}")


def _check_png(data: bytes) -> None:
    """Refuse pixels with a wrong checksum, which Pillow does not look at."""
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        found = zlib.crc32(memoryview(data)[at + 4 : end])
        if data[at + 4 : at + 8] == b"IDAT" and data[end : end + 4] != found.to_bytes(4, "big"):
            raise ValueError("damaged: the checksum of its pixels is another")
        at = end + 4


def _array(data: bytes) -> np.ndarray:
    shape, dtype = claimed(io.BytesIO(data), len(data))
    if len(shape) not in (2, 3) or 0 in shape or dtype.kind not in "biuf":
        raise ValueError(
            f"an array of {dtype} and shape {list(shape)}; must be numbers [h, w] or [h, w, c]"
        )
    _check_size(shape[1], shape[0])
    found = np.load(io.BytesIO(data), allow_pickle=False)
    return found if found.ndim == 3 else found[..., None]


def _values(image: Image.Image) -> np.ndarray:
    # Pillow gives colours of 16 bits as 8, the higher ones; asked before they are loaded.
    halved = ";16" in str(getattr(image, "tile", "")) and not image.mode.startswith("I")
    image.load()  # before the orientation is asked for: TIFF applies and removes it here
    orientation = _orientation(image)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return _upright(np.asarray(image).astype(np.uint16), orientation)
    if image.mode in ("I", "F"):
        return _upright(np.asarray(image), orientation)
    image = _rgb(image)
    image = image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image
    found = np.array(image)
    return found.astype(np.uint16) * 257 if halved else found


def _upright(plane: np.ndarray, orientation: int) -> np.ndarray:
    """Turn what Pillow cannot turn in all of its modes."""
    if orientation >= 5:  # rows were stored as columns
        plane = plane.T
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    return plane[..., None]


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block: the pixels are good, so show them as they lie
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
