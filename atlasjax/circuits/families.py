"""What a family of units is made of: a few factors of its weights."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.factors import one_sided


class Factors(NamedTuple):
    """The weights of a family as a sum of a few factors, those first that hold most.

    Attributes:
        share: how much of each factor every source unit has, at least 0 and of length 1.
        kernel: how every unit of the family looks at each factor, excitation above 0.
        unexplained: the part of the squared norm that the factors leave.
    """

    share: Float[np.ndarray, "n in"]
    kernel: Float[np.ndarray, "out n h w"]
    unexplained: float


def weight_factors(
    weights: Float[np.ndarray, "out in h w"], count: int, key: Key[Array, ""] | None = None
) -> Factors:
    """Part the source units of a family's weights into groups that are looked at alike.

    `w[o, i, u] = sum_n share[n, i] kernel[o, n, u] + rest`, by one-sided non-negative factors:
    shares are at least 0, kernels of both signs. One factor is often one kind of source units, such
    as all that respond to one orientation.

    Args:
        weights: between the units of two layers, of the target units of a family.
        count: how many factors.
        key: where factors begin.

    Raises:
        UserError: no factors, or weights that are all 0 or not finite.

    Source: Voss et al., "Visualizing weights", Distill 2021, which factors weights so.

    >>> weights = np.array([[[3.0, 0.0], [-3.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]])[None]
    >>> weight_factors(weights[:, ::-1], 1).share.round(2).tolist()
    [[0.0, 1.0]]
    """
    if count < 1:
        raise UserError(f"{count} factors: must be at least 1")
    if not np.isfinite(weights).all() or not weights.any():
        raise UserError("no factors of weights that are all 0 or not finite")
    out, into, height, width = weights.shape
    rows = np.moveaxis(weights, 1, 0).reshape(into, -1).astype(np.float32)
    share, kernel = one_sided(rows, count, jax.random.key(0) if key is None else key)
    length = np.linalg.norm(share, axis=0)
    share, kernel = share / np.maximum(length, 1e-12), kernel * length[:, None]
    order = np.argsort(-np.square(kernel).sum(1), kind="stable")
    share, kernel = share[:, order], kernel[order]
    rest = np.square(rows - share @ kernel).sum() / np.square(rows).sum()
    kernel = np.moveaxis(kernel.reshape(count, out, height, width), 0, 1)
    return Factors(share.T, kernel, float(np.clip(rest, 0, 1)))
