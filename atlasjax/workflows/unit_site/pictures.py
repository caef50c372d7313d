"""Pictures as they are kept: those of a unit side by side, compressed as the page's are.

Kept as they are, a thousand units' pictures take as much as the site may, and more.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from atlasjax.data.channels import as_rgb

QUALITY = 92  # of WebP, 0 to 100: the page compresses them once more


class Pictures(NamedTuple):
    """Pictures of some units.

    Attributes:
        unit: the units' numbers.
        count: of each unit's pictures.
        length: of each unit's bytes.
        data: these, filled up with zeros.
    """

    unit: Int[np.ndarray, " units"]
    count: Int[np.ndarray, " units"]  # pyright: ignore[reportIncompatibleMethodOverride]
    length: Int[np.ndarray, " units"]
    data: UInt8[np.ndarray, "units longest"]


def packed(units: Sequence[int], images: UInt8[np.ndarray, "units n s s c"]) -> Pictures:
    """Compress the pictures of some units.

    Args:
        units: their numbers.
        images: of any number of channels, which become what is shown of them.

    >>> made = packed([7], np.full((1, 2, 16, 16, 1), 200, np.uint8))
    >>> unpacked(made).shape, int(unpacked(made)[0, 1, 8, 8, 0]) // 4
    ((1, 2, 16, 16, 3), 50)
    """
    strips = [_bytes(np.concatenate(list(as_rgb(one)), 1)) for one in images]
    length = np.array([len(strip) for strip in strips])
    data = np.zeros((len(strips), int(length.max())), np.uint8)
    for row, strip in zip(data, strips, strict=True):
        row[: len(strip)] = np.frombuffer(strip, np.uint8)
    return Pictures(np.asarray(units), np.full(len(strips), images.shape[1]), length, data)


def unpacked(made: Pictures) -> UInt8[np.ndarray, "units n s s 3"]:
    """Return pictures that were compressed.

    Args:
        made: what `packed` returned.
    """
    found = []
    for count, length, row in zip(made.count, made.length, made.data, strict=True):
        with Image.open(io.BytesIO(row[:length].tobytes())) as strip:
            found.append(np.stack(np.split(np.asarray(strip.convert("RGB")), int(count), 1)))
    return np.stack(found)


def _bytes(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()
