"""The slope that stands for a pointwise nonlinearity in a network made linear.

A rectifier becomes the identity: the slope it has where it is open. What else networks put between
their layers (leaky and parametric rectifiers, gelu, silu, elu, softplus, hard and soft clipping) is
written in too many ways to be known by its form, so it is known by what it does: the function is
looked at far out and near zero.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

FAR = (100.0, 200.0, 400.0)
NEAR = np.linspace(-8.0, 8.0, 65)
_SAME = 1e-2  # two slopes far out that differ by less are those of a straight line

Curve = Callable[[Array], Array]
"""A function of each entry by itself."""


def open_slope(curve: Curve, like: Any) -> Float[np.ndarray, "..."] | None:
    """Return the slope of a pointwise function where it is open.

    Far above zero, as of a rectifier, a leaky one, gelu, silu or softplus: 1. Where it is flat
    there (relu6, clipping, the logistic function), the steepest slope between -8 and 8.

    Args:
        curve: takes an array of the shape of `like` to one.
        like: anything with the shape and the type of what it is applied to.

    Returns:
        A number where all entries have the same slope, else an array; None where there is no such
        slope: the function grows faster than a line, turns round, or is nowhere anything but flat.

    >>> like = jnp.zeros(2)
    >>> curves = (jax.nn.relu, jax.nn.gelu, jax.nn.relu6, jax.nn.sigmoid)
    >>> [float(open_slope(curve, like)) for curve in curves]
    [1.0, 1.0, 1.0, 0.25]
    >>> [open_slope(f, like) for f in (jnp.square, jnp.abs, jnp.exp, jnp.sign)]
    [None, None, None, None]
    """
    above, below = _far(curve, like, 1), _far(curve, like, -1)
    if above is None or below is None:
        return None
    # Where one end rises and the other falls, as of |x|, the function tells no direction.
    if (above * below < -0.25 * np.maximum(np.square(above), np.square(below))).any():
        return None
    flat = np.abs(above) < _SAME
    slope = np.where(flat, _steepest(curve, like), above) if flat.any() else above
    slope = np.where(np.abs(slope - 1) < 1e-4, 1, slope)  # far out a float's digits are few
    if not np.isfinite(slope).all() or not slope.any():
        return None
    same = np.ptp(slope) == 0
    return np.asarray(slope.flat[0] if same else slope, like.dtype)


def is_energy(curve: Curve, like: Any) -> bool:
    """Whether a pointwise function is 0 at 0 and nowhere below, as the square of a rectifier is.

    >>> is_energy(jnp.square, jnp.zeros(1)), is_energy(jnp.exp, jnp.zeros(1))
    (True, False)
    """
    silent = _at(curve, like, 0.0)
    values = [_at(curve, like, t) for t in (-3.0, -1.0, 1.0, 3.0)]
    above = all(value is not None and (value >= 0).all() for value in values)
    return silent is not None and not silent.any() and above


def _far(curve: Curve, like: Any, sign: int) -> np.ndarray | None:
    near, middle, far = (_at(curve, like, sign * t) for t in FAR)
    if near is None or middle is None or far is None:
        return None
    first, second = sign * (middle - near) / 100, sign * (far - middle) / 200
    straight = np.abs(first - second) <= _SAME * (1 + np.minimum(np.abs(first), np.abs(second)))
    return second if straight.all() else None


def _steepest(curve: Curve, like: Any) -> np.ndarray:
    found = np.zeros(like.shape)
    for t in NEAR:
        x = jnp.full(like.shape, t, like.dtype)
        slope = np.asarray(jax.jvp(curve, (x,), (jnp.ones_like(x),))[1], float)
        found = np.where(np.abs(slope) > np.abs(found), slope, found)
    return found


def _at(curve: Curve, like: Any, t: float) -> np.ndarray | None:
    value = curve(jnp.full(like.shape, t, like.dtype))
    found = np.broadcast_to(np.asarray(value, float), like.shape)
    return found if np.isfinite(found).all() else None
