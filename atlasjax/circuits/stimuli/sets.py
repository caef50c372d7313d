"""Sets of stimuli that detectors are told apart by, in sizes that fit what a unit sees."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from atlasjax.circuits.stimuli.colours import brightness_gradients, tinted
from atlasjax.circuits.stimuli.strokes import circles, corners, curved_edges, curves, discs, lines
from atlasjax.circuits.stimuli.waves import gratings, textures

ANGLES = np.arange(0, 360, 5.0)
STROKES = 24  # in a field

Draw = Callable[..., Array]
Shown = tuple[Draw, dict[str, Any]]
"""A kind of stimulus and its parameters, each with its values."""


def curved(field: int) -> list[Draw]:
    """Return how a curve is drawn: light and dark, as a stroke and as an edge."""
    stroke = partial(curves, width=field / STROKES)
    return [partial(draw, ink=ink) for draw in (stroke, curved_edges) for ink in (1.0, 0.0)]


def straight(field: int) -> list[Draw]:
    """Return how a line is drawn, in the same four ways."""
    stroke = partial(lines, width=field / STROKES)
    edge = partial(brightness_gradients, width=1.0, paper=0.5)
    return [partial(draw, ink=ink) for draw in (stroke, edge) for ink in (1.0, 0.0)]


def rounded(field: int) -> list[Shown]:
    """Return circles and discs of some sizes, light and dark."""
    radii = {"radius": field * np.array([0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45])}
    ring = partial(circles, width=field / STROKES)
    return [(partial(draw, ink=i), radii) for draw in (ring, discs) for i in (1.0, 0.0)]


def repeated() -> list[Shown]:
    """Return gratings and textures."""
    waves = {"angle": ANGLES[:36:2], "wavelength": [4, 6, 8, 12, 20], "phase": [0, 180]}
    noise = {"wavelength": [3, 4, 6, 8, 12, 16, 24], "seed": [0, 1, 2, 3]}
    return [(gratings, waves), (textures, noise)]


def cornered(field: int) -> list[Shown]:
    """Return corners, light and dark."""
    axes = {"angle": ANGLES[::2], "opening": [45.0, 90.0]}
    stroke = partial(corners, width=field / STROKES)
    return [(partial(stroke, ink=ink), axes) for ink in (1.0, 0.0)]


def patterned(field: int) -> list[Shown]:
    """Return grey patterns of several kinds."""
    stroke = partial(curves, width=field / STROKES, radius=field / 4)
    return [
        (textures, {"wavelength": [4, 8, 16], "seed": [0, 1]}),
        (gratings, {"angle": [0, 45, 90, 135], "wavelength": [6, 12]}),
        (stroke, {"angle": ANGLES[::12]}),
    ]


def in_hue(draw: Draw, hue: Array, **rest: Any) -> Array:
    """Return a stimulus in a hue, as bright as it is."""
    return tinted(jnp.asarray(draw(**rest)), hue, 0.4)
