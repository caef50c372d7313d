r"""Membership: how much each of a point's neighbours is one, as UMAP has it.

In the layer a neighbour at distance $d$ belongs to a point by $\exp(-\max(0, d - \rho) / \sigma)$,
where $\rho$ is the distance of the nearest, and $\sigma$ such that all k together count as $\log_2
k$. On the map it belongs to it by $1 / (1 + a d^{2b})$.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

AT_A_TIME = 1 << 16  # points
ROUNDS = 64  # in which the interval of sigma is halved
LEAST = 1e-3  # sigma, as a share of the mean distance


def memberships(
    distance: Float32[np.ndarray, "n k"], itself: bool = True
) -> Float32[np.ndarray, "n k"]:
    """Return how much each of a point's neighbours is one.

    Args:
        distance: of the neighbours, from near to far.
        itself: the first of them is the point itself, which is none.

    Source: McInnes et al. 2018, algorithm 3.

    >>> memberships(np.array([[0.0, 1.0, 2.0, 3.0]], np.float32)).astype(float).round(3).tolist()
    [[0.0, 1.0, 0.618, 0.382]]
    """
    mean, target = np.float32(distance.mean()), np.float32(np.log2(distance.shape[1]))
    others = distance[:, 1:] if itself else distance
    found = np.zeros(distance.shape, np.float32)
    for start in range(0, len(others), AT_A_TIME):
        part = slice(start, start + AT_A_TIME)
        found[part, int(itself) :] = _memberships(others[part], target, mean)
    return found


@functools.partial(jax.jit)
def _memberships(
    distance: Float[Array, "m k"], target: Float[Array, ""], mean: Float[Array, ""]
) -> Float[Array, "m k"]:
    positive = jnp.where(distance > 0, distance, jnp.inf).min(1)
    nearest = jnp.where(jnp.isfinite(positive), positive, 0)
    beyond = jnp.maximum(distance - nearest[:, None], 0)

    def halve(_: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        low, high, middle = state
        much = jnp.exp(-beyond / middle[:, None]).sum(1) > target
        low, high = jnp.where(much, low, middle), jnp.where(much, middle, high)
        return low, high, jnp.where(jnp.isinf(high), 2 * middle, (low + high) / 2)

    one = jnp.ones_like(nearest)
    sigma = jax.lax.fori_loop(0, ROUNDS, halve, (0 * one, jnp.inf * one, one))[2]
    least = LEAST * jnp.where(nearest > 0, distance.mean(1), mean)
    return jnp.exp(-beyond / jnp.maximum(sigma, least)[:, None])


@functools.cache
def curve(min_dist: float) -> tuple[float, float]:
    r"""Return a and b, with which $1 / (1 + a d^{2b})$ falls from 1 as the membership should.

    That is 1 up to the least distance, and $\exp(-(d - min\_dist))$ from there.

    Args:
        min_dist: see `methods.Settings`.

    >>> tuple(round(number, 3) for number in curve(0.1))
    (1.577, 0.895)
    """
    from scipy.optimize import curve_fit

    distance = np.linspace(0, 3, 300)
    wanted = np.where(distance < min_dist, 1, np.exp(-(distance - min_dist)))
    (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), distance, wanted)
    return float(a), float(b)
