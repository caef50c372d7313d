"""Look: run the network on every unit of a batch, and score each by its own objective.

Data that all units share, such as a whitening matrix, are kept once and not copied for each; what
is every unit's own is split over the devices with the batch.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from atlasjax.optvis.objectives.core import Objective, Seen, evaluate, network
from atlasjax.optvis.param import Parameterization
from atlasjax.optvis.transform import Transform
from atlasjax.rectifiers import leaking
from atlasjax.taps import Model


def divide(objective: Objective, n: int) -> tuple[Objective, Objective]:
    """Part the data that all units share, which are not copied for each, from their own.

    Args:
        objective: with data for each unit, or for all alike.
        n: how many units there are.

    Returns:
        The objective with the shared data alone, and with the units' own; None stands for the
        other's.
    """
    shared = jax.tree.map(lambda leaf: leaf[0] if len(leaf) != n else None, objective)
    own = jax.tree.map(lambda leaf: leaf if len(leaf) == n else None, objective)
    return shared, own


def _join(shared: Objective, own: Objective) -> Objective:
    return jax.tree.map(
        lambda a, b: b if a is None else a, shared, own, is_leaf=lambda leaf: leaf is None
    )


def images_of(param: Parameterization, params: PyTree) -> Float[Array, "units frames h w c"]:
    """Return every unit's images, with an axis of frames where the parameterization has none."""
    images = jax.vmap(param.image)(params)
    return images if images.ndim == 5 else images[:, None]


def disturb(
    transform: Transform, key: Key[Array, ""], frames: Float[Array, "frames h w c"]
) -> Float[Array, "frames h2 w2 c2"]:
    """Change every frame of one unit by a random transform of its own."""
    keys = key[None] if len(frames) == 1 else jax.random.split(key, len(frames))
    return jax.vmap(transform)(keys, frames)


def look(
    model: Model,
    images: Float[Array, "units frames h w c"],
    shared: tuple[Objective, ...],
    own: tuple[Objective, ...],
    leak: Float[Array, ""] | None = None,
    score: Callable[[Objective, Seen], Array] = evaluate,
) -> list[Float[Array, "units *told"]]:
    """Run the network once on all frames of all units, and evaluate every objective on it.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the network is to see them.
        shared: of each objective, what all units share; see `divide`.
        own: of each objective, what is every unit's own.
        leak: how much of the gradient rectifiers let through below zero; see
            `rectifiers.leaking`. None for the true gradient.
        score: what is told of each frame; how it does by each objective, by default.

    Returns:
        The scores by each of the objectives.
    """
    units, frames = images.shape[:2]
    names = tuple(dict.fromkeys(name for o in own for name in o.layers))
    flat = images.reshape(units * frames, *images.shape[2:])
    leaves = [x for x in jax.tree.leaves(model) if jnp.issubdtype(x.dtype, jnp.floating)]
    dtype = leaves[0].dtype if leaves else flat.dtype
    run = partial(network, names=names)
    if leak is not None:
        run = leaking(run, leak)
    values = run(model, flat.astype(dtype)) if names else {}
    layers = {
        name: value.reshape(units, frames, *value.shape[1:]).astype(jnp.float32)
        for name, value in values.items()
    }
    return [
        jax.vmap(lambda o, seen, s=s: score(_join(s, o), seen))(o, Seen(images, layers))
        for s, o in zip(shared, own, strict=True)
    ]


def cast_to(model: Model, dtype: str) -> Model:
    """Return the model in another precision; what is not floating point stays as it is."""

    def to(leaf: Array) -> Array:
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return model if dtype == "float32" else jax.tree.map(to, model)
