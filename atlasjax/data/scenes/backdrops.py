"""What objects stand in front of: sky, sea, meadow, street, kitchen table, studio."""

import math

import numpy as np
from PIL import Image

from atlasjax.data.scenes.sketch import (
    FINE,
    PARTS,
    WHOLE,
    Colour,
    Frame,
    Real,
    Sketch,
    box,
    corners,
    ellipse,
    fill,
    shade,
    stroke,
)


def _cloth(s: Sketch, top: Real, bottom: Real, colour: Colour, rough: int, part: str) -> None:
    """Fill a band of the scene with a colour that varies from place to place."""
    first, last = round(top * FINE), round(bottom * FINE)
    noise = s.rng.integers(-rough, rough + 1, (14, 14, 1)) + s.rng.integers(-6, 7, (14, 14, 3))
    small = np.clip(noise + np.array(colour), 0, 255).astype(np.uint8)
    s.picture.paste(Image.fromarray(small).resize((FINE, last - first), 2), (0, first))
    s.index.paste(PARTS.index(part) + 1, (0, first, FINE, last))


def sky(s: Sketch, bottom: Real = 1.0) -> None:
    """Draw the sky, blue, grey or reddish, with a cloud now and then."""
    kinds = ((135, 185, 230), (175, 190, 205), (225, 180, 160), (95, 130, 190))
    base = s.colour(kinds[s.rng.integers(4)], 18)
    _cloth(s, 0, bottom, base, 10, "sky")
    for _ in range(s.rng.integers(0, 3)):
        x, y = s.between(0, 1), s.between(0.02, 0.7 * bottom)
        for _ in range(3):
            puff = ellipse(x + s.between(-0.09, 0.09), y, s.between(0.05, 0.1), 0.035)
            fill(s, WHOLE, puff, shade((245, 245, 248), s.between(0.9, 1)), "sky")


def sea(s: Sketch, top: Real) -> None:
    """Draw water with waves, from some height down."""
    base = s.colour((45, 105, 155), 25)
    _cloth(s, top, 1, base, 12, "water")
    t = np.linspace(0, 1, 5)
    for _ in range(8):
        x, y, length = s.between(-0.1, 1), s.between(top + 0.03, 1), s.between(0.08, 0.2)
        wave = x + length * t + 1j * (y + 0.012 * np.sin(2 * math.pi * t))
        stroke(s, WHOLE, wave, 0.014, shade(base, s.between(1.25, 1.6)), "water")


def depth(s: Sketch) -> None:
    """Draw the inside of the sea: rays, bubbles, and water all over."""
    base = s.colour((35, 110, 160), 30)
    _cloth(s, 0, 1, base, 14, "water")
    for _ in range(3):
        x, lean, wide = s.between(0, 1), s.between(-0.3, 0.3), s.between(0.03, 0.1)
        ray = corners(x, 0, x + wide, 0, x + wide + lean, 1, x + lean, 1)
        fill(s, WHOLE, ray, shade(base, 1.12), "water")
    for _ in range(s.rng.integers(2, 9)):
        bubble = ellipse(s.between(0, 1), s.between(0, 1), s.between(0.008, 0.025))
        fill(s, WHOLE, bubble, shade(base, 1.5), "water")


def meadow(s: Sketch, top: Real) -> None:
    """Draw grass with blades, from some height down; sometimes it is dry."""
    base = s.colour((85, 140, 60) if s.chance(0.75) else (165, 145, 80), 22)
    _cloth(s, top, 1, base, 16, "grass")
    for x, down, lean in s.rng.random((26, 3)).tolist():
        y = top + 0.02 + (0.98 - top) * down
        blade = corners(x, y, x + 0.04 * (lean - 0.5), y - 0.05)
        stroke(s, WHOLE, blade, 0.01, shade(base, 0.65 + 0.8 * lean), "grass")


def street(s: Sketch, top: Real) -> None:
    """Draw a road with a dashed line, from some height down."""
    base = s.colour((105, 105, 108), 20)
    _cloth(s, top, 1, base, 12, "road")
    kerb = box(0, top, 1, top + 0.03)
    fill(s, WHOLE, kerb, shade(base, 1.35), "road")
    y, shift = s.between(top + 0.12, 0.97), s.between(0, 0.2)
    for i in range(5):
        dash = box(i * 0.25 - shift, y, i * 0.25 - shift + 0.13, y + 0.025)
        fill(s, WHOLE, dash, (225, 220, 200), "road")


def table(s: Sketch) -> None:
    """Draw a table seen from above: boards, tiles or cloth."""
    kinds = ((170, 120, 75), (205, 205, 200), (120, 140, 150), (190, 90, 80), (95, 105, 80))
    base = s.colour(kinds[s.rng.integers(5)], 22)
    _cloth(s, 0, 1, base, 10, "table")
    kind, line = s.rng.integers(3), shade(base, 0.75)
    step, start = s.between(0.13, 0.24), s.between(0, 0.13)
    for i in range(8):
        if kind < 2:
            stroke(
                s, WHOLE, corners(0, start + i * step, 1, start + i * step), 0.012, line, "table"
            )
        if kind == 1:
            stroke(
                s, WHOLE, corners(start + i * step, 0, start + i * step, 1), 0.012, line, "table"
            )


def studio(s: Sketch) -> None:
    """Draw a plain ground in any colour."""
    _cloth(s, 0, 1, s.any_colour(50, 215), 14, "table")


def clutter(s: Sketch, most: int = 4) -> None:
    """Draw up to `most` small things that mean nothing."""
    for _ in range(s.rng.integers(0, most + 1)):
        x, y, size = s.between(0, 1), s.between(0, 1), s.between(0.015, 0.05)
        angle = s.between(0, 6.28)
        turn = FINE * size * complex(math.cos(angle), math.sin(angle))
        frame = Frame(complex(x * FINE, y * FINE), turn)
        kind = s.rng.integers(3)
        if kind == 0:
            fill(s, frame, box(-1.0, -0.6, 1.0, 0.6), s.any_colour(), None)
        elif kind == 1:
            fill(s, frame, ellipse(0, 0, 1.0, 0.7), s.any_colour(), None)
        else:
            fill(s, frame, corners(-1, 0.7, 1, 0.5, 0, -1), s.any_colour(), None)
