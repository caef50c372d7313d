"""Pictures of the page of explained images: the images, the grids, and sheets of icons.

What has one channel is grey, what has two or more than three is in false colours; see
`data.channels.as_rgb`.
"""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from atlasjax.data.channels import as_rgb, resized
from atlasjax.page.explanation.contents import Picture
from atlasjax.page.pictures import strips
from atlasjax.storage import artifacts

LARGEST = 160  # px; of an icon
QUALITY = 86  # of WebP, 0 to 100


def write_pictures(folder: Path, picture: Picture) -> None:
    """Write an image, the grid of each of its layers, and the icons of groups and channels.

    Args:
        folder: of this image; it is made.
        picture: the image and what explains the answer to it.
    """
    _write(folder / "image.webp", as_rgb(picture.image), lossless=True)
    for number, layer in enumerate(picture.layers):
        _write(folder / f"{number}-grid.webp", as_rgb(layer.grid))
        _write_icons(folder, f"{number}-groups", layer.groups.icon)
        _write_icons(folder, f"{number}-channels", layer.channels.icon)


def icon_size(icons: UInt8[np.ndarray, "n s s c"]) -> int:
    """Return the side of icons on their sheets, in px.

    >>> [icon_size(np.zeros((2, side, side, 3), np.uint8)) for side in (96, 512)]
    [96, 160]
    """
    return min(LARGEST, icons.shape[1])


def _write_icons(folder: Path, name: str, icons: UInt8[np.ndarray, "n s s c"]) -> None:
    size = icon_size(icons)
    if size < icons.shape[1]:
        icons = np.stack([resized(icon, size, size, Image.Resampling.LANCZOS) for icon in icons])
    for number, sheet in enumerate(strips(icons[:, None])):
        _write(folder / f"{name}-{number}.webp", sheet)


def _write(path: Path, image: UInt8[np.ndarray, "h w 3"], *, lossless: bool = False) -> None:
    with artifacts.atomic(path) as temporary:
        made = Image.fromarray(np.ascontiguousarray(image))
        made.save(temporary, "WEBP", lossless=lossless, quality=QUALITY, method=4)
