"""Strokes and shapes: curves, lines, corners, circles.

The angle of a curve is the direction in which it bulges, that of a corner the direction in which it
points, so that a curve and a corner of one angle look alike. The middle of a curve and the tip of a
corner lie at the stimulus's centre. A line of an angle runs in its direction.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from atlasjax.circuits.stimuli.canvas import (
    GREY,
    WHITE,
    Colour,
    Number,
    Point,
    beyond,
    canvas,
    numbers,
    painted,
    stroked,
)

WIDTH = 4.0  # px, of strokes
SPAN = 120.0  # degrees of its circle that a curve is long
LENGTH = 1e4  # px: beyond any image


def curves(
    angle: Number,
    radius: Number,
    *,
    size: int,
    span: Number = SPAN,
    width: Number = WIDTH,
    ink: Colour = WHITE,
    paper: Colour = GREY,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw arcs of circles.

    Args:
        angle: direction in which the curve bulges, in degrees.
        radius: of its circle, in px.
        size: side of the images, in px.
        span: how much of the circle is drawn, in degrees.
        width: of the stroke, in px.
        ink: colour of the curve.
        paper: colour of what is around it.
        centre: row and column where the curve's middle lies; the image's by default.

    Source: the synthetic stimuli of Cammarata et al. 2020, "Curve Detectors".

    >>> image = curves(0, 8, size=17)[0, ..., 0]  # bulging to the right, so open to the left
    >>> float(image[8, 8]), float(image[8, 0]), bool(image[0, 4:8].max() > 0.5)
    (1.0, 0.5, True)
    """
    angle, radius, span, width = numbers(angle=angle, radius=radius, span=span, width=width)
    along, across = canvas(angle, size, centre)
    out, half = along + radius, jnp.deg2rad(span) / 2
    inside = jnp.abs(jnp.arctan2(across, out)) <= half
    end = jnp.hypot(out - radius * jnp.cos(half), jnp.abs(across) - radius * jnp.sin(half))
    distance = jnp.where(inside, jnp.hypot(out, across) - radius, end)
    return painted(stroked(distance, width), ink, paper)


def curved_edges(
    angle: Number,
    radius: Number,
    *,
    size: int,
    ink: Colour = WHITE,
    paper: Colour = GREY,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw discs whose edge passes through the centre: curves without a stroke.

    Args:
        angle: direction in which the edge bulges, in degrees.
        radius: of the disc, in px.
        size: side of the images, in px.
        ink: colour inside.
        paper: colour outside.
        centre: row and column where the edge passes; the image's by default.

    >>> curved_edges(0, 8, size=5)[0, 2, :, 0].tolist()
    [1.0, 1.0, 0.75, 0.5, 0.5]
    """
    angle, radius = numbers(angle=angle, radius=radius)
    along, across = canvas(angle, size, centre)
    return painted(beyond(radius - jnp.hypot(along + radius, across)), ink, paper)


def lines(
    angle: Number,
    *,
    size: int,
    length: Number = LENGTH,
    width: Number = WIDTH,
    ink: Colour = WHITE,
    paper: Colour = GREY,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw straight lines.

    Args:
        angle: direction in which the line runs, in degrees; the same after 180.
        size: side of the images, in px.
        length: of the line, in px; without end by default.
        width: of the stroke, in px.
        ink: colour of the line.
        paper: colour of what is around it.
        centre: row and column of the line's middle; the image's by default.

    >>> lines(90, size=3, width=1)[0, :, :, 0].round(3).tolist()
    [[0.5, 1.0, 0.5], [0.5, 1.0, 0.5], [0.5, 1.0, 0.5]]
    """
    angle, length, width = numbers(angle=angle, length=length, width=width)
    along, across = canvas(angle, size, centre)
    past = jnp.maximum(jnp.abs(along) - length / 2, 0)
    return painted(stroked(jnp.hypot(past, across), width), ink, paper)


def corners(
    angle: Number,
    opening: Number = 90.0,
    *,
    size: int,
    length: Number = LENGTH,
    width: Number = WIDTH,
    ink: Colour = WHITE,
    paper: Colour = GREY,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw two lines that meet in a point.

    Args:
        angle: direction in which the corner points, in degrees.
        opening: angle between the lines, in degrees, up to 180.
        size: side of the images, in px.
        length: of each line, in px; without end by default.
        width: of the strokes, in px.
        ink: colour of the lines.
        paper: colour of what is around them.
        centre: row and column of the point; the image's by default.

    >>> import numpy as np
    >>> image = corners(0, 90, size=9, width=1)[0, ..., 0]  # pointing to the right, as >
    >>> np.asarray(image)[[0, 4, 4], [0, 4, 8]].round(3)
    array([1. , 1. , 0.5], dtype=float32)
    """
    given = numbers(angle=angle, opening=opening, length=length, width=width)
    angle, opening, length, width = given
    along, across = canvas(angle, size, centre)
    half, away = jnp.deg2rad(opening) / 2, jnp.abs(across)
    reach = jnp.clip(away * jnp.sin(half) - along * jnp.cos(half), 0, length)
    distance = jnp.hypot(along + reach * jnp.cos(half), away - reach * jnp.sin(half))
    return painted(stroked(distance, width), ink, paper)


def circles(
    radius: Number,
    *,
    size: int,
    width: Number = WIDTH,
    ink: Colour = WHITE,
    paper: Colour = GREY,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw circles around the centre.

    Args:
        radius: of the stroke's middle, in px.
        size: side of the images, in px.
        width: of the stroke, in px.
        ink: colour of the circle.
        paper: colour of what is around it, and in it.
        centre: row and column of the circle's centre; the image's by default.

    >>> circles(2, size=5, width=1)[0, 2, :, 0].tolist()
    [1.0, 0.5, 0.5, 0.5, 1.0]
    """
    radius, width = numbers(radius=radius, width=width)
    along, across = canvas(jnp.zeros_like(radius), size, centre)
    return painted(stroked(jnp.hypot(along, across) - radius, width), ink, paper)


def discs(
    radius: Number,
    *,
    size: int,
    ink: Colour = WHITE,
    paper: Colour = GREY,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw filled circles: a centre in one colour, its surround in another.

    Args:
        radius: of the disc, in px.
        size: side of the images, in px.
        ink: colour inside.
        paper: colour outside.
        centre: row and column of the disc's centre; the image's by default.

    >>> discs(1.5, size=5)[0, 2, :, 0].tolist()
    [0.5, 1.0, 1.0, 1.0, 0.5]
    """
    (radius,) = numbers(radius=radius)
    along, across = canvas(jnp.zeros_like(radius), size, centre)
    return painted(beyond(radius - jnp.hypot(along, across)), ink, paper)
