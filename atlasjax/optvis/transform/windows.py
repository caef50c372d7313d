"""The affine transforms that change the window: crops, paddings, and a window of a fixed size.

In a composition with other affine transforms the image is taken as endless: a crop only moves the
window, and a rotation after it sees what it left out.
"""

from collections.abc import Sequence
from typing import cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.optvis.transform.checks import Number, at_least_zero
from atlasjax.optvis.transform.core import Affine, Boundary, Move, Placed, Size

_PADDINGS = ("periodic", "reflect", "constant", "grey", "random")


def crop(size: int | Size) -> Affine:
    """Return a crop at a random place: every window of that size has equal chances.

    Args:
        size: height and width of what is returned, in pixels; one number for a square.

    Raises:
        UserError: a size below 1; when called, one larger than the image.

    >>> crop((2, 3))(jax.random.key(0), jnp.ones((4, 4, 3))).shape
    (2, 3, 3)
    """
    return Affine((Move(_place_crop, (_size("crop", size),), whole=True),))


def crop_by(px: int) -> Affine:
    """Return a crop at a random place that takes px off the height and off the width.

    This is the jitter of Lucid.

    Args:
        px: how many pixels to lose in each direction.

    Raises:
        UserError: a negative px; when called, one that leaves nothing of the image.

    >>> crop_by(3)(jax.random.key(0), jnp.ones((4, 6, 3))).shape
    (1, 3, 3)
    """
    at_least_zero("crop_by", px, "px")
    return Affine((Move(_place_crop_by, (px,), whole=True),))


def window(size: int | Size) -> Affine:
    """Return a window of a fixed size on the middle of the image, smaller or larger than it.

    Args:
        size: height and width of what is returned, in pixels; one number for a square. Where the
            difference to the image is odd, one pixel more lies on the bottom and right.

    Raises:
        UserError: a size below 1.

    >>> window((1, 5))(jax.random.key(0), jnp.arange(3.0).reshape(1, 3, 1))[0, :, 0]
    Array([2., 0., 1., 2., 0.], dtype=float32)
    """
    return Affine((Move(_place_window, (_size("window", size),), whole=True),))


def pad(
    px: int, mode: str = "periodic", value: Number | tuple[Number, ...] | None = None
) -> Affine:
    """Return a padding on all four sides, which also says how the image goes on beyond it.

    Affine transforms after it in a composition join its resampling; it joins none before it, since
    the edges that it continues are those of what they return.

    Args:
        px: how many pixels to add on each side. With 0, only what lies beyond the image is set.
        mode: "periodic" repeats the image; "reflect" mirrors it about the centres of its outermost
            pixels; "constant" has `value` there, "grey" 0.5, "random" a colour drawn uniformly from
            [0, 1].
        value: for "constant", one number or one for each channel.

    Raises:
        UserError: a negative px, another mode, "constant" without a value or another mode with one;
            when called, a value of another number of channels than the image's.

    >>> pad(1, "grey")(jax.random.key(0), jnp.ones((1, 1, 1)))[..., 0]
    Array([[0.5, 0.5, 0.5],
           [0.5, 1. , 0.5],
           [0.5, 0.5, 0.5]], dtype=float32)
    """
    at_least_zero("pad", px, "px")
    if mode not in _PADDINGS:
        raise UserError(f"pad mode {mode!r}: must be one of {', '.join(_PADDINGS)}")
    if (mode == "constant") != (value is not None):
        raise UserError(f'pad mode {mode!r} with value {value}: "constant" needs one, no other may')
    colour = (0.5,) if mode == "grey" else None
    if value is not None:
        colour = tuple(float(v) for v in (value if isinstance(value, tuple) else (value,)))
    plain = mode if mode in ("periodic", "reflect") else "constant"
    return Affine((Move(_place_pad, (px,), whole=True),), Boundary(plain, colour))


def _place_crop(key: Key[Array, ""], size: Size, cropped: Size) -> Placed:
    if cropped[0] > size[0] or cropped[1] > size[1]:
        raise UserError(f"crop {cropped} of an image of {size} px: must not be larger")
    free = jnp.array([size[0] - cropped[0], size[1] - cropped[1]])
    start = jax.random.randint(key, (2,), 0, free + 1).astype(jnp.float32)
    return _corner(size, cropped, (start[0], start[1]))


def _place_crop_by(key: Key[Array, ""], size: Size, px: int) -> Placed:
    if px >= min(size):
        raise UserError(f"crop_by {px} px of an image of {size} px: must leave something")
    return _place_crop(key, size, (size[0] - px, size[1] - px))


def _place_window(key: Key[Array, ""], size: Size, shown: Size) -> Placed:
    del key
    return _corner(size, shown, ((size[0] - shown[0]) // 2, (size[1] - shown[1]) // 2))


def _place_pad(key: Key[Array, ""], size: Size, px: int) -> Placed:
    del key
    return _corner(size, (size[0] + 2 * px, size[1] + 2 * px), (-px, -px))


def _corner(size: Size, new: Size, start: Sequence[Float[Array, ""] | Number]) -> Placed:
    """Return the window of a new size that has its first pixel at `start`."""
    down, right = (start[i] + (new[i] - size[i]) / 2 for i in (0, 1))
    return Placed(((1, 0, down), (0, 1, right)), new)


def _size(name: str, size: int | Size) -> Size:
    both = cast(Size, (size, size) if isinstance(size, int) else size)
    if min(both) < 1:
        raise UserError(f"{name} {size} px: must be at least 1")
    return both
