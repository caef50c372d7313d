r"""How points of a map pull and push one another: the gradient of UMAP's cross entropy.

Of two points at distance $d$ whose membership on the map is $1 / (1 + a d^{2b})$, a joined pair is
pulled by $2 a b d^{2(b - 1)} / (1 + a d^{2b})$ times what lies between them, and a pair that is not
pushed by $2 b / ((.001 + d^2)(1 + a d^{2b}))$ times that; along each axis by 4 at most.

Source: McInnes et al. 2018; the bound is that of umap-learn.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

NEGATIVE = 5  # points that push for each that pulls, UMAP's negative_sample_rate
MOST = 4.0  # by which a pair is pushed or pulled along an axis
_NEAR = 1e-12  # a squared distance; its root is far below what a map shows


class Curve(NamedTuple):
    """How the membership falls with the distance; see `membership.curve`."""

    a: float
    b: float


def pulled(
    place: Float[Array, "d n"],
    others: Float[Array, "d m n"],
    weight: Float[Array, "#m n"],
    curve: Curve,
) -> Float[Array, "d n"]:
    """Return how far points are moved by those that pull.

    None goes further than to the mirror image of its place in the mean of what pulls at it, from
    where it would move on and on.

    Args:
        place: of each point.
        others: places of those that pull at it.
        weight: of each of these, times the rate.
        curve: of the memberships.
    """
    apart = others - place[:, None]
    squared = jnp.maximum(jnp.square(apart).sum(0), _NEAR)
    power = _power(squared, curve.b)
    pull = 2 * curve.a * curve.b * power / (squared * (1 + curve.a * power))
    moved = (jnp.clip(pull[None] * apart, -MOST, MOST) * weight[None]).sum(1)
    return moved / jnp.maximum(1.0, (pull * weight).sum(0) / 2)[None]


def pushed(
    place: Float[Array, "d n"],
    others: Float[Array, "d m n"],
    weight: Float[Array, " n"],
    curve: Curve,
) -> Float[Array, "d n"]:
    """Return how far points are moved by those that push.

    Args:
        place: of each point.
        others: places of those that push it away.
        weight: of each of these, times the rate.
        curve: of the memberships.
    """
    apart = place[:, None] - others
    squared = jnp.square(apart).sum(0)
    push = 2 * curve.b / ((0.001 + squared) * (1 + curve.a * _power(squared, curve.b)))
    return jnp.clip(push[None] * apart, -MOST, MOST).sum(1) * weight[None]


def _power(positive: Float[Array, "..."], exponent: float) -> Float[Array, "..."]:
    """Raise to a power by logarithms, which on a CPU is three times as fast."""
    return jnp.exp(exponent * jnp.log(positive))
