"""Values held in an order of axes of their own, so that no operation waits for a transposition.

Networks of some libraries have channels before rows, [b, c, h, w], and XLA's kernels want them
last: left to itself it turns every value there and back around each convolution. Here a value keeps
the order in which it was made, and what follows is computed in that order too, until something
needs it as the program says.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np


class Held(NamedTuple):
    """A value whose axes may stand in another order.

    Attributes:
        array: the value, transposed; an array of JAX or NumPy, or a number.
        order: axis i of the array is axis `order[i]` of the value.
    """

    array: Any
    order: tuple[int, ...]


def held(array: Any) -> Held:
    """Return a value as it is.

    >>> held(np.zeros((2, 3))).order
    (0, 1)
    """
    return Held(array, tuple(range(np.ndim(array))))


def released(value: Held) -> Any:
    """Return a value in the order that the program knows.

    >>> released(Held(np.zeros((2, 5, 3)), (0, 2, 1))).shape
    (2, 3, 5)
    """
    return ordered(value, range(len(value.order)))


def ordered(value: Held, order: Sequence[int]) -> Any:
    """Return a value's array in some order of its axes.

    Args:
        value: it.
        order: for each axis of the result, which axis of the value it is.

    >>> ordered(Held(np.zeros((2, 5, 3)), (0, 2, 1)), (1, 0, 2)).shape
    (3, 2, 5)
    """
    if tuple(order) == value.order:
        return value.array
    return jax.lax.transpose(value.array, [value.order.index(axis) for axis in order])


def alike(values: Sequence[Held]) -> tuple[list[Any], tuple[int, ...]]:
    """Return the arrays of several values in one order, and that order.

    It is that of the largest which stands in another order than the program's. Single numbers have
    none, and stay as they are.

    >>> numbers, order = alike([Held(np.zeros((2, 5, 3)), (0, 2, 1)), held(np.zeros((2, 3, 5)))])
    >>> [number.shape for number in numbers], order
    ([(2, 5, 3), (2, 5, 3)], (0, 2, 1))
    """
    ndim = max(len(value.order) for value in values)
    turned = [one for one in values if one.order != tuple(range(len(one.order)))]
    first = max(turned, key=lambda one: one.array.size, default=None)
    order = tuple(range(ndim)) if first is None else first.order
    return [ordered(one, order) if one.order else one.array for one in values], order


def along(values: Sequence[int] | Sequence[tuple[int, ...]], order: Sequence[int]) -> tuple:
    """Return what is given for each axis of a value, in the order of its array.

    >>> along((10, 20, 30), (0, 2, 1))
    (10, 30, 20)
    """
    return tuple(values[axis] for axis in order)
