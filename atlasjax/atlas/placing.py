"""Placing: further points among those of a map, each by its neighbours among these."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from atlasjax.atlas.approximate import Index, nearest_of
from atlasjax.atlas.membership import curve, memberships
from atlasjax.atlas.pulling import NEGATIVE, Curve, pulled, pushed
from atlasjax.atlas.settings import Settings
from atlasjax.parallel import pad_batch

STEPS = 30  # umap-learn's epochs where many points are placed
RATE = 0.25  # of its learning rate, with which that begins
PUSHING = 8  # points of the map that push in each step
AT_A_TIME = 1 << 13  # points


class Fitted(NamedTuple):
    """A map among whose points others are placed.

    Attributes:
        index: its points, among which neighbours are sought.
        places: of these, which stay.
        settings: by which they were laid out.
    """

    index: Index
    places: Float32[np.ndarray, "n d"]
    settings: Settings


def placed(
    fitted: Fitted, points: Float32[np.ndarray, "m c"], number: int = 0
) -> Float32[np.ndarray, "m d"]:
    """Place points among those of a map.

    Each starts in the mean of its neighbours' places, weighted by how much they are neighbours, and
    is then moved as UMAP would move it, while the map stays as it is.

    Args:
        fitted: the map.
        points: in the space of the map's points; `AT_A_TIME` at most.
        number: of these points, by which draws for them differ from those for others.

    Returns:
        Their places.
    """
    own = fitted.settings
    k = min(own.n_neighbors, len(fitted.places))
    row, distance = nearest_of(fitted.index, points, k, own.metric)
    weight = memberships(distance, itself=False)
    random = np.random.default_rng([own.seed, number])
    others = random.integers(0, len(fitted.places), (STEPS, PUSHING, AT_A_TIME), np.int32)
    whole = pad_batch((row, weight), AT_A_TIME)
    found = _refined(fitted.places.T, *whole, others, Curve(*curve(own.min_dist)))
    return np.asarray(found).T[: len(points)]


@functools.partial(jax.jit, static_argnums=4)
def _refined(
    places: Float[Array, "d n"],
    row: Int[Array, "m k"],
    weight: Float[Array, "m k"],
    others: Int[Array, "steps pushing m"],
    curve: Curve,
) -> Float[Array, "d m"]:
    near, weight = places[:, row.T], weight.T
    total = weight.sum(0)
    start = (near * weight[None]).sum(1) / total[None]

    def step(place: Array, now: tuple[Array, Array]) -> tuple[Array, None]:
        rate, pushing = now
        together = pulled(place, near, rate * weight, curve)
        away = pushed(place, places[:, pushing], NEGATIVE * rate / PUSHING * total, curve)
        return place + together + away, None

    rates = RATE * (1 - jnp.arange(STEPS, dtype=jnp.float32) / STEPS)
    return jax.lax.scan(step, start, (rates, others))[0]
