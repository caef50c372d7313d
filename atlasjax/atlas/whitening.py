"""Whitening: comparing directions by what is unusual about them.

A layer's activations share a few strong directions, so that any two look alike. In coordinates in
which the layer's second moment is the identity, what distinguishes a direction counts as much as
what it has in common with all others.
"""

import numpy as np
from jaxtyping import Float

from atlasjax.errors import UserError


def second_moment(activations: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "c c"]:
    """Return the uncentred second moment, `A'A / N`.

    >>> second_moment(np.array([[2.0, 0.0], [0.0, 0.0]], np.float32))
    array([[2., 0.],
           [0., 0.]])
    """
    exact = activations.astype(np.float64, copy=False)
    return exact.T @ exact / len(activations)


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
