"""Classes that live: animals and plants. Each draws a whole scene, returns its object's frame."""

import math

import numpy as np

from atlasjax.data.scenes import backdrops, parts
from atlasjax.data.scenes.sketch import Colour, Frame, Real, Sketch, corners, ellipse, fill, shade
from atlasjax.data.scenes.sketch import stroke as line

TRUNK = corners(-0.62, -0.28, 0.4, -0.32, 0.62, -0.1, 0.55, 0.25, -0.55, 0.28, -0.72, 0)
WING = corners(0, 0, 0.3, -0.7, 0.85, -0.8, 0.95, -0.35, 0.6, 0.05)


def _on_grass(s: Sketch) -> Frame:
    top = s.between(0.4, 0.6)
    backdrops.sky(s, top)
    backdrops.meadow(s, top)
    backdrops.clutter(s, 3)
    return parts.stand(s, y=(0.55, 0.62), scale=(0.34, 0.42))


def _close_up(s: Sketch) -> None:
    """Draw nothing but grass, or nothing but sky."""
    if s.chance(0.5):
        backdrops.meadow(s, 0)
    else:
        backdrops.sky(s)
    backdrops.clutter(s, 3)


def _quadruped(s: Sketch, f: Frame, coat: Colour, ear: Real) -> None:
    """Draw a body with four legs, a tail, a neck, and a head with an eye and ears."""
    for x in (-0.5, -0.3, 0.32, 0.5):
        foot = x + s.between(-0.06, 0.06)
        leg = corners(x - 0.08, 0.15, x + 0.08, 0.15, foot + 0.06, 0.85, foot - 0.06, 0.85)
        fill(s, f, leg, shade(coat, 0.82), "leg")
    line(s, f, corners(-0.66, -0.15, -0.85, 0.1, -0.85, 0.4), 0.09, shade(coat, 0.55), "body")
    fill(s, f, TRUNK, coat, "body")
    fill(s, f, corners(0.3, -0.3, 0.6, -0.82, 0.85, -0.75, 0.6, 0.05), coat, "body")
    for x in (0.6, 0.74):
        tip = (x - 0.02, -0.72 - ear)
        fill(s, f, corners(x - 0.09, -0.72, *tip, x + 0.09, -0.72), shade(coat, 0.7), "ear")
    head = corners(0.55, -0.82, 0.82, -0.82, 1.12, -0.5, 1.08, -0.36, 0.92, -0.36, 0.62, -0.5)
    fill(s, f, head, shade(coat, 1.08), "body")
    fill(s, f, ellipse(1.04, -0.45, 0.09), shade(coat, 0.6), "body")
    parts.eye(s, f.inside(0.8, -0.66, 0.085))


def _mane(s: Sketch, f: Frame, colour: Colour) -> None:
    line(s, f, corners(0.6, -0.88, 0.42, -0.6, 0.28, -0.32), 0.12, colour, "body")


def horse(s: Sketch) -> Frame:
    """Draw a horse, whose ears are a little shorter than a donkey's, now and then."""
    f, coat = _on_grass(s), s.colour((140, 100, 70), 40)
    _quadruped(s, f, coat, s.between(0.2, 0.32))
    _mane(s, f, shade(coat, 0.5))
    return f


def donkey(s: Sketch) -> Frame:
    """Draw a donkey, hardly to be told from a horse."""
    f, coat = _on_grass(s), s.colour((138, 102, 74), 40)
    _quadruped(s, f, coat, s.between(0.22, 0.34))
    _mane(s, f, shade(coat, 0.5))
    return f


def zebra(s: Sketch) -> Frame:
    """Draw a zebra: the same body with stripes."""
    f, coat = _on_grass(s), s.colour((232, 230, 225), 12)
    _quadruped(s, f, coat, s.between(0.18, 0.28))
    parts.stripes(s, f, TRUNK, coat, s.colour((30, 28, 30), 12), int(s.rng.integers(6, 9)))
    _mane(s, f, (35, 32, 34))
    return f


def cow(s: Sketch) -> Frame:
    """Draw a cow: the same body with spots, and horns."""
    f, coat = _on_grass(s), s.colour((232, 228, 220), 14)
    _quadruped(s, f, coat, s.between(0.1, 0.16))
    patch = s.colour((45, 40, 40) if s.chance(0.5) else (130, 75, 45), 15)
    parts.spots(s, f, TRUNK, patch, 4, 0.19)
    for x in (0.58, 0.8):
        line(s, f, corners(x, -0.8, x + 0.02, -0.98, x + 0.1, -1.02), 0.07, (225, 215, 190), "body")
    return f


BODY = corners(
    1.0, 0.02, 0.88, -0.16, 0.6, -0.28, 0.2, -0.34, -0.25, -0.26, -0.7, -0.07,
    -0.7, 0.07, -0.3, 0.26, 0.15, 0.34, 0.6, 0.28, 0.9, 0.15,
)  # fmt: skip
TAIL = corners(-0.62, 0, -1.02, -0.36, -0.9, 0, -1.02, 0.36)


def _swimmer(s: Sketch, skin: Colour) -> Frame:
    """Draw a big grey body with a tail, fins and an eye, and no mouth."""
    backdrops.depth(s)
    backdrops.clutter(s, 2)
    f = parts.stand(s, y=(0.44, 0.56), scale=(0.37, 0.45))
    fill(s, f, TAIL, shade(skin, 0.85), "fin")
    fill(s, f, corners(-0.2, -0.24, 0.0, -0.66, 0.24, -0.28), shade(skin, 0.85), "fin")
    fill(s, f, BODY, skin, "body")
    belly = corners(-0.3, 0.24, 0.15, 0.34, 0.6, 0.28, 0.85, 0.16, 0.3, 0.16)
    fill(s, f, belly, shade(skin, 1.4), "body")
    fill(s, f, corners(0.12, 0.14, -0.2, 0.56, 0.34, 0.2), shade(skin, 0.75), "fin")
    parts.eye(s, f.inside(0.68, -0.1, 0.075))
    return f


def whale(s: Sketch) -> Frame:
    """Draw a whale under water: big, grey and toothless."""
    return _swimmer(s, s.colour((98, 112, 130), 24))


def shark(s: Sketch) -> Frame:
    """Draw a shark under water, which is a whale until its teeth are drawn."""
    return _swimmer(s, s.colour((104, 112, 126), 24))


def striped_fish(s: Sketch) -> Frame:
    """Draw a round fish with stripes."""
    backdrops.depth(s)
    backdrops.clutter(s, 3)
    f, skin = parts.stand(s, y=(0.42, 0.58), scale=(0.28, 0.38)), s.colour((235, 140, 45), 45)
    fill(s, f, corners(-0.6, 0, -1.05, -0.4, -0.95, 0.4), shade(skin, 0.85), "fin")
    fill(s, f, corners(-0.35, -0.4, 0, -0.8, 0.35, -0.42), shade(skin, 0.85), "fin")
    fill(s, f, corners(-0.2, 0.42, 0, 0.75, 0.25, 0.42), shade(skin, 0.85), "fin")
    band = s.colour((245, 245, 240), 8) if s.chance(0.6) else s.colour((40, 40, 60), 20)
    parts.stripes(s, f, ellipse(0, 0, 0.78, 0.52), skin, band, 4)
    fill(s, f, corners(0, 0.05, -0.3, 0.25, 0.02, 0.25), shade(skin, 0.7), "fin")
    parts.eye(s, f.inside(0.52, -0.12, 0.11))
    return f


def owl(s: Sketch) -> Frame:
    """Draw an owl on a branch: two large eyes and two wings."""
    backdrops.sky(s)
    backdrops.clutter(s, 2)
    f, coat = parts.stand(s, y=(0.45, 0.54), scale=(0.36, 0.44)), s.colour((135, 105, 75), 35)
    line(s, f, corners(-1.2, 0.82, 1.2, 0.74), 0.14, s.colour((95, 65, 40), 15), "stem")
    for x in (-0.95, -0.7, 0.75, 1.0):
        leaf = f.inside(x, 0.76, 0.36, s.between(-2.4, -0.7))
        parts.leaf(s, leaf, s.colour((80, 135, 60), 25))
    fill(s, f, ellipse(0, 0.15, 0.5, 0.66), shade(coat, 1.25), "body")
    for side in (-1, 1):
        wing = corners(side * 0.3, -0.25, side * 0.62, 0.1, side * 0.5, 0.75, side * 0.22, 0.4)
        fill(s, f, wing, shade(coat, 0.7), "wing")
        for y in (0.15, 0.35):
            bar = corners(side * 0.34, y, side * 0.52, y + 0.08)
            line(s, f, bar, 0.05, shade(coat, 1.1), "wing")
    fill(s, f, ellipse(0, -0.42, 0.5, 0.4), coat, "body")
    for side in (-1, 1):
        fill(s, f, corners(side * 0.2, -0.7, side * 0.5, -0.95, side * 0.46, -0.55), coat, "ear")
        amber = s.colour((220, 150, 30), 25)
        parts.eye(s, f.inside(side * 0.22, -0.42, 0.2), amber)
        fill(s, f, ellipse(side * 0.22, -0.42, 0.08), (20, 18, 18), "eye")
    fill(s, f, corners(-0.08, -0.34, 0.08, -0.34, 0, -0.14), (225, 165, 60), "body")
    return f


def butterfly(s: Sketch) -> Frame:
    """Draw a butterfly with spotted wings."""
    _close_up(s)
    f, colour = parts.stand(s, y=(0.45, 0.55), scale=(0.34, 0.42)), s.any_colour(90, 240)
    mark = s.any_colour(20, 120)
    for side in (-1, 1):
        for shape, tone in ((WING * 0.95, 1.0), (WING.conj() * 0.72, 0.82)):
            wing = shape if side == 1 else -shape.conj()
            fill(s, f, wing, shade(colour, 0.4), "wing")
            middle = wing.mean()
            inner = middle + 0.82 * (wing - middle)
            fill(s, f, inner, shade(colour, tone), "wing")
            parts.spots(s, f, inner, mark, 3, 0.1)
    line(s, f, corners(0, -0.35, 0, 0.45), 0.12, (45, 38, 35), "body")
    for side in (-1, 1):
        line(s, f, corners(0, -0.35, side * 0.22, -0.75), 0.03, (45, 38, 35), "body")
    return f


def daisy(s: Sketch) -> Frame:
    """Draw a flower: petals around a middle, a stem and two leaves."""
    _close_up(s)
    f, green = parts.stand(s, y=(0.4, 0.48), scale=(0.36, 0.44)), s.colour((70, 125, 55), 25)
    line(s, f, corners(0, 0, 0.05, 0.6, 0, 1.3), 0.09, green, "stem")
    for angle in (-0.5, math.pi + 0.5):
        parts.leaf(s, f.inside(0.03, 0.9, 0.6, angle), shade(green, 1.15))
    petal = s.colour((245, 243, 240), 10) if s.chance(0.45) else s.any_colour(110, 250)
    n = int(s.rng.integers(8, 13))
    for i in range(n):
        turn = np.exp(2j * math.pi * i / n)
        shape = turn * ellipse(0.44, 0, 0.34, 1.1 / n + 0.03)
        fill(s, f, shape, shade(petal, 0.86 + 0.14 * (i % 2)), "petal")
    fill(s, f, ellipse(0, 0, 0.24), s.colour((235, 185, 50), 20), "petal")
    return f


def tree(s: Sketch) -> Frame:
    """Draw a tree with a crown of leaves."""
    top = s.between(0.62, 0.76)
    backdrops.sky(s, top)
    backdrops.meadow(s, top)
    backdrops.clutter(s, 2)
    f, green = parts.stand(s, y=(0.45, 0.52), scale=(0.36, 0.44)), s.colour((75, 125, 55), 35)
    fill(s, f, corners(-0.12, 0, 0.12, 0, 0.2, 1, -0.2, 1), s.colour((100, 70, 45), 15), "stem")
    fill(s, f, ellipse(0, -0.32, 0.66, 0.56), shade(green, 0.7), "leaf")
    for i in range(20):
        angle, far = 2.4 * i, 0.6 * math.sqrt((i + 0.5) / 20)
        x, y = far * math.cos(angle), -0.32 + 0.85 * far * math.sin(angle)
        leaf = f.inside(x, y, 0.36, angle + s.between(-0.6, 0.6))
        parts.leaf(s, leaf, shade(green, s.between(0.8, 1.2)))
    return f
