"""Random transforms: what keeps an optimized image from being an adversarial one.

A visualization should excite the network wherever it stands, slightly turned and scaled, in a
little noise. Each step therefore looks at the image through a transform drawn anew: a function of a
key and one image, to an image. `compose` chains them, and makes one resampling of those that only
move the image about.
"""

from atlasjax.optvis.transform.background import composite
from atlasjax.optvis.transform.chain import Chain, compose
from atlasjax.optvis.transform.core import Affine, Boundary, Move, Placed, Transform
from atlasjax.optvis.transform.effects import Effect, blur, color, noise, uniform_noise
from atlasjax.optvis.transform.moves import flip, jitter, rotate, scale, shear
from atlasjax.optvis.transform.presets import lucid_standard, similarity
from atlasjax.optvis.transform.windows import crop, crop_by, pad, window

__all__ = [
    "Affine",
    "Boundary",
    "Chain",
    "Effect",
    "Move",
    "Placed",
    "Transform",
    "blur",
    "color",
    "compose",
    "composite",
    "crop",
    "crop_by",
    "flip",
    "jitter",
    "lucid_standard",
    "noise",
    "pad",
    "rotate",
    "scale",
    "shear",
    "similarity",
    "uniform_noise",
    "window",
]
