"""Colours: fields, edges between two colours, gradients of brightness, and images tinted.

Hues are those of the usual wheel: 0 is red, 120 green, 240 blue.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from atlasjax.circuits.stimuli.canvas import (
    BLACK,
    WHITE,
    Colour,
    Number,
    Point,
    canvas,
    numbers,
    painted,
)

LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue add to brightness (Rec. 601)."""


def color_contrasts(
    angle: Number,
    ink: Colour,
    paper: Colour,
    *,
    size: int,
    width: Number = 1.0,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw one colour beside another.

    Args:
        angle: direction in which the ink lies, in degrees.
        ink: one colour.
        paper: the other.
        size: side of the images, in px.
        width: over how many px one turns into the other; 1 for an edge.
        centre: row and column of the boundary's middle; the image's by default.

    >>> color_contrasts(0, (1, 0, 0), (0, 0, 1), size=3)[0, 1].tolist()
    [[0.0, 0.0, 1.0], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]
    """
    angle, width = numbers(angle=angle, width=width)
    along = canvas(angle, size, centre).along
    return painted(jnp.clip(0.5 + along / jnp.maximum(width, 1), 0, 1), ink, paper)


def brightness_gradients(
    angle: Number,
    width: Number,
    *,
    size: int,
    ink: Colour = WHITE,
    paper: Colour = BLACK,
    centre: Point | None = None,
) -> Float[Array, "b h w 3"]:
    """Draw a rise of brightness in some direction.

    Args:
        angle: direction in which it becomes brighter, in degrees.
        width: over how many px it rises; 1 for an edge.
        size: side of the images, in px.
        ink: the bright end.
        paper: the dark one.
        centre: row and column of the middle of the rise; the image's by default.

    >>> brightness_gradients(90, 4, size=3)[0, :, 1, 0].tolist()
    [0.75, 0.5, 0.25]
    """
    return color_contrasts(angle, ink, paper, size=size, width=width, centre=centre)


def fields(color: Colour, *, size: int, centre: Point | None = None) -> Float[Array, "b h w 3"]:
    """Draw nothing but one colour.

    Args:
        color: a grey, a colour, or one for each image.
        size: side of the images, in px.
        centre: not needed; taken so that all stimuli are called alike.

    >>> fields([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], size=1)[:, 0, 0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    del centre
    value = jnp.asarray(color, jnp.float32)
    count = len(value) if value.ndim == 2 else 1
    return painted(jnp.ones((count, size, size), jnp.float32), value, BLACK)


def hues(hue: Number) -> Float[Array, "b 3"]:
    """Return the full colours of some hues.

    Args:
        hue: in degrees.

    >>> hues([0, 120, 180]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    """
    (hue,) = numbers(hue=hue)
    offset = jnp.asarray([0.0, 120.0, 240.0])
    apart = jnp.abs((hue[:, :, 0] - offset[None] + 180) % 360 - 180)
    return jnp.clip(2 - apart / 60, 0, 1)


def tinted(
    images: Float[Array, "b h w 3"], hue: Number, amount: Number = 0.3
) -> Float[Array, "b h w 3"]:
    """Add a hue to images and leave their brightness what it is, but for what would leave [0, 1].

    Args:
        images: of any colours, in [0, 1].
        hue: in degrees: one for all, or one for each.
        amount: length of what is added to red, green and blue; 0 for nothing.

    >>> image = tinted(jnp.full((1, 1, 1, 3), 0.5), 0, 0.3)
    >>> (image.ravel() @ jnp.asarray(LUMA)).round(3).tolist(), bool(image[..., 0] > 0.6)
    (0.5, True)
    """
    hue, amount = numbers(hue=hue, amount=amount)
    full = hues(hue.ravel())
    colour = full - (full @ jnp.asarray(LUMA, jnp.float32))[:, None]
    unit = colour / jnp.linalg.norm(colour, axis=1, keepdims=True)
    added = amount * unit[:, None]  # [b or 1, 1, 3]
    return jnp.clip(images + jnp.broadcast_to(added[:, None], (len(images), 1, 1, 3)), 0, 1)
