"""Batching: how many icons or images at a time, by what the devices' memory holds.

What is computed does not depend on it. On CPUs it is always 16.
"""

import math

import numpy as np
from jax.sharding import Mesh

from atlasjax.atlas.attribution import AT_A_TIME
from atlasjax.atlas.drawer import IconSettings
from atlasjax.parallel import accelerated, fitting
from atlasjax.planes import as_planes
from atlasjax.taps import Model, layers

ICONS_AT_MOST, IMAGES_AT_MOST = 256, 64  # on each device: it has enough to do with that many
# A step of an icon takes twice the memory of the tapped values, as XLA counts it for GoogLeNet;
# twice that again for networks that tap less of what they keep.
KEPT = 4


def icon_batch(model: Model, settings: IconSettings, mesh: Mesh) -> int:
    """Return how many icons to draw at a time.

    Args:
        model: a callable pytree `model(images, tap)`.
        settings: how icons are drawn.
        mesh: the devices that share a batch.

    >>> from atlasjax.parallel import batch_mesh
    >>> icon_batch(lambda images, tap: tap("a", images), IconSettings(), batch_mesh())
    16
    """
    each = _tapped(model, settings.size, settings.channels) if accelerated(mesh) else 1
    return fitting(KEPT * each, mesh, ICONS_AT_MOST)


def image_batch(model: Model, side: int, channels: int, mesh: Mesh) -> int:
    """Return how many images to look at at a time, and to attribute a few positions of each in.

    Args:
        model: a callable pytree `model(images, tap)`.
        side: of the images, in px.
        channels: of the images.
        mesh: the devices that share a batch.

    >>> from atlasjax.parallel import batch_mesh
    >>> image_batch(lambda images, tap: tap("a", images), 32, 3, batch_mesh())
    16
    """
    each = _tapped(model, side, channels) if accelerated(mesh) else 1
    return fitting((AT_A_TIME + KEPT) * each, mesh, IMAGES_AT_MOST)


def _tapped(model: Model, side: int, channels: int) -> int:
    """Return the bytes of one image and of all values that are tapped of it."""
    shapes = layers(as_planes(model), (side, side, channels)).values()
    item = np.dtype(np.float32).itemsize
    return item * (side * side * channels + sum(math.prod(shape) for shape in shapes))
