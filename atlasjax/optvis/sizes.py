"""Sizes: which images a network takes, asked of the network itself.

A model is a function, and says nowhere of what size and of how many channels its images are. It is
traced with one shape after another, the likeliest first; nothing is computed.
"""

from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp

from atlasjax.errors import UserError
from atlasjax.optvis.objectives.core import taking
from atlasjax.taps import Model, as_pytree, identity

USUAL = 128
"""Height and width of a picture in pixels, where nothing else is said."""

SIDES = (USUAL, 224, 96, 64, 32, 28, 256, 299, 384, 192, 160, 48, 40, 16, 8)
CHANNELS = (3, 1, 2, 4, *range(5, 17))

Shape = tuple[int, int, int]


def takes(model: Model, shape: Shape) -> bool:
    """Return whether a network takes images [h, w, c].

    >>> takes(lambda images, tap: images @ jnp.ones((3, 2)), (8, 8, 1))
    False
    """
    images = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    try:
        logits = jax.eval_shape(lambda m, x: m(x, identity), as_pytree(model), images)
    except Exception:  # whatever a network of anyone's raises: it does not take them
        return False
    # What makes rows of all that there is may take one image for several.
    return getattr(logits, "shape", (2,))[:1] == (2,)


def taken(model: Model, sizes: Iterable[tuple[int, int]], channels: Sequence[int]) -> Shape:
    """Return the first shape that a network takes.

    Args:
        model: a callable pytree `model(images, tap)`.
        sizes: heights and widths, the first choice first.
        channels: how many there may be, the first choice first.

    Returns:
        Height, width and channels: the first number of channels that goes with any size, and the
        first of these.

    Raises:
        UserError: it takes none of them; says why it does not take the first.

    >>> taken(lambda images, tap: images @ jnp.ones((1, 2)), usual(), CHANNELS)
    (128, 128, 1)
    """
    tried = list(sizes)
    shapes = [(*size, count) for count in channels for size in tried]
    for shape in shapes:
        if takes(model, shape):
            return shape
    first = shapes[0]
    images = jax.ShapeDtypeStruct((1, *first), jnp.float32)
    with taking(first):
        jax.eval_shape(lambda m, x: m(x, identity), as_pytree(model), images)
    raise UserError(f"the network does not take images {list(first)}")


def usual() -> list[tuple[int, int]]:
    """Return the sizes that are tried where none is given."""
    return [(side, side) for side in SIDES]
