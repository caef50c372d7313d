"""The strongest edges into a unit, and out of it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.errors import UserError, unknown

ORDERS = ("norm", "excitation", "inhibition")


class Edges(NamedTuple):
    """Units at the other end of a unit's edges, the strongest first.

    Attributes:
        units: their numbers.
        norm: the L2 norm of each kernel.
        total: the sum of each kernel: above 0 where it excites.
    """

    units: Int[np.ndarray, " n"]
    norm: Float[np.ndarray, " n"]
    total: Float[np.ndarray, " n"]


def strongest_in(
    weights: Float[np.ndarray, "out in h w"], unit: int, count: int = 10, by: str = "norm"
) -> Edges:
    """Return the source units that a target unit has the strongest weights from.

    Args:
        weights: between the units of two layers.
        unit: of the target, as they are numbered along the weights' first axis.
        count: how many at most.
        by: "norm", the L2 norm of the kernel; "excitation" or "inhibition", its sum above or below
            0. Of equals the lower number comes first.

    Raises:
        UserError: a unit or an order that is not there.

    >>> weights = np.array([1.0, -5.0, 3.0]).reshape(1, 3, 1, 1)
    >>> strongest_in(weights, 0, 2).units, strongest_in(weights, 0, by="excitation").units
    (array([1, 2]), array([2, 0]))
    """
    _check(unit, len(weights))
    return _ordered(weights[unit], count, by)


def strongest_out(
    weights: Float[np.ndarray, "out in h w"], unit: int, count: int = 10, by: str = "norm"
) -> Edges:
    """Return the target units that a source unit has the strongest weights to.

    Args:
        weights: between the units of two layers.
        unit: of the source.
        count: as for `strongest_in`.
        by: likewise.

    Raises:
        UserError: a unit or an order that is not there.

    >>> strongest_out(np.array([1.0, -5.0]).reshape(2, 1, 1, 1), 0, by="inhibition").total
    array([-5.])
    """
    _check(unit, weights.shape[1])
    return _ordered(weights[:, unit], count, by)


def _ordered(kernels: Float[np.ndarray, "n h w"], count: int, by: str) -> Edges:
    if by not in ORDERS:
        raise unknown("order", by, ORDERS)
    norm = np.sqrt(np.square(kernels).sum((1, 2)))
    total = kernels.sum((1, 2))
    strength = {"norm": norm, "excitation": total, "inhibition": -total}[by]
    order = np.argsort(-strength, kind="stable")
    order = order[strength[order] > 0][:count]
    return Edges(order, norm[order], total[order])


def _check(unit: int, count: int) -> None:
    if not 0 <= unit < count:
        raise UserError(f"unit {unit}: must be from 0 to {count - 1}")
