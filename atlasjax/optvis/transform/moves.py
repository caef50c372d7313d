"""The affine transforms that move what the image shows: shifts, scalings, rotations, mirrorings.

Each keeps the size of the image. Alone, each takes the image as periodic, as the Fourier
parameterization makes it; `compose(pad(0, "reflect"), rotate(10))` has it go on otherwise.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.optvis.transform.checks import Number, at_least_zero
from atlasjax.optvis.transform.core import Affine, Move, Placed, Size


def jitter(px: Number, subpixel: bool = False) -> Affine:
    """Return a random shift: rows and columns each by a uniform draw from -px to px.

    Args:
        px: the largest shift in each direction, in pixels.
        subpixel: whether to draw any real number, and interpolate; else whole numbers, both ends
            included, and every pixel is kept as it is.

    Raises:
        UserError: a negative px, or one that is not whole without `subpixel`.

    >>> jitter(2)(jax.random.key(0), jnp.eye(5)[..., None]).sum()
    Array(5., dtype=float32)
    """
    at_least_zero("jitter", px, "px")
    if not subpixel and px != int(px):
        raise UserError(f"jitter {px} px: must be a whole number, unless subpixel=True")
    return Affine((Move(_shift, (px if subpixel else int(px), subpixel), whole=not subpixel),))


def scale(low: Number | Sequence[Number], high: Number | None = None) -> Affine:
    """Return a random magnification about the centre, in a window of the same size.

    Args:
        low: the smallest magnification, or a list of values to draw from with equal chances; 1.1
            shows the image 10% larger.
        high: the largest; draws are uniform. None for always `low`.

    Raises:
        UserError: magnifications that are not positive, a range from large to small, an empty list,
            or a list with `high`.

    >>> scale(2.0)(jax.random.key(0), jnp.array([[[0.0], [1.0]]]))[0, :, 0]
    Array([0.25, 0.75], dtype=float32)
    """
    values = _values("scale", low, high)
    if not all(0 < value < math.inf for value in values):
        raise UserError(f"scale {_shown(values)}: must be more than 0")
    return Affine((Move(_magnify, (not isinstance(low, Sequence), values)),))


def rotate(degrees: Number | Sequence[Number]) -> Affine:
    """Return a random rotation about the centre, in a window of the same size.

    Args:
        degrees: the largest angle to either side, drawn uniformly; or a list of angles to draw from
            with equal chances, counterclockwise as the image is displayed (rows downwards).

    Raises:
        UserError: a negative or infinite largest angle, an infinite one in the list, or an empty
            list.

    >>> corner = jnp.array([[1.0, 0.0], [0.0, 0.0]])[..., None]
    >>> rotate([90.0])(jax.random.key(0), corner)[..., 0].round(3) + 0.0
    Array([[0., 0.],
           [1., 0.]], dtype=float32)
    """
    angles = _angles("rotate", degrees)
    return Affine((Move(_turn, (not isinstance(degrees, Sequence), angles)),))


def shear(degrees: Number | Sequence[Number]) -> Affine:
    """Return a random shear: rows slide along themselves, vertical lines lean by the angle.

    Args:
        degrees: the largest angle to either side, drawn uniformly, less than 90; or a list of
            angles to draw from with equal chances, positive ones leaning to the right.

    Raises:
        UserError: angles of 90 degrees or more, a negative largest one, or an empty list.

    >>> shear([45.0])(jax.random.key(0), jnp.eye(3)[..., None])[..., 0].round(3)
    Array([[0., 1., 0.],
           [0., 1., 0.],
           [0., 1., 0.]], dtype=float32)
    """
    angles = _angles("shear", degrees)
    if not all(abs(angle) < 90 for angle in angles):
        raise UserError(f"shear {_shown(angles)} degrees: must be less than 90 to either side")
    return Affine((Move(_lean, (not isinstance(degrees, Sequence), angles)),))


def flip(horizontal: Number = 0.5, vertical: Number = 0.0) -> Affine:
    """Return a random mirroring; every pixel is kept as it is.

    Args:
        horizontal: the probability that left and right change places.
        vertical: the probability that top and bottom do, independently.

    Raises:
        UserError: a probability outside [0, 1].

    >>> flip(0.0, vertical=1.0)(jax.random.key(0), jnp.array([[[1.0]], [[2.0]]]))[:, 0, 0]
    Array([2., 1.], dtype=float32)
    """
    for name, value in (("horizontal", horizontal), ("vertical", vertical)):
        if not 0 <= value <= 1:
            raise UserError(f"flip {name} {value}: must be a probability, from 0 to 1")
    return Affine((Move(_mirror, (float(horizontal), float(vertical)), whole=True),))


def _shift(key: Key[Array, ""], size: Size, px: Number, subpixel: bool) -> Placed:
    if subpixel:
        moved = jax.random.uniform(key, (2,), minval=-px, maxval=px)
    else:
        moved = jax.random.randint(key, (2,), -int(px), int(px) + 1).astype(jnp.float32)
    return Placed(((1, 0, moved[0]), (0, 1, moved[1])), size)


def _magnify(key: Key[Array, ""], size: Size, ranged: bool, values: tuple[float, ...]) -> Placed:
    inverse = 1.0 / _draw(key, ranged, values)
    return Placed(((inverse, 0, 0), (0, inverse, 0)), size)


def _turn(key: Key[Array, ""], size: Size, ranged: bool, values: tuple[float, ...]) -> Placed:
    angle = jnp.deg2rad(_draw(key, ranged, values))
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return Placed(((cos, sin, 0), (-sin, cos, 0)), size)


def _lean(key: Key[Array, ""], size: Size, ranged: bool, values: tuple[float, ...]) -> Placed:
    tangent = jnp.tan(jnp.deg2rad(_draw(key, ranged, values)))
    return Placed(((1, 0, 0), (tangent, 1, 0)), size)


def _mirror(key: Key[Array, ""], size: Size, horizontal: float, vertical: float) -> Placed:
    drawn = jax.random.uniform(key, (2,))
    sides = 1.0 - 2.0 * (drawn < jnp.array([vertical, horizontal])).astype(jnp.float32)
    return Placed(((sides[0], 0, 0), (0, sides[1], 0)), size)


def _draw(key: Key[Array, ""], ranged: bool, values: tuple[float, ...]) -> Float[Array, ""]:
    """Draw uniformly from between two values, or one of several."""
    if ranged:
        return jax.random.uniform(key, minval=values[0], maxval=values[1])
    return jnp.array(values, jnp.float32)[jax.random.randint(key, (), 0, len(values))]


def _values(
    name: str, low: Number | Sequence[Number], high: Number | None = None
) -> tuple[float, ...]:
    if isinstance(low, Sequence):
        if not low or high is not None:
            raise UserError(f"{name} {low}: must be a list of at least one value, or a range")
        return tuple(float(value) for value in low)
    high = low if high is None else high
    if not low <= high:
        raise UserError(f"{name} from {low} to {high}: must be a range from small to large")
    return float(low), float(high)


def _angles(name: str, degrees: Number | Sequence[Number]) -> tuple[float, ...]:
    if not isinstance(degrees, Sequence):
        at_least_zero(name, degrees, "degrees")
        return -float(degrees), float(degrees)
    angles = _values(name, degrees)
    if not all(map(math.isfinite, angles)):
        raise UserError(f"{name} {_shown(angles)} degrees: must be finite")
    return angles


def _shown(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
