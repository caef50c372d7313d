"""A drawing surface that remembers which part every pixel belongs to.

Two pictures are drawn at once, at twice the final size: the colours, and for each pixel the number
of the part that was drawn there last. So masks are exact and know what hides what, at no more cost
than drawing twice. Points are complex numbers, x + iy with y downwards: moving, turning and scaling
a shape is one multiplication and one addition.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, UInt8
from PIL import Image, ImageDraw

SIZE = 96  # px of a finished scene
FINE = 2 * SIZE  # px while drawing; halved at the end, which smooths the edges

PARTS = (
    "sky",
    "water",
    "grass",
    "road",
    "table",
    "body",
    "wheel",
    "window",
    "door",
    "roof",
    "brick",
    "lamp",
    "stripes",
    "spots",
    "text",
    "handle",
    "eye",
    "ear",
    "leg",
    "fin",
    "wing",
    "petal",
    "leaf",
    "stem",
    "sail",
    "noodles",
    "seam",
    "tag",
)
"""What scenes are made of. The number of a part is its place here, from 1."""

_NUMBER = {name: i for i, name in enumerate(PARTS, start=1)} | {None: 0}

Colour = tuple[int, int, int]
Real = float | int  # coordinates are written as 1 or 1.0
Points = Complex[np.ndarray, " points"]

CIRCLE = np.exp(2j * np.pi * np.arange(28) / 28)


class Frame(NamedTuple):
    """Where an object stands: its own coordinates, about -1 to 1, to those of the drawing in px.

    Attributes:
        origin: the place of its 0.
        turn: scale in px and rotation, as one complex number.
        flip: whether left and right are exchanged.
    """

    origin: complex
    turn: complex
    flip: bool = False

    def place(self, shape: Points) -> Points:
        """Return the shape where it stands."""
        return self.origin + self.turn * (-shape.conj() if self.flip else shape)

    def inside(self, x: Real, y: Real, scale: Real = 1.0, turn: Real = 0.0) -> "Frame":
        """Return a frame within this one, at (x, y), scaled and turned by an angle in radians."""
        origin = complex(self.place(np.array([complex(x, y)]))[0])
        angle = -turn if self.flip else turn
        return Frame(origin, self.turn * scale * complex(math.cos(angle), math.sin(angle)))


WHOLE = Frame(0j, complex(FINE))
"""The whole drawing, from 0 to 1."""


class Sketch(NamedTuple):
    """A scene while it is drawn.

    Attributes:
        rng: what everything about it is drawn from.
        picture: the colours.
        index: the number of the part at each pixel, 0 for none.
        pen: draws on the picture.
        marker: draws on the index.
    """

    rng: np.random.Generator
    picture: Image.Image
    index: Image.Image  # pyright: ignore[reportIncompatibleMethodOverride]
    pen: ImageDraw.ImageDraw
    marker: ImageDraw.ImageDraw

    def between(self, low: Real, high: Real) -> float:
        """Draw a number uniformly."""
        return low + (high - low) * self.rng.random()

    def chance(self, probability: Real) -> bool:
        """Draw yes or no."""
        return self.rng.random() < probability

    def colour(self, base: Colour, spread: int = 28) -> Colour:
        """Draw a colour near another: each channel within `spread`, 0 to 255."""
        r, g, b = (self.rng.random(3) * (2 * spread) - spread).tolist()
        return clip(base[0] + r), clip(base[1] + g), clip(base[2] + b)

    def any_colour(self, low: int = 40, high: int = 235) -> Colour:
        """Draw any colour with channels in a range."""
        r, g, b = (low + self.rng.random(3) * (high - low)).tolist()
        return int(r), int(g), int(b)


def sketch(rng: np.random.Generator) -> Sketch:
    """Return an empty sketch.

    >>> sketch(np.random.default_rng(0)).picture.size
    (192, 192)
    """
    picture, index = Image.new("RGB", (FINE, FINE)), Image.new("L", (FINE, FINE))
    return Sketch(rng, picture, index, ImageDraw.Draw(picture), ImageDraw.Draw(index))


def clip(value: Real) -> int:
    """Return a channel's value as a whole number in 0..255."""
    return 0 if value < 0 else 255 if value > 255 else int(value)


def shade(colour: Colour, factor: Real) -> Colour:
    """Return a colour made darker (below 1) or lighter.

    >>> shade((100, 200, 40), 1.5)
    (150, 255, 60)
    """
    return clip(colour[0] * factor), clip(colour[1] * factor), clip(colour[2] * factor)


def ellipse(x: Real, y: Real, width: Real, height: Real | None = None) -> Points:
    """Return an ellipse around (x, y) by its half axes; a circle where only one is given."""
    height = width if height is None else height
    return complex(x, y) + width * np.real(CIRCLE) + 1j * height * np.imag(CIRCLE)


def box(left: Real, top: Real, right: Real, bottom: Real) -> Points:
    """Return an upright rectangle."""
    return np.array([left + 1j * top, right + 1j * top, right + 1j * bottom, left + 1j * bottom])


def corners(*values: Real) -> Points:
    """Return a polygon from x and y of one corner after another."""
    return np.array(values, np.float64).view(np.complex128)


def _flat(points: Points) -> list[float]:
    return np.ascontiguousarray(points).view(np.float64).tolist()


def fill(s: Sketch, frame: Frame, shape: Points, colour: Colour, part: str | None) -> None:
    """Fill a shape with a colour, as a part, or as none.

    Args:
        s: what is drawn on.
        frame: where the shape stands.
        shape: its corners, in the frame's coordinates.
        colour: RGB.
        part: one of `PARTS`, or None for what is no part.
    """
    points = _flat(frame.place(shape))
    s.pen.polygon(points, fill=colour)
    s.marker.polygon(points, fill=_NUMBER[part])


def stroke(
    s: Sketch, frame: Frame, path: Points, width: Real, colour: Colour, part: str | None
) -> None:
    """Draw a line along a path; its width is in the frame's units."""
    points = _flat(frame.place(path))
    thick = max(1, round(width * abs(frame.turn)))
    # Paths of many points bend so little at each that their joints need no rounding.
    joint = "curve" if thick > 3 and 2 < len(path) < 9 else None
    s.pen.line(points, fill=colour, width=thick, joint=joint)
    s.marker.line(points, fill=_NUMBER[part], width=thick, joint=joint)


@contextmanager
def clipped(s: Sketch, frame: Frame, shape: Points) -> Iterator[None]:
    """Let whatever is drawn in the body of `with` show only inside of a shape."""
    picture, index = s.picture.copy(), s.index.copy()
    yield
    outside = Image.new("L", (FINE, FINE), 255)
    ImageDraw.Draw(outside).polygon(_flat(frame.place(shape)), fill=0)
    s.picture.paste(picture, mask=outside)
    s.index.paste(index, mask=outside)


def finish(s: Sketch) -> tuple[UInt8[np.ndarray, "96 96 3"], UInt8[np.ndarray, "96 96"]]:
    """Halve the sketch, light it, and add what a camera would.

    Light falls off in a random direction, colours are cast, surfaces are mottled, and every pixel
    has a little noise.

    Args:
        s: the sketch; its generator decides about the light.

    Returns:
        The image, and for each pixel the number of its part.
    """
    image = np.asarray(s.picture.reduce(2), np.float32)
    angle, depth, level = s.between(0, 2 * math.pi), s.between(0, 0.25), s.between(0.85, 1.12)
    ramp = np.linspace(-1, 1, SIZE, dtype=np.float32)
    light = level + depth * (math.cos(angle) * ramp[None, :] + math.sin(angle) * ramp[:, None])
    patches = Image.fromarray(s.rng.random((9, 9), np.float32)).resize((SIZE, SIZE), 2)
    light += 0.16 * (np.asarray(patches) - 0.5)
    cast = (0.94 + 0.12 * s.rng.random(3)).astype(np.float32)
    grain = np.frombuffer(s.rng.bytes(image.size), np.int8).reshape(image.shape)
    image = image * light[..., None] * cast + grain * np.float32(0.06)
    return np.clip(image, 0, 255).astype(np.uint8), np.asarray(s.index)[1::2, 1::2]


def mask(index: UInt8[np.ndarray, "h w"], part: str) -> Bool[np.ndarray, "h w"]:
    """Return where a part is."""
    return index == _NUMBER[part]
