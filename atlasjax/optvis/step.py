"""One step of an optimization: what it changes, and when it is not taken."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from atlasjax.optvis.look import images_of
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.param import Parameterization
from atlasjax.parallel import either


class State(NamedTuple):
    """What a step changes; the first axis of everything is the units."""

    params: PyTree
    optimizer: PyTree
    level: Float[Array, " units"]
    alive: Any
    steps: Int[Array, " units"]
    lost: Int[Array, " units"]
    shots: Float[Array, "shots units *frames h w c"]


def update(
    optimizer: optax.GradientTransformation,
    state: State,
    gradient: PyTree,
    seen: tuple[Float[Array, " units"], Float[Array, " units"]],
    loop: Loop,
) -> State:
    """Take one step of every unit that is not finished, and of which all is finite.

    Args:
        optimizer: see `renderer`.
        state: of all units.
        gradient: of each unit's parameters.
        seen: each unit's score and measure.
        loop: how the optimization goes.
    """
    score, measured = seen
    with jax.numpy_dtype_promotion("standard"):  # Optax relies on it
        change, memory = jax.vmap(optimizer.update)(gradient, state.optimizer, state.params)
        params = optax.apply_updates(state.params, change)
    finite = jnp.isfinite(score) & _finite(gradient)
    state = state._replace(lost=state.lost + (state.alive & ~finite).astype(jnp.int32))
    taken = state.alive & finite

    def if_taken(new: Array, old: Array) -> Array:
        return jnp.where(taken.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    state = state._replace(
        params=jax.tree.map(if_taken, params, state.params),
        optimizer=jax.tree.map(if_taken, memory, state.optimizer),
        steps=state.steps + state.alive.astype(jnp.int32),
    )
    if loop.stop_at is None:
        return state
    level = if_taken(0.9 * state.level + 0.1 * measured, state.level)
    return state._replace(level=level, alive=state.alive & (level < loop.stop_at))


def _finite(gradient: PyTree) -> Bool[Array, " units"]:
    """Whether all of a unit's gradient is finite."""
    leaves = [leaf.reshape(len(leaf), -1) for leaf in jax.tree.leaves(gradient)]
    # The largest is enough: it is NaN or infinite where any value is, and a maximum is quick.
    return jnp.stack([jnp.isfinite(jnp.abs(leaf).max(1)) for leaf in leaves]).all(0)


def keep(param: Parameterization, state: State, snapshots: tuple[int, ...], done: Array) -> Array:
    """Put the images into their place among the snapshots, if this is a step for one."""
    if not snapshots:
        return state.shots
    hit = jnp.asarray(snapshots) == done

    def put(shots: Array) -> Array:
        return jnp.where(
            hit.reshape(-1, *[1] * (shots.ndim - 1)), images_of(param, state.params), shots
        )

    return either(hit.any(), lambda: put(state.shots), lambda: state.shots)
