"""Pictures of a site of units: a layer's icons on sheets, and what each unit's page shows.

A sheet of a layer holds all its icons, small, so that the first page needs a few files alone. What
a unit's page shows comes in files of that unit, read when the page is: so any of them can be made
anew without the others.
"""

import base64
import hashlib
import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from atlasjax.data.channels import as_rgb, resized
from atlasjax.page.pictures import strips
from atlasjax.page.units.contents import UnitLayer
from atlasjax.storage import artifacts

ICON, LARGE, PATCH, THUMB = 96, 192, 80, 72  # px at most: on sheets, on pages, of images, of lines
QUALITY = 84  # of WebP, 0 to 100


def shots(layer: UnitLayer) -> list[str]:
    """Return which pictures of each unit there are, in their order in its file.

    >>> icons = np.zeros((1, 8, 8, 3), np.uint8)
    >>> shots(UnitLayer("a", np.array([3]), icon=icons, diverse=icons[:, None]))
    ['positive', 'diverse']
    """
    found = [] if layer.icon is None else ["positive"]
    found += [] if layer.negative is None else ["negative"]
    return found + ([] if layer.diverse is None else ["diverse"] * layer.diverse.shape[1])


def side(images: UInt8[np.ndarray, "*batch s s c"], largest: int) -> int:
    """Return the side of what is shown of pictures, in px.

    >>> [side(np.zeros((2, n, n, 3), np.uint8), 96) for n in (64, 224)]
    [64, 96]
    """
    return min(largest, images.shape[-2])


def shot_size(layer: UnitLayer) -> int:
    """Return the side of a unit's pictures on its page, in px; 0 where it has none."""
    there = [one for one in (layer.icon, layer.negative, layer.diverse) if one is not None]
    return max((side(one, LARGE) for one in there), default=0)


def patch_size(layer: UnitLayer) -> int:
    """Return the side of a unit's examples on its page, in px; 0 where it has none."""
    return max((side(one.patch, PATCH) for one in layer.patches), default=0)


def write_sheets(folder: Path, layer: UnitLayer) -> list[Path]:
    """Write the small icons of all units of a layer, row by row on sheets of at most 1024 px.

    Args:
        folder: of this layer; it is made.
        layer: what is shown.

    Returns:
        The sheets; none where the layer has no icons.
    """
    if layer.icon is None:
        return []
    small = _scaled(layer.icon, side(layer.icon, ICON))
    paths = []
    for number, sheet in enumerate(strips(small[:, None])):
        paths.append(folder / f"icons-{number}.webp")
        _write(paths[-1], sheet)
    return paths


def write_unit(folder: Path, layer: UnitLayer, at: int) -> list[Path]:
    """Write the large pictures and the examples of one unit, each kind on sheets of its own.

    Args:
        folder: of this layer; it is made.
        layer: what is shown.
        at: which of its units, as they are listed.
    """
    paths = []
    for kind, images in unit_images(layer, at).items():
        for number, sheet in enumerate(strips(images[:, None])):
            paths.append(folder / f"{layer.number[at]}-{kind}-{number}.webp")
            _write(paths[-1], sheet)
    return paths


def unit_images(layer: UnitLayer, at: int) -> dict[str, UInt8[np.ndarray, "n s s 3"]]:
    """Return what one unit's files hold: `shots` and `patches`, those of every row in one.

    Args:
        layer: what is shown.
        at: which of its units, as they are listed.
    """
    found = {}
    large = [one[at][None] for one in (layer.icon, layer.negative) if one is not None]
    large += [] if layer.diverse is None else [layer.diverse[at]]
    if large:
        found["shots"] = np.concatenate([_scaled(one, shot_size(layer)) for one in large])
    if layer.patches:
        rows = [_scaled(one.patch[at], patch_size(layer)) for one in layer.patches]
        found["patches"] = np.concatenate(rows)
    return found


def digest(layer: UnitLayer, at: int) -> str:
    """Return what tells a unit's pictures from others, before they are made smaller."""
    found = hashlib.blake2b(f"{ICON} {LARGE} {PATCH} {QUALITY}".encode(), digest_size=16)
    given = [layer.icon, layer.negative, layer.diverse, *(one.patch for one in layer.patches)]
    for images in given:
        held = np.zeros(0, np.uint8) if images is None else np.ascontiguousarray(images[at])
        found.update(f"{held.shape}".encode())
        found.update(held.tobytes())
    return found.hexdigest()


def thumb(icon: UInt8[np.ndarray, "s s c"]) -> str:
    """Return a small icon as WebP in base64, for pictures that are saved by a page from disk.

    A browser lets no page from disk keep the pixels of a picture beside it; those of text it may.
    """
    return _encoded(icon, "WEBP", quality=QUALITY, method=4)


def png(icon: UInt8[np.ndarray, "s s c"]) -> str:
    """Return a small icon as PNG in base64, which every reader of SVG knows."""
    return _encoded(icon, "PNG", optimize=True)


def _encoded(icon: UInt8[np.ndarray, "s s c"], kind: str, **options) -> str:
    bytes_ = io.BytesIO()
    small = _scaled(icon[None], side(icon, THUMB))[0]
    Image.fromarray(small).save(bytes_, kind, **options)
    return base64.b64encode(bytes_.getvalue()).decode("ascii")


def _scaled(images: UInt8[np.ndarray, "n s s c"], size: int) -> UInt8[np.ndarray, "n size size 3"]:
    if images.shape[1] != size:
        images = np.stack([resized(one, size, size, Image.Resampling.LANCZOS) for one in images])
    return np.ascontiguousarray(as_rgb(images))


def _write(path: Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    with artifacts.atomic(path) as temporary:
        Image.fromarray(image).save(temporary, "WEBP", quality=QUALITY, method=4)
