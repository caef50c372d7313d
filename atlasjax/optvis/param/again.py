"""Again: the same settings give the same parameterization, not another that does the same.

A parameterization is a pair of functions, and what is compiled for one is found again by the
functions themselves. Two that were made alike would be compiled twice.
"""

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

MOST = 32  # of one kind that are remembered; a program that makes more compiles the oldest again


def remembered(make: Callable[P, T]) -> Callable[P, T]:
    """Return the function, giving for equal arguments what it gave before.

    Args:
        make: a function without effects, of numbers, strings, functions and NumPy arrays, alone or
            in tuples and lists.

    >>> pair = remembered(lambda size, matrix=None: (size, object()))
    >>> pair(8, np.eye(3))[1] is pair(8, np.eye(3))[1], pair(8)[1] is pair(8.0)[1]
    (True, False)
    """
    made: OrderedDict[Hashable, T] = OrderedDict()

    @functools.wraps(make)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        key = _key((args, sorted(kwargs.items())))
        try:
            hash(key)
        except TypeError:  # what it is made from cannot be compared, and so is not remembered
            return make(*args, **kwargs)
        if key not in made:
            made[key] = make(*args, **kwargs)
        made.move_to_end(key)
        while len(made) > MOST:
            made.popitem(last=False)
        return made[key]

    return again


def _key(value: Any) -> Hashable:
    """Return what tells two arguments apart; 8 and 8.0 are of two kinds."""
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, tuple | list):
        return (type(value), *map(_key, value))
    return (type(value), value)
