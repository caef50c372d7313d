"""Scenes: a generated image set whose truth is known, to the pixel.

Small pictures of 28 classes made of shared parts (wheels, windows, eyes, stripes, noodles and so
on), in varied pose, colour, light and clutter. Every image comes with its class, its parts and a
mask for each part. Three shortcuts are planted in them, of the kind that networks pick up from
photographs, each with controlled test sets; see `SHORTCUTS`. So a network trained on scenes has
faults that are known, and a tool that looks for faults can be scored.
"""

from atlasjax.data.scenes.masked import masked
from atlasjax.data.scenes.shortcuts import CONTROLS, SHORTCUTS, Control, Shortcut
from atlasjax.data.scenes.sketch import PARTS, SIZE
from atlasjax.data.scenes.source import CLASSES, Scene, Scenes, draw_scene, from_spec, scenes

__all__ = [
    "CLASSES",
    "CONTROLS",
    "PARTS",
    "SHORTCUTS",
    "SIZE",
    "Control",
    "Scene",
    "Scenes",
    "Shortcut",
    "draw_scene",
    "from_spec",
    "masked",
    "scenes",
]
