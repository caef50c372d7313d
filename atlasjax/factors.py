"""Non-negative factors of rows of numbers, on one side only where the numbers are of both signs."""

import warnings

import jax
import numpy as np
from jaxtyping import Array, Float, Key

ROUNDS = 400
"""Rounds of the factorization at most."""


def one_sided(
    rows: Float[np.ndarray, "p c"], count: int, key: Key[Array, ""]
) -> tuple[Float[np.ndarray, "p n"], Float[np.ndarray, "n c"]]:
    """Return factors of `rows = shares directions + rest` with shares of at least 0.

    Where a row goes below zero, what is above and what is below are parted side by side, and a
    direction is the difference of its two halves; else directions are at least 0 as well.

    Args:
        rows: what is factored.
        count: how many factors.
        key: where factors begin that have no singular vector to begin from.

    >>> shares, directions = one_sided(np.array([[2.0, -4.0], [1.0, -2.0]]), 1, jax.random.key(0))
    >>> (shares @ directions).round(3).tolist()
    [[2.0, -4.0], [1.0, -2.0]]
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    signed = bool((rows < 0).any())
    given = np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)], 1) if signed else rows
    # Singular vectors start as many groups as there are of them, noise any number.
    init = "nndsvda" if count <= min(given.shape) else "random"
    seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
    find = NMF(n_components=count, init=init, max_iter=ROUNDS, random_state=seed)  # pyright: ignore[reportArgumentType]
    with warnings.catch_warnings():  # the last digits of a picture's parts are not worth more
        warnings.simplefilter("ignore", ConvergenceWarning)
        shares = find.fit_transform(given)
    halves = find.components_
    directions = halves[:, : rows.shape[1]] - halves[:, rows.shape[1] :] if signed else halves
    return shares.astype(np.float32), directions.astype(np.float32)
