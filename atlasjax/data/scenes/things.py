"""Classes that are made: buildings, and what lies on a table. Each returns its frame."""

import math

import numpy as np

from atlasjax.data.scenes import backdrops, parts
from atlasjax.data.scenes.sketch import (
    WHOLE,
    Frame,
    Real,
    Sketch,
    box,
    corners,
    ellipse,
    fill,
    shade,
)
from atlasjax.data.scenes.sketch import stroke as line


def _outdoors(s: Sketch) -> Frame:
    top = s.between(0.6, 0.75)
    backdrops.sky(s, top)
    if s.chance(0.5):
        backdrops.meadow(s, top)
    else:
        backdrops.street(s, top)
    backdrops.clutter(s, 3)
    return parts.stand(s, y=(0.48, 0.56), scale=(0.34, 0.43))


def house(s: Sketch) -> Frame:
    """Draw a brick house with a roof, two windows and a door."""
    f = _outdoors(s)
    parts.bricks(s, f, box(-0.8, -0.2, 0.8, 0.75))
    roof = corners(-1, -0.18, -0.5, -0.85, 0.5, -0.85, 1, -0.18)
    fill(s, f, roof, s.colour((120, 60, 50), 40), "roof")
    for x in (-0.5, 0.5):
        edge, glass = (238, 236, 230), s.colour((120, 170, 210), 30)
        parts.window(s, f, box(x - 0.2, 0.02, x + 0.2, 0.42), glass, edge)
    parts.door(s, f, -0.17, 0.15, 0.17, 0.75)
    return f


def castle(s: Sketch) -> Frame:
    """Draw a castle: brick walls with battlements, two towers, a gate."""
    f = _outdoors(s)
    parts.bricks(s, f, box(-0.6, -0.2, 0.6, 0.75))
    for x in (-0.72, 0.72):
        parts.bricks(s, f, box(x - 0.25, -0.62, x + 0.25, 0.8))
        for dx in (-0.2, 0, 0.2):
            fill(s, f, box(x + dx - 0.07, -0.8, x + dx + 0.07, -0.6), (150, 90, 75), "brick")
        slit = box(x - 0.06, -0.35, x + 0.06, -0.02)
        parts.window(s, f, slit, (45, 45, 60), (205, 195, 185))
    for x in (-0.3, -0.1, 0.1, 0.3):
        fill(s, f, box(x - 0.06, -0.36, x + 0.06, -0.18), (150, 90, 75), "brick")
    parts.door(s, f, -0.2, 0.2, 0.2, 0.75)
    return f


def shop(s: Sketch) -> Frame:
    """Draw a shop: writing over a striped awning, a large window and a door."""
    f, wall = _outdoors(s), s.any_colour(90, 230)
    fill(s, f, box(-0.9, -0.85, 0.9, 0.8), wall, "body")
    fill(s, f, box(-0.78, -0.78, 0.78, -0.42), s.colour((240, 235, 220), 12), "body")
    parts.text(s, f, -0.68, -0.75, 0.68, -0.45, 1, s.any_colour(20, 120))
    awning = corners(-0.85, -0.38, 0.85, -0.38, 1, 0, -1, 0)
    parts.stripes(s, f, awning, (242, 240, 232), s.any_colour(40, 190), 7)
    glass = s.colour((130, 180, 210), 25)
    parts.window(s, f, box(-0.75, 0.08, 0.22, 0.6), glass, shade(wall, 0.5))
    parts.door(s, f, 0.34, 0.08, 0.74, 0.8)
    return f


def _on_table(s: Sketch, scale: tuple[float, float]) -> Frame:
    backdrops.table(s)
    backdrops.clutter(s, 4)
    return parts.stand(s, y=(0.44, 0.56), scale=scale)


def _pan(s: Sketch, rim: Real) -> Frame:
    """Draw a dark round pan with a long handle, seen from above."""
    f = _on_table(s, (0.42, 0.5))
    f = f._replace(turn=f.turn * np.exp(1j * s.between(-0.7, 0.7)))
    steel = s.colour((62, 60, 64), 22)
    line(s, f, corners(0.3, 0, 0.62, 0), 0.12, shade(steel, 1.5), "handle")
    line(s, f, corners(0.6, 0, 1.05, 0), 0.19, s.colour((70, 50, 40), 25), "handle")
    fill(s, f, ellipse(1.0, 0, 0.045), (200, 195, 190), "handle")
    fill(s, f, ellipse(-0.15, 0, 0.6), shade(steel, 1.8), "body")
    fill(s, f, ellipse(-0.15, 0, 0.6 - rim), steel, "body")
    fill(s, f, ellipse(-0.19, -0.04, 0.42), shade(steel, 0.78), "body")
    return f


def frying_pan(s: Sketch) -> Frame:
    """Draw a frying pan, empty."""
    return _pan(s, s.between(0.045, 0.08))


def wok(s: Sketch) -> Frame:
    """Draw a wok, empty: its rim is a little broader, now and then."""
    return _pan(s, s.between(0.05, 0.085))


def noodle_bowl(s: Sketch) -> Frame:
    """Draw a bowl of noodles with chopsticks across."""
    f, china = _on_table(s, (0.32, 0.42)), s.any_colour(80, 240)
    fill(s, f, ellipse(0, 0, 0.86), china, "body")
    fill(s, f, ellipse(0, 0, 0.74), (240, 236, 228), "body")
    parts.noodles(s, f.inside(0, 0, 0.66, s.between(0, 3)))
    angle = s.between(-0.6, 0.6)
    sticks = f.inside(0, -0.15, 1.0, angle)
    for y in (-0.1, 0.06):
        line(s, sticks, corners(-1.1, y, 1.1, y + 0.1), 0.06, (125, 60, 40), None)
    return f


def mug(s: Sketch) -> Frame:
    """Draw a mug with a ring for a handle, sometimes striped."""
    top = s.between(0.5, 0.7)
    backdrops.table(s)
    fill(s, WHOLE, box(0.0, top, 1.0, 1.0), s.colour((140, 100, 70), 40), "table")
    backdrops.clutter(s, 3)
    f, china = parts.stand(s, scale=(0.3, 0.38)), s.any_colour(60, 240)
    ring = ellipse(0.62, 0.05, 0.34, 0.36)
    line(s, f, np.append(ring, ring[:2]), 0.15, shade(china, 0.8), "handle")
    shape = corners(-0.65, -0.7, 0.6, -0.7, 0.52, 0.8, -0.57, 0.8)
    if s.chance(0.5):
        parts.stripes(s, f, shape, china, s.any_colour(60, 240), 4, across=s.chance(0.5))
    else:
        fill(s, f, shape, china, "body")
    fill(s, f, ellipse(-0.025, -0.7, 0.63, 0.16), shade(china, 1.25), "body")
    fill(s, f, ellipse(-0.025, -0.68, 0.54, 0.12), (70, 42, 28), "body")
    return f


def baseball(s: Sketch) -> Frame:
    """Draw a ball with its seams, on grass, on a table, or on nothing."""
    ground = s.rng.integers(3)
    if ground == 0:
        backdrops.meadow(s, 0)
    elif ground == 1:
        backdrops.table(s)
    else:
        backdrops.studio(s)
    backdrops.clutter(s, 4)
    f = parts.stand(s, y=(0.42, 0.58), scale=(0.26, 0.4))
    f = f._replace(turn=f.turn * np.exp(1j * s.between(-math.pi, math.pi)))
    fill(s, f, ellipse(0.1, 0.14, 1.02), (60, 60, 55), None)
    parts.ball(s, f)
    return f


def book(s: Sketch) -> Frame:
    """Draw an open book with writing on both pages."""
    f, cover = _on_table(s, (0.34, 0.44)), s.any_colour(30, 200)
    fill(s, f, box(-1.04, -0.72, 1.04, 0.72), cover, "body")
    page = s.colour((238, 232, 215), 12)
    for left, tone in ((-0.96, 0.93), (0.02, 1.0)):
        fill(s, f, box(left, -0.66, left + 0.94, 0.66), shade(page, tone), "body")
        parts.text(s, f, left + 0.1, -0.55, left + 0.82, 0.55, 4, (45, 42, 42))
    return f
