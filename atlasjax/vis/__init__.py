"""Visualizations in one line: each function draws, measures what was reached, and returns arrays.

All of it is made of `atlasjax.optvis` with defaults that give vivid pictures. `sheet` lays out what
comes back as one captioned picture.
"""

from atlasjax.vis.accentuation import accentuation
from atlasjax.vis.dream import dream
from atlasjax.vis.files import read_directions, read_image, save
from atlasjax.vis.gallery import NOT_FINITE, SILENT, Gallery, told
from atlasjax.vis.given import caricature, inversion
from atlasjax.vis.sets import diversity, interpolation
from atlasjax.vis.settings import Settings
from atlasjax.vis.sheet import sheet
from atlasjax.vis.style import style_transfer
from atlasjax.vis.units import channels, classes, directions, neurons

__all__ = [
    "NOT_FINITE",
    "SILENT",
    "Gallery",
    "Settings",
    "accentuation",
    "caricature",
    "channels",
    "classes",
    "directions",
    "diversity",
    "dream",
    "interpolation",
    "inversion",
    "neurons",
    "read_directions",
    "read_image",
    "save",
    "sheet",
    "style_transfer",
    "told",
]
