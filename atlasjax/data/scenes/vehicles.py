"""Classes that drive and sail. Each function draws a whole scene and returns its object's frame."""

import numpy as np

from atlasjax.data.scenes import backdrops, parts
from atlasjax.data.scenes.sketch import (
    Colour,
    Frame,
    Real,
    Sketch,
    box,
    clipped,
    corners,
    ellipse,
    fill,
    shade,
)
from atlasjax.data.scenes.sketch import stroke as line

STEEL = (120, 122, 130)


def _on_road(s: Sketch) -> Frame:
    top = s.between(0.5, 0.66)
    backdrops.sky(s, top)
    backdrops.street(s, top)
    backdrops.clutter(s, 3)
    return parts.stand(s, y=(0.5, 0.62))


def _at_sea(s: Sketch) -> Frame:
    top = s.between(0.5, 0.68)
    backdrops.sky(s, top)
    backdrops.sea(s, top)
    backdrops.clutter(s, 2)
    return parts.stand(s, y=(0.5, 0.6))


def car(s: Sketch) -> Frame:
    """Draw a car on a road."""
    f, paint = _on_road(s), s.any_colour()
    cabin = corners(-0.6, -0.05, -0.36, -0.5, 0.34, -0.5, 0.66, -0.05)
    fill(s, f, cabin, shade(paint, 0.9), "body")
    fill(s, f, corners(-1, 0, -0.9, -0.1, 0.9, -0.06, 1, 0.08, 1, 0.36, -1, 0.36), paint, "body")
    glass = s.colour((125, 180, 215), 30)
    parts.window(s, f, corners(-0.48, -0.08, -0.3, -0.43, -0.02, -0.43, -0.02, -0.08), glass, paint)
    parts.window(s, f, corners(0.04, -0.08, 0.04, -0.43, 0.3, -0.43, 0.52, -0.08), glass, paint)
    parts.lamp(s, f, 0.93, 0.08, 0.09)
    for x in (-0.58, 0.58):
        parts.wheel(s, f.inside(x, 0.36, 0.26))
    return f


def bus(s: Sketch) -> Frame:
    """Draw a bus on a road: a long row of windows and a door."""
    f, paint = _on_road(s), s.any_colour()
    fill(s, f, box(-1.0, -0.66, 1.0, 0.36), paint, "body")
    parts.windows(s, f, -0.94, 0.62, -0.52, -0.1, int(s.rng.integers(4, 6)))
    parts.door(s, f, 0.66, -0.5, 0.92, 0.34)
    parts.lamp(s, f, 0.95, 0.2, 0.08)
    for x in (-0.6, 0.42):
        parts.wheel(s, f.inside(x, 0.38, 0.22))
    return f


def lorry(s: Sketch) -> Frame:
    """Draw a lorry on a road: a box with writing, and a cab."""
    f, paint, board = _on_road(s), s.any_colour(), s.colour((225, 222, 215), 25)
    fill(s, f, box(-1.0, -0.72, 0.42, 0.3), board, "body")
    parts.text(s, f, -0.85, -0.55, 0.3, 0.1, 2, s.any_colour(20, 130))
    fill(s, f, corners(0.46, -0.4, 0.82, -0.4, 1, 0, 1, 0.32, 0.46, 0.32), paint, "body")
    glass = s.colour((125, 180, 215), 30)
    parts.window(s, f, corners(0.56, -0.32, 0.78, -0.32, 0.92, 0, 0.56, 0), glass, paint)
    for x in (-0.74, -0.28, 0.72):
        parts.wheel(s, f.inside(x, 0.36, 0.21))
    return f


def bicycle(s: Sketch) -> Frame:
    """Draw a bicycle: two wheels with spokes, a frame and a handlebar."""
    if s.chance(0.5):
        f = _on_road(s)
    else:
        backdrops.sky(s, 0.6)
        backdrops.meadow(s, s.between(0.5, 0.6))
        f = parts.stand(s, y=(0.5, 0.6))
    for x in (-0.55, 0.55):
        parts.wheel(s, f.inside(x, 0.25, 0.44), spokes=True)
    paint = s.any_colour(30, 200)
    bars = corners(-0.55, 0.25, -0.25, -0.28, 0.4, -0.28, 0.05, 0.25, -0.55, 0.25)
    line(s, f, bars, 0.08, paint, "body")
    line(s, f, corners(-0.3, -0.42, 0.05, 0.25), 0.08, paint, "body")
    line(s, f, corners(0.55, 0.25, 0.36, -0.5), 0.08, paint, "body")
    line(s, f, corners(0.3, -0.62, 0.36, -0.5, 0.6, -0.52), 0.1, (50, 45, 45), "handle")
    line(s, f, corners(-0.46, -0.44, -0.14, -0.44), 0.12, (45, 40, 40), "body")
    return f


def train(s: Sketch) -> Frame:
    """Draw an engine on rails: a boiler, a chimney, a lamp, and many small wheels."""
    f, paint = _on_road(s), s.colour((60, 90, 70) if s.chance(0.5) else (130, 45, 40), 35)
    fill(s, f, box(-1.3, 0.52, 1.3, 0.58), (150, 140, 130), "road")
    fill(s, f, box(-0.9, -0.3, 0.5, 0.24), paint, "body")
    fill(s, f, ellipse(-0.9, -0.03, 0.1, 0.27), shade(paint, 0.7), "body")
    fill(s, f, box(0.35, -0.68, 0.95, 0.3), shade(paint, 1.2), "body")
    fill(s, f, box(0.28, -0.76, 1.02, -0.66), (60, 58, 60), "roof")
    fill(s, f, corners(-0.75, -0.75, -0.45, -0.75, -0.52, -0.28, -0.68, -0.28), STEEL, "body")
    glass = s.colour((140, 190, 215), 25)
    parts.window(s, f, box(0.47, -0.55, 0.83, -0.15), glass, (220, 215, 190))
    parts.lamp(s, f, -0.95, -0.12, 0.13)
    for x in (-0.72, -0.32, 0.08, 0.6):
        parts.wheel(s, f.inside(x, 0.34, 0.19))
    return f


def sailing_boat(s: Sketch) -> Frame:
    """Draw a boat with two sails."""
    f, paint = _at_sea(s), s.any_colour()
    line(s, f, corners(-0.05, -1, -0.05, 0.3), 0.06, (90, 65, 45), "stem")
    cloth = s.colour((242, 238, 228) if s.chance(0.6) else s.any_colour(120, 250), 10)
    fill(s, f, corners(0.02, -0.95, 0.02, 0.15, 0.75, 0.15), cloth, "sail")
    fill(s, f, corners(-0.12, -0.8, -0.12, 0.15, -0.7, 0.15), shade(cloth, 0.88), "sail")
    line(s, f, corners(0.02, -0.3, 0.4, -0.3), 0.03, shade(cloth, 0.7), "sail")
    _hull(s, f, paint, 0.28, 0.6)
    return f


def ferry(s: Sketch) -> Frame:
    """Draw a ship with rows of windows and a striped funnel."""
    f, paint = _at_sea(s), s.any_colour()
    funnel, red = box(-0.25, -0.85, 0.1, -0.4), s.colour((190, 45, 40), 30)
    parts.stripes(s, f, funnel, (240, 238, 230), red, 3, across=False)
    fill(s, f, box(-0.65, -0.46, 0.6, -0.08), (236, 234, 228), "body")
    fill(s, f, box(-0.8, -0.12, 0.8, 0.24), (222, 222, 220), "body")
    parts.windows(s, f, -0.58, 0.54, -0.4, -0.15, 4)
    parts.windows(s, f, -0.74, 0.74, -0.04, 0.18, 6)
    _hull(s, f, paint, 0.22, 0.62)
    return f


def _hull(s: Sketch, f: Frame, paint: Colour, top: Real, bottom: Real) -> None:
    shape = corners(-1, top, 1, top, 0.75, bottom, -0.75, bottom)
    with clipped(s, f, shape):
        fill(s, f, shape, paint, "body")
        fill(s, f, box(-1.0, top, 1.0, top + 0.08), shade(paint, 1.4), "body")
    wave = np.linspace(-0.85, 0.85, 9)
    path = wave + 1j * (bottom + 0.03 * (-1.0) ** np.arange(9))
    line(s, f, path, 0.07, (205, 225, 235), "water")


def lighthouse(s: Sketch) -> Frame:
    """Draw a striped tower with a lamp on top, on a rock in the sea."""
    f = _at_sea(s)
    fill(s, f, corners(-0.9, 0.95, -0.6, 0.6, 0.5, 0.55, 0.95, 0.95), s.colour((95, 88, 80)), None)
    tower = corners(-0.3, -0.5, 0.3, -0.5, 0.42, 0.75, -0.42, 0.75)
    red = s.colour((200, 45, 40) if s.chance(0.7) else (40, 60, 120), 30)
    parts.stripes(s, f, tower, (240, 238, 230), red, 4, across=False)
    fill(s, f, box(-0.38, -0.56, 0.38, -0.48), (60, 55, 55), "body")
    fill(s, f, box(-0.22, -0.86, 0.22, -0.54), (120, 120, 130), "body")
    parts.lamp(s, f, 0, -0.7, 0.17)
    fill(s, f, corners(-0.3, -0.84, 0, -1.1, 0.3, -0.84), red, "roof")
    parts.door(s, f, -0.11, 0.45, 0.11, 0.75)
    return f
