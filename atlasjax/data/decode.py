"""From the bytes of an image file to RGB pixels, the same for every source.

Photographs from the wild come as palettes, with transparency, in CMYK, with 16 bits, lying on their
side, cut off in the middle. What can be shown is turned into upright 8-bit RGB; what cannot raises
`UnreadableImage`, whatever the state of Python's warning filters (they belong to the whole process
and cannot be changed safely from the threads that decode).
"""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from atlasjax.data.protocol import UnreadableImage

# Named, because Pillow would otherwise also try formats that start other programs (EPS).
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP")

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


def decode(data: bytes, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image file that has been read into memory.

    The EXIF orientation is applied, transparency is laid over white, 16-bit grey is scaled to
    8 bits, and of an animation the first frame is taken. Colour profiles are ignored.

    Args:
        data: the whole file, in one of `FORMATS`.
        name: what to call the image in the error.

    Returns:
        RGB, 0 to 255.

    Raises:
        UnreadableImage: the file is not an image, is damaged, has more pixels than
            `PIL.Image.MAX_IMAGE_PIXELS`, or has pixels without a fixed range (32 bits).

    >>> file = io.BytesIO()
    >>> Image.new("CMYK", (3, 2), (0, 255, 255, 0)).save(file, "TIFF")
    >>> decode(file.getvalue(), "red.tif")[0, 0]
    array([255,   0,   0], dtype=uint8)
    """
    try:
        return np.array(_upright_rgb(_open(data)))
    except UnidentifiedImageError:
        # Pillow's own message names a memory address.
        reason = "not an image" if data else "the file is empty"
        raise UnreadableImage(name, reason) from None
    except MemoryError:
        raise
    except Exception as error:
        # Damaged files make the format plugins raise nearly anything: SyntaxError, struct.error,
        # zlib.error, and the warnings where these are turned into errors.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImage(name, reason) from error


def _open(data: bytes) -> Image.Image:
    """Read the header, and refuse what would fill the memory."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombWarning as error:
        raise ValueError(str(error)) from None
    except UserWarning:
        # Warnings are errors here, and the EXIF block is damaged. Its pixels need not be: rename
        # the block, so that it is passed over. The lengths stay the same.
        image = Image.open(io.BytesIO(data.replace(b"Exif\0\0", b"none\0\0", 1)), formats=FORMATS)
    pixels, most = image.width * image.height, Image.MAX_IMAGE_PIXELS
    if most is not None and pixels > most:
        # Between this limit and its double Pillow only warns.
        raise ValueError(f"{image.width} x {image.height} pixels are more than the limit of {most}")
    return image


def _upright_rgb(image: Image.Image) -> Image.Image:
    image.load()  # before the orientation is asked for: TIFF applies and removes it here
    orientation = _orientation(image)
    image = _rgb(image)
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block: the pixels are good, so show them as they lie
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image).astype(np.uint32) + 128) // 257  # 65535 becomes 255, rounded
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"32-bit pixels (mode {image.mode}) have no fixed range")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
