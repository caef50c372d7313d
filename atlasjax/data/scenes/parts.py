"""The parts that scenes share. Each function draws one, in a frame of its own, in many variants."""

import math

import numpy as np

from atlasjax.data.scenes.sketch import (
    CIRCLE,
    WHOLE,
    Colour,
    Frame,
    Points,
    Real,
    Sketch,
    box,
    clipped,
    corners,
    ellipse,
    fill,
    shade,
    stroke,
)

NOODLE = (238, 205, 120)
SEAM_WHITE = (245, 243, 236)
SEAM_RED = (200, 30, 40)


def stand(
    s: Sketch, y: tuple[Real, Real] = (0.48, 0.62), scale: tuple[Real, Real] = (0.33, 0.44)
) -> Frame:
    """Choose where an object stands: somewhere in the middle, a little turned, perhaps mirrored.

    Args:
        s: the sketch, whose generator chooses.
        y: range of the height of its middle, in scenes, downwards.
        scale: range of its half width, in scenes.
    """
    origin = WHOLE.place(np.array([complex(s.between(0.4, 0.6), s.between(*y))]))[0]
    size, angle = s.between(*scale), math.radians(s.between(-12, 12))
    turn = WHOLE.turn * size * complex(math.cos(angle), math.sin(angle))
    return Frame(complex(origin), turn, s.chance(0.5))


def wheel(s: Sketch, f: Frame, spokes: bool = False) -> None:
    """Draw a wheel of radius 1: a tyre with a hub cap, or thin with spokes."""
    if spokes:
        tyre = s.colour((35, 35, 38), 15)
        for i in range(5):
            angle = math.pi * (i + 0.3) / 5
            arm = np.array([-1, 1]) * complex(math.cos(angle), math.sin(angle))
            stroke(s, f, arm, 0.05, (190, 190, 195), "wheel")
        stroke(s, f, np.append(CIRCLE, CIRCLE[:2]), 0.16, tyre, "wheel")
        fill(s, f, ellipse(0, 0, 0.14), tyre, "wheel")
        return
    fill(s, f, ellipse(0, 0, 1.0), s.colour((28, 28, 32), 14), "wheel")
    fill(s, f, ellipse(0, 0, s.between(0.5, 0.62)), s.colour((195, 198, 205), 25), "wheel")
    fill(s, f, ellipse(0, 0, 0.2), s.colour((70, 70, 78), 20), "wheel")


def eye(s: Sketch, f: Frame, iris: Colour = (40, 30, 25)) -> None:
    """Draw an eye of radius 1: white, iris, and a light in it."""
    fill(s, f, ellipse(0, 0, 1.0), s.colour((242, 242, 238), 10), "eye")
    fill(s, f, ellipse(0.12, 0, 0.66), iris, "eye")
    fill(s, f, ellipse(0.32, -0.25, 0.2), (255, 255, 255), "eye")


def window(s: Sketch, f: Frame, shape: Points, glass: Colour, frame_colour: Colour) -> None:
    """Draw a window: a frame, glass, and a reflection across it."""
    middle = shape.mean()
    fill(s, f, shape, frame_colour, "window")
    inner = middle + 0.8 * (shape - middle)
    fill(s, f, inner, glass, "window")
    glint = middle + np.array([0.76, 0.56]) * (shape[:2] - middle)
    stroke(s, f, glint, 0.05, shade(glass, 1.35), "window")


def windows(s: Sketch, f: Frame, left: Real, right: Real, top: Real, bottom: Real, n: int):
    """Draw a row of n windows."""
    glass, edge = s.colour((120, 175, 215), 30), s.colour((235, 235, 235), 20)
    step = (right - left) / n
    for i in range(n):
        a = left + i * step
        window(s, f, box(a + 0.1 * step, top, a + 0.9 * step, bottom), glass, edge)


def door(s: Sketch, f: Frame, left: Real, top: Real, right: Real, bottom: Real) -> None:
    """Draw a door with panels and a knob."""
    wood = s.colour((120, 70, 40), 35)
    fill(s, f, box(left, top, right, bottom), wood, "door")
    w, h = right - left, bottom - top
    for y in (0.12, 0.55):
        panel = box(left + 0.2 * w, top + y * h, right - 0.2 * w, top + (y + 0.33) * h)
        fill(s, f, panel, shade(wood, 0.7), "door")
    fill(s, f, ellipse(right - 0.12 * w, top + 0.52 * h, 0.07 * w), (235, 200, 90), "door")


def bricks(s: Sketch, f: Frame, shape: Points) -> None:
    """Draw a wall of bricks over a shape."""
    mortar, base = s.colour((205, 195, 185), 15), s.colour((165, 75, 55), 28)
    rows = s.rng.integers(5, 8)
    low, high = _extent(shape)
    tall = (high.imag - low.imag) / rows
    wide = 2.1 * tall
    fill(s, f, shape, mortar, "brick")
    with clipped(s, f, shape):
        fill(s, f, shape, mortar, "brick")
        for row in range(rows):
            y = low.imag + row * tall
            x = low.real - (row % 2) * wide / 2
            while x < high.real:
                tone = shade(base, s.between(0.82, 1.15))
                brick = box(x + 0.04 * wide, y + 0.09 * tall, x + 0.94 * wide, y + 0.9 * tall)
                fill(s, f, brick, tone, "brick")
                x += wide


def _extent(shape: Points) -> tuple[complex, complex]:
    """Return the upper left and the lower right corner of the box around a shape."""
    x, y = np.real(shape), np.imag(shape)
    return complex(x.min(), y.min()), complex(x.max(), y.max())


def stripes(
    s: Sketch, f: Frame, shape: Points, first: Colour, second: Colour, n: int, across: bool = True
) -> None:
    """Draw a shape with n stripes of the second colour on the first, upright or lying."""
    fill(s, f, shape, first, "stripes")
    low, high = _extent(shape)
    bend = s.between(-0.1, 0.1) * (high.real - low.real)
    with clipped(s, f, shape):
        for i in range(n):
            a, b = (i + 0.25) / n, (i + 0.75) / n
            if across:
                a, b = (low.real + t * (high.real - low.real) for t in (a, b))
                band = corners(a, low.imag, b, low.imag, b + bend, high.imag, a + bend, high.imag)
            else:
                a, b = (low.imag + t * (high.imag - low.imag) for t in (a, b))
                band = corners(low.real, a, high.real, a + bend, high.real, b + bend, low.real, b)
            fill(s, f, band, second, "stripes")


def spots(s: Sketch, f: Frame, shape: Points, colour: Colour, n: int, size: Real) -> None:
    """Draw n round spots inside of a shape."""
    low, high = _extent(shape)
    with clipped(s, f, shape):
        for i in range(n):
            x = low.real + (i + s.between(0.2, 0.8)) / n * (high.real - low.real)
            y = s.between(low.imag + size / 2, high.imag - size / 2)
            w, h = size * s.between(0.7, 1.2), size * s.between(0.7, 1.2)
            fill(s, f, ellipse(x, y, w, h), colour, "spots")


def text(
    s: Sketch,
    f: Frame,
    left: Real,
    top: Real,
    right: Real,
    bottom: Real,
    rows: int,
    ink: Colour,
    part: str = "text",
) -> None:
    """Draw lines of marks that look like writing from afar."""
    tall = (bottom - top) / rows
    for row in range(rows):
        y, x = top + (row + 0.5) * tall, left
        while x < right:
            wide = tall * s.between(0.35, 0.6)
            kind = s.rng.integers(4)
            a, b = y - 0.32 * tall, y + 0.32 * tall
            thick = 0.16 * tall
            stroke(s, f, corners(x, a, x, b), thick, ink, part)
            if kind == 0:
                stroke(s, f, corners(x, a, x + wide * 0.7, a), thick, ink, part)
            elif kind == 1:
                stroke(s, f, corners(x, y, x + wide * 0.7, b), thick, ink, part)
            elif kind == 2:
                stroke(s, f, corners(x, b, x + wide * 0.7, b), thick, ink, part)
            x += wide * (2.2 if s.chance(0.15) else 1.25)


def noodles(s: Sketch, f: Frame) -> None:
    """Draw a heap of noodles within radius 1: wavy strands over each other."""
    heap = ellipse(0, 0, 1.0, 1.0)
    base = s.colour(NOODLE, 16)
    with clipped(s, f, heap):
        fill(s, f, heap, shade(base, 0.78), "noodles")
        t = np.linspace(-1.1, 1.1, 12)
        for i in range(9):
            angle = s.between(0, math.pi)
            waves = 0.16 * np.sin(t * s.between(4, 7) + s.between(0, 6))
            path = t + 1j * (waves + (i - 4) * 0.2)
            path = path * complex(math.cos(angle), math.sin(angle))
            stroke(s, f, path, 0.17, shade(base, 0.72), "noodles")
            stroke(s, f, path, 0.1, shade(base, s.between(0.95, 1.1)), "noodles")


def seam(s: Sketch, f: Frame, path: Points, width: Real) -> None:
    """Draw a white ribbon with red stitches across it: a ball's seam, or a mouth full of teeth."""
    stroke(s, f, path, width, SEAM_WHITE, "seam")
    along = np.diff(path)
    for i in range(len(along)):
        normal = 1j * along[i] / abs(along[i])
        middle = (path[i] + path[i + 1]) / 2
        tip = middle + 0.35 * along[i]
        a, b = middle - 0.4 * width * normal, middle + 0.4 * width * normal
        stitch = np.array([a - 0.3 * along[i], tip, b - 0.3 * along[i]])
        stroke(s, f, stitch, 0.24 * width, SEAM_RED, "seam")


def arc(x: Real, y: Real, radius: Real, start: Real, end: Real, n: int = 8) -> Points:
    """Return a path of n + 1 points along a circle, from one angle in degrees to another."""
    angles = np.radians(np.linspace(start, end, n + 1))
    return complex(x, y) + radius * np.exp(1j * angles)


def ball(s: Sketch, f: Frame) -> None:
    """Draw a baseball of radius 1."""
    fill(s, f, ellipse(0, 0, 1.0), s.colour((236, 234, 226), 8), "body")
    with clipped(s, f, ellipse(0, 0, 1.0)):
        seam(s, f, arc(-1.35, 0, 1.05, -62, 62), 0.34)
        seam(s, f, arc(1.35, 0, 1.05, 118, 242), 0.34)


def tag(s: Sketch, f: Frame) -> None:
    """Draw a yellow plate of 2 x 1.2 with dark writing on it."""
    fill(s, f, box(-1.0, -0.62, 1.0, 0.62), (60, 45, 20), "tag")
    fill(s, f, box(-0.92, -0.54, 0.92, 0.54), s.colour((245, 200, 40), 10), "tag")
    text(s, f, -0.75, -0.42, 0.75, 0.42, 2, (50, 35, 15), "tag")


def leaf(s: Sketch, f: Frame, colour: Colour) -> None:
    """Draw a leaf of length 1, from 0 to the right."""
    blade = corners(0, 0, 0.25, -0.2, 0.6, -0.22, 1, 0, 0.6, 0.22, 0.25, 0.2)
    fill(s, f, blade, colour, "leaf")
    stroke(s, f, corners(0, 0, 0.9, 0), 0.06, shade(colour, 1.4), "leaf")


def lamp(s: Sketch, f: Frame, x: Real, y: Real, radius: Real) -> None:
    """Draw a lamp that is on."""
    fill(s, f, ellipse(x, y, radius), (90, 80, 60), "lamp")
    fill(s, f, ellipse(x, y, 0.78 * radius), s.colour((255, 235, 140), 10), "lamp")
    fill(s, f, ellipse(x - 0.2 * radius, y - 0.2 * radius, 0.3 * radius), (255, 255, 245), "lamp")
