"""UMAP in JAX: all points at once on whatever device there is, the same to the bit each time.

UMAP goes through the edges of its graph one by one; each moves two points together, and one of them
away from a few others that are drawn at random. Here a step moves all points by some of their edges
and by some of the others. Of each point the graph has slots (see `fuzzy_graph`), so that a step
reads a few slots of all points, and no sum is taken in an order that is left to the device. The
others are all points in one random order, shifted by a random number: nothing is drawn in a step.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int, Int32

from atlasjax.atlas.fuzzy_graph import FuzzyGraph, fuzzy_graph
from atlasjax.atlas.membership import curve, memberships
from atlasjax.atlas.neighbors import Neighbors, space_of
from atlasjax.atlas.principal import axes
from atlasjax.atlas.pulling import NEGATIVE, Curve, pulled, pushed
from atlasjax.atlas.rows import Rows, pieces
from atlasjax.atlas.settings import GENTLY, Settings

EPOCHS, EPOCHS_OF_FEW = 200, 500  # umap-learn's: how often it goes through the graph
FEW = 10_000  # points
# With room between them points that were placed in means of others find their own places.
ROOM = 2
A_LITTLE: Any = {"learning_rate": 0.25, "n_epochs": 40}
EXTENT, NOISE = 10, 1e-4  # of the start
STEPS = 5  # for each of these
PULLING, PUSHING = 4, 8  # slots, and others, of a step


class Walk(NamedTuple):
    """What happens in each step.

    Attributes:
        slot: those that pull.
        shift: of the others that push.
        rate: how far points move.
    """

    slot: Int32[np.ndarray, "steps pulling"]
    shift: Int32[np.ndarray, "steps pushing"]
    rate: Float32[np.ndarray, " steps"]


def fit(rows: Rows, known: Neighbors, settings: Settings) -> Float32[np.ndarray, "n d"]:
    """Lay out with UMAP, starting from the principal components.

    Args:
        rows: one vector a row, at least 3 rows.
        known: the nearest of each, itself first, and their distances.
        settings: how.

    Returns:
        One place a row.

    Source: McInnes et al. 2018.
    """
    row, distance = known
    graph = fuzzy_graph(row, memberships(distance), settings.seed)
    start = _start(rows, settings)
    gently: Any = {} if settings.like is None else GENTLY
    shape = Curve(*curve(settings.min_dist))
    return optimized(start, graph, shape, seed=settings.seed, **gently)


def refine(
    places: Float32[np.ndarray, "n d"], known: Neighbors, settings: Settings
) -> Float32[np.ndarray, "n d"]:
    """Move points a little, to where their neighbours are.

    Args:
        places: where they are, in UMAP's units.
        known: the nearest of each, itself first, and their distances.
        settings: how they were laid out.

    Returns:
        Their places.
    """
    row, distance = known
    graph = fuzzy_graph(row, memberships(distance), settings.seed)
    shape = Curve(*curve(settings.min_dist))
    return optimized(ROOM * places, graph, shape, seed=settings.seed, **A_LITTLE)


def _start(rows: Rows, settings: Settings) -> Float32[np.ndarray, "n d"]:
    """Return where points are at first, on a square of umap-learn's size, no two in one place."""
    places = settings.like
    if places is None:
        space = space_of(rows, settings.metric)
        points = (space.points(piece) for _, piece in pieces(rows))
        found = axes(points, settings.dimensions)[0]
        places = np.concatenate([space.points(piece) @ found for _, piece in pieces(rows)])
    low, high = places.min(0), places.max(0)
    scaled = EXTENT * (places - low) / np.where(high > low, high - low, 1)
    noise = np.random.default_rng(settings.seed).normal(0, NOISE, scaled.shape)
    return (scaled + noise).astype(np.float32)


def optimized(
    start: Float32[np.ndarray, "n d"],
    graph: FuzzyGraph,
    curve: Curve,
    *,
    seed: int,
    learning_rate: float = 1.0,
    n_epochs: int | None = None,
) -> Float32[np.ndarray, "n d"]:
    """Move points until the map has the memberships that the graph has.

    Args:
        start: where they are at first.
        graph: which of them belong together.
        curve: of the memberships on the map.
        seed: of everything random.
        learning_rate: umap-learn's, at the start; it falls to 0 in even steps.
        n_epochs: umap-learn's; by default as many as it takes.

    Returns:
        Their places.
    """
    epochs = n_epochs or (EPOCHS_OF_FEW if len(start) <= FEW else EPOCHS)
    random = np.random.default_rng(seed)
    plan = _plan(len(start), len(graph.slot), epochs, learning_rate, random)
    order = random.permutation(len(start)).astype(np.int32)
    found = _walked(np.ascontiguousarray(start.T), graph.slot, graph.weight, order, plan, curve)
    return np.ascontiguousarray(np.asarray(found).T)


def _plan(points: int, slots: int, epochs: int, rate: float, random: np.random.Generator) -> Walk:
    """Draw what happens in each step: every slot as often as any other."""
    steps = STEPS * epochs
    rounds = -(-steps * PULLING // slots)
    slot = np.concatenate([random.permutation(slots) for _ in range(rounds)])
    slot = slot[: steps * PULLING].reshape(steps, PULLING)
    shift = random.integers(0, points, (steps, PUSHING))
    falling = rate / STEPS * (1 - np.arange(steps) / steps)
    return Walk(slot.astype(np.int32), shift.astype(np.int32), falling.astype(np.float32))


@functools.partial(jax.jit, static_argnums=5)
def _walked(
    place: Float[Array, "d n"],
    slots: Int[Array, "slots n"],
    weight: Float[Array, " n"],
    order: Int[Array, " n"],
    plan: Walk,
    curve: Curve,
) -> Float[Array, "d n"]:
    n = place.shape[1]

    def step(place: Array, now: Any) -> tuple[Array, None]:
        toward = place[:, slots[now.slot]]
        # UMAP comes upon an edge from both of its ends, and moves both each time.
        together = pulled(place, toward, 2 * now.rate / PULLING * weight[None], curve)
        twice = jnp.tile(place[:, order], (1, 2))
        away = [jax.lax.dynamic_slice_in_dim(twice, shift, n, 1) for shift in now.shift]
        apart = NEGATIVE * now.rate / PUSHING * weight
        return place + together + pushed(place, jnp.stack(away, 1), apart, curve), None

    return jax.lax.scan(step, place, plan)[0]
