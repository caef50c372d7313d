"""Whitening: comparing directions by what is unusual about them.

A layer's activations share a few strong directions, so that any two look alike. In coordinates in
which the layer's second moment is the identity, what distinguishes a direction counts as much as
what it has in common with all others.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.errors import UserError

AT_A_TIME = 8192  # activations in double precision


class Moment(NamedTuple):
    """A second moment, and of how many activations it is.

    Attributes:
        value: `A'A / N`, in double precision.
        count: N.
    """

    value: Float[np.ndarray, "c c"]
    count: Int[np.ndarray, ""]  # pyright: ignore[reportIncompatibleMethodOverride]


def moment_of(batches: Iterable[Float[np.ndarray, "_ c"]]) -> Moment:
    """Return the uncentred second moment of activations that come a batch at a time.

    Besides one batch no more is held than a matrix: `M <- M + (A'A - n M) / N`, n being the batch's
    activations and N all so far.

    Args:
        batches: activations, one a row, any number of them in each; at least one in all.

    Returns:
        The moment of all of them.

    Raises:
        UserError: there is no activation.

    >>> moment_of([np.array([[2.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])]).value[0, 0] * 3
    np.float64(5.0)
    """
    value, count = np.zeros(()), 0
    for batch in batches:
        for first in range(0, len(batch), AT_A_TIME):
            exact = batch[first : first + AT_A_TIME].astype(np.float64, copy=False)
            count += len(exact)
            value = value + (exact.T @ exact - len(exact) * value) / count
    if not count:
        raise UserError("no activations: a second moment needs at least one")
    return Moment(value, np.array(count))


def second_moment(activations: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "c c"]:
    """Return the uncentred second moment, `A'A / N`.

    Args:
        activations: one a row. See `moment_of` for more than memory holds.

    >>> second_moment(np.array([[2.0, 0.0], [0.0, 0.0]], np.float32))
    array([[2., 0.],
           [0., 0.]])
    """
    return moment_of([activations]).value


def whitening(moment: Float[np.ndarray, "c c"], ridge: float = 0.1) -> Float[np.ndarray, "c c"]:
    r"""Return the symmetric matrix W with `W W = (M + ridge * trace(M) / c * I)^-1`.

    The ridge is a share of the mean eigenvalue. Without it, directions the layer hardly uses would
    count without bound.

    Args:
        moment: the second moment M of the layer, symmetric and not negative.
        ridge: at least 0, and more than 0 where a neuron is always silent.

    Returns:
        W, scaled so that the mean of its eigenvalues is 1. Cosines do not depend on that scale, and
        scores stay of the size they have without whitening.

    Raises:
        UserError: a matrix that cannot be inverted.

    Source: Carter et al. 2019 whiten by the inverse of `A'A / N`; the symmetric root lets both
    sides of a cosine be whitened.

    >>> whitening(np.diag([4.0, 1.0]), ridge=0.0) * 3
    array([[2., 0.],
           [0., 4.]])
    """
    eigenvalues, vectors = np.linalg.eigh(moment.astype(np.float64))
    damped = np.maximum(eigenvalues, 0) + ridge * eigenvalues.mean()
    if not damped.min() > 0:
        raise UserError(
            f"whitening with ridge {ridge}: the second moment has an eigenvalue of 0; "
            "take a ridge above 0"
        )
    roots = damped**-0.5
    return (vectors * (roots / roots.mean())) @ vectors.T
