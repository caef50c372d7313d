"""Small pictures of tuning: a curve around a circle, as units' pages and sheets show it."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

_TIMES = 4  # drawn larger and made smaller, for smooth lines
_PAPER, _GRID, _LINE, _FILL = (255, 255, 255), (214, 216, 220), (32, 90, 167), (200, 217, 238)


def polar(
    angle: Float[np.ndarray, " angles"], answer: Float[np.ndarray, " angles"], size: int = 96
) -> UInt8[np.ndarray, "size size 3"]:
    """Draw a tuning curve around a circle: the farther out, the more a unit answers.

    Answers below 0 lie in the middle, the largest on the rim. Angle 0 is to the right, and angles
    grow counterclockwise, as those of stimuli.

    Args:
        angle: in degrees, rising around the whole circle.
        answer: at each.
        size: side of the picture, in px.

    >>> angles = np.arange(0, 360, 10.0)
    >>> picture = polar(angles, np.cos(np.radians(angles)), 64)
    >>> bool(picture[32, 40:60].mean() < picture[32, 4:24].mean())  # to the right
    True
    """
    whole = size * _TIMES
    page = Image.new("RGB", (whole, whole), _PAPER)
    pen = ImageDraw.Draw(page)
    middle, reach = whole / 2, whole * 0.46
    for part in (0.5, 1.0):
        low, high = middle - part * reach, middle + part * reach
        pen.ellipse((low, low, high, high), outline=_GRID, width=_TIMES)
    peak = float(answer.max())
    far = np.maximum(answer, 0) / peak if peak > 0 else np.zeros_like(answer)
    turn = np.radians(angle)
    x, y = middle + reach * far * np.cos(turn), middle - reach * far * np.sin(turn)
    points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    pen.polygon(points, fill=_FILL)
    pen.line([*points, points[0]], fill=_LINE, width=_TIMES * 3 // 2, joint="curve")
    return np.asarray(page.resize((size, size), Image.Resampling.LANCZOS)).copy()
