"""The contact sheet: pictures with their captions in a grid, to be looked at and shown."""

import math

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from atlasjax.data.channels import as_rgb
from atlasjax.errors import UserError
from atlasjax.vis.gallery import Gallery, told

_TILE = 128  # px; smaller pictures are enlarged to at least this
_GAP, _MARGIN, _TEXT = 10, 16, 14
_FOOTER = 600  # px; a longer one is cut where the pictures take less
_PAPER, _INK, _FAINT = (255, 255, 255), (32, 33, 36), (120, 124, 130)
_MARK = (176, 48, 16)  # of pictures of which something must be known


def sheet(
    gallery: Gallery, footer: str = "", columns: int | None = None
) -> UInt8[np.ndarray, "H W 3"]:
    """Lay out a gallery as one picture: tiles in rows, a caption and what was reached under each.

    Args:
        gallery: one picture at least.
        footer: what stands below, such as the model; the gallery's title and measure follow it.
        columns: pictures side by side; by default the gallery's own, or as many as fill the rows
            best, wider than high.

    Returns:
        RGB, 0 to 255.

    Raises:
        UserError: no pictures, or no columns.

    >>> images = np.zeros((3, 64, 64, 3), np.float32)
    >>> three = Gallery(images, np.ones(3, np.float32), ("a", "b", "c"), "cosine", "mixed4a")
    >>> sheet(three, "googlenet").dtype
    dtype('uint8')
    """
    count = len(gallery.images)
    if not count:
        raise UserError("a sheet without pictures: give at least one")
    across = gallery.columns if columns is None else columns
    if across < 0 or columns == 0:
        raise UserError(f"columns {across}: must be at least 1")
    across = min(across or _columns(count), count)
    tiles = [_tile(image) for image in gallery.images]
    height, width = tiles[0].shape[:2]
    rows, line = math.ceil(count / across), _TEXT + 8
    step_x, step_y = width + _GAP, height + line + _GAP
    font = ImageFont.load_default(_TEXT)
    title = ", ".join(filter(None, [footer, gallery.title, f"below each: {gallery.measure}"]))
    lines = [title, *told(gallery)]
    longest = max(math.ceil(font.getlength(text)) for text in lines)
    inside = max(across * step_x - _GAP, min(longest, _FOOTER))
    wide = 2 * _MARGIN + inside
    high = 2 * _MARGIN + rows * step_y + len(lines) * line
    page = Image.new("RGB", (wide, high), _PAPER)
    pen = ImageDraw.Draw(page)
    for i, tile in enumerate(tiles):
        x, y = _MARGIN + i % across * step_x, _MARGIN + i // across * step_y
        page.paste(Image.fromarray(tile), (x, y))
        note = gallery.notes[i] if gallery.notes else ""
        value = note or shown(float(gallery.reached[i]), gallery.measure)
        left = width - (pen.textlength(value, font) + 8 if value else 0)
        pen.text((x, y + height + 4), _cut(gallery.captions[i], left, pen, font), _INK, font)
        pen.text((x + width, y + height + 4), value, _MARK if note else _FAINT, font, anchor="ra")
    for i, text in enumerate(lines):
        below = (_MARGIN, high - _MARGIN - _TEXT - (len(lines) - 1 - i) * line)
        pen.text(below, _cut(text, inside, pen, font), _MARK if i else _FAINT, font)
    return np.asarray(page).copy()


def _columns(count: int) -> int:
    """Return how many of the usual numbers of columns leave the fewest places empty."""
    least = math.ceil(math.sqrt(count))
    return min(range(least, 2 * least + 1), key=lambda n: (-count % n, n))


def shown(value: float, measure: str) -> str:
    """Return what was reached as it is written below a picture; nothing for NaN.

    >>> shown(0.987, "probability"), shown(0.5, "cosine"), shown(258.4, "mean activation")
    ('99%', '0.50', '258')
    """
    if math.isnan(value):
        return ""
    if measure == "probability":
        return f"{100 * value:.0f}%"
    if measure.startswith("cosine"):
        return f"{value:.2f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def to_bytes(image: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    """Return what is shown of an image of floats in [0, 1]; see `data.channels.as_rgb`.

    What is no number is grey, as where an image begins.

    >>> to_bytes(np.full((1, 1, 1), 0.2)).tolist()
    [[[51, 51, 51]]]
    """
    finite = np.where(np.isnan(image), 0.5, np.clip(image, 0, 1))
    return as_rgb(np.round(finite * 255).astype(np.uint8))


def _tile(image: np.ndarray) -> np.ndarray:
    tile = to_bytes(image)
    times = math.ceil(_TILE / tile.shape[1])
    if times == 1:
        return tile
    size = (tile.shape[1] * times, tile.shape[0] * times)
    return np.asarray(Image.fromarray(tile).resize(size, Image.Resampling.BICUBIC))


def _cut(
    text: str,
    width: float | int,
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> str:
    """Shorten a text to a width, with dots at its end."""
    if pen.textlength(text, font) <= width:
        return text
    while text and pen.textlength(text + "...", font) > width:
        text = text[:-1]
    return text.rstrip() + "..."
