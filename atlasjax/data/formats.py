"""Formats: which files are images, by what the installed Pillow reads.

By their endings where these tell; by their content where they do not, or are missing.
"""

import functools
import mimetypes
import os
from typing import Any

from PIL import Image

from atlasjax.data.quiet import noted

# EPS starts another program; of the others Pillow reads nothing but the size, but for Windows.
LEFT_OUT = frozenset(("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"))
ARRAY = "npy"


@functools.cache
def endings() -> frozenset[str]:
    """Return the endings of files that are images, without the point, in small letters.

    >>> {"jpg", "jfif", "png", "tiff", "npy"} <= endings(), "eps" in endings()
    (True, False)
    """
    known = Image.registered_extensions()  # which imports what Pillow has
    of_images = {ending[1:] for ending, name in known.items() if name in _readable()}
    return frozenset(of_images | {ARRAY})


def formats(name: str) -> tuple[str, ...]:
    """Return the formats that a file may be in, as Pillow calls them.

    Args:
        name: of the file. A few formats, such as TGA, do not show in their content: only a file
            with their ending is tried for those, since nearly anything could be one.
    """
    own = Image.registered_extensions().get("." + ending_of(name))
    return tuple(f for f in _readable() if Image.OPEN[f][1] is not None or f == own)


def is_image(path: str) -> bool:
    """Tell whether a file is an image, by its ending or else by its content.

    Args:
        path: the file, which is opened only where its ending says nothing.

    >>> is_image("a.JPG"), is_image("a.json"), is_image("no/such/file")
    (True, False, False)
    """
    known = by_ending(path)
    return looks_like_one(path, path) if known is None else known


def by_ending(name: str) -> bool | None:
    """Tell whether a file is an image by its ending; None where that says nothing.

    >>> by_ending("a.JPG"), by_ending("a.json"), by_ending("a")
    (True, False, None)
    """
    ending = ending_of(name)
    if ending in endings():
        return True
    known = _mimetypes().get("." + ending, "image/")
    return None if known.startswith("image/") else False


def looks_like_one(file: Any, name: str) -> bool:
    """Tell whether a file is an image by its content.

    Args:
        file: its path, or one that reads its beginning.
        name: its name, as for `formats`.
    """
    try:
        with noted(), Image.open(file, formats=formats(name)):
            return True
    except Exception:  # whatever the formats make of what is not theirs
        return False


def ending_of(path: str) -> str:
    """Return a file's ending in small letters, without the point.

    >>> ending_of("cats/Tom.JPEG"), ending_of("cats.d/tom")
    ('jpeg', '')
    """
    return os.path.splitext(path)[1][1:].lower()


def _readable() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in Image.ID if name in Image.OPEN and name not in LEFT_OUT)


@functools.cache
def _mimetypes() -> dict[str, str]:
    # Those that Python brings along, which are the same on every machine.
    return mimetypes.MimeTypes(filenames=()).types_map[True]
