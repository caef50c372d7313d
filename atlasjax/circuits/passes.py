"""A person's images, a batch at a time, and what layers are for them."""

from collections.abc import Callable, Iterator

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.circuits.path import IMAGE
from atlasjax.errors import UserError
from atlasjax.optvis.sizes import Shape
from atlasjax.planes import as_planes
from atlasjax.taps import Model, capture

AT_A_TIME = 8  # images that pass through the network together


def shape_of_images(images: Float[Array | np.ndarray, "b h w c"]) -> Shape:
    """Return the [h, w, c] of images.

    Raises:
        UserError: there are none.
    """
    if not len(images):
        raise UserError("no images: give at least one")
    _, height, width, channels = images.shape
    return (height, width, channels)


def batches(
    images: Float[Array | np.ndarray, "b h w c"],
) -> Iterator[tuple[Float[Array, "n h w c"], Float[Array, "n 1 1 1"]]]:
    """Give the images in batches of one size, and 0 for each that only fills the last.

    >>> [real.ravel().tolist() for _, real in batches(np.zeros((9, 1, 1, 1), np.float32))][1]
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    for at in range(0, len(images), AT_A_TIME):
        part = np.asarray(images[at : at + AT_A_TIME], np.float32)
        missing = min(AT_A_TIME, len(images)) - len(part)
        real = np.r_[np.ones(len(part)), np.zeros(missing)].astype(np.float32)
        part = np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.float32)])
        yield jnp.asarray(part), jnp.asarray(real.reshape(-1, 1, 1, 1))


def values(model: Model, layer: str) -> Callable[[Array], Array]:
    """Return a layer that there is, or "image", as a function of images."""
    if layer == IMAGE:
        return lambda images: images
    planes = as_planes(model)
    return lambda images: capture(planes, images, [layer])[layer]
