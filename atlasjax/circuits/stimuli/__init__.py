"""Stimuli: simple pictures of which every property is known, to ask units what they are tuned to.

Every function takes one number, or one for each image, of each parameter, and returns images
[b, size, size, 3] in [0, 1]: antialiased, differentiable, and to be jitted. `centre` says where the
stimulus stands, so that it can be put in the middle of what a unit sees.
"""

from atlasjax.circuits.stimuli.colours import (
    brightness_gradients,
    color_contrasts,
    fields,
    hues,
    tinted,
)
from atlasjax.circuits.stimuli.strokes import (
    circles,
    corners,
    curved_edges,
    curves,
    discs,
    lines,
)
from atlasjax.circuits.stimuli.waves import gabors, gratings, high_low, textures

__all__ = [
    "brightness_gradients",
    "circles",
    "color_contrasts",
    "corners",
    "curved_edges",
    "curves",
    "discs",
    "fields",
    "gabors",
    "gratings",
    "high_low",
    "hues",
    "lines",
    "textures",
    "tinted",
]
