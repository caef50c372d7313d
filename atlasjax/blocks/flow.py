"""Flow: what a layer does to a later one, part by part.

Attribution need not end at the output. What a group of an earlier layer does to a group of a later
one is that group's gradient times the earlier group: the same question, asked of a part in the
middle of the network. A part of the later layer is asked for by how far the layer goes along it,
its scalar product with the part at length 1.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from atlasjax.blocks.effects import AT_A_TIME
from atlasjax.planes import as_planes
from atlasjax.rewriting import optimized
from atlasjax.taps import Model, capture

Maps = tuple[Float[Array | np.ndarray, "_ _ _ _"], Float[Array | np.ndarray, "_ _"]]
"""Groups as their maps [b, rows, columns, n] and directions [n, c]."""


class _Parts(NamedTuple):
    """Parts of a layer's value, made one at a time: all at once may be too many for memory.

    Attributes:
        number: how many.
        make: the number of a part to the part.
        along: a value of the layer to its scalar product with every part.
    """

    number: int
    make: Callable[[Int[Array, ""]], Float[Array, "b rows columns c"]]
    along: Callable[[Float[Array, "b rows columns c"]], Float[Array, "b n"]]


def flow_between_groups(
    model: Model,
    earlier: str,
    later: str,
    images: Float[Array, "b h w c"],
    earlier_groups: Maps,
    later_groups: Maps,
) -> Float[Array, "b groups later_groups"]:
    """Return what each group of a layer does to each group of a later one.

    Args:
        model: a callable pytree `model(images, tap)`.
        earlier: a layer with positions, as `planes.as_planes` shows it.
        later: one that follows it.
        images: as the model takes them.
        earlier_groups: maps and directions of the earlier layer's groups, of the same images.
        later_groups: of the later one's.

    Returns:
        For each image, in units of the later layer's activations.

    Raises:
        UserError: no such layers.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018, "What does the
    network see, and how does its understanding develop?"

    >>> def toy(images, tap):
    ...     return tap("b", 3 * tap("a", images)).sum((1, 2))
    >>> one = (jnp.ones((1, 1, 1, 1)), jnp.ones((1, 1)))
    >>> flow_between_groups(toy, "a", "b", jnp.ones((1, 1, 1, 1)), one, one)
    Array([[[3.]]], dtype=float32)
    """
    groups = jax.tree.map(jnp.asarray, (earlier_groups, later_groups))
    return _flow(optimized(as_planes(model)), images, groups, earlier, later)


def flow_between_positions(
    model: Model, earlier: str, later: str, images: Float[Array, "b h w c"]
) -> Float[Array, "b rows columns later_rows later_columns"]:
    """Return what each position of a layer does to each position of a later one.

    Args:
        model: as for `flow_between_groups`.
        earlier: likewise.
        later: likewise.
        images: likewise.

    Returns:
        For each image, in units of the later layer's norm: over all of the earlier layer the
        effects on a position add up to its norm, where what lies between is linear and unbiased.

    Raises:
        UserError: no such layers.

    >>> def toy(images, tap):
    ...     return tap("b", 3 * tap("a", images)).sum((1, 2))
    >>> flow_between_positions(toy, "a", "b", jnp.ones((1, 1, 2, 1)))[0, 0, :, 0]
    Array([[3., 0.],
           [0., 3.]], dtype=float32)
    """
    return _flow(optimized(as_planes(model)), images, None, earlier, later)


@partial(jax.jit, static_argnums=(3, 4))
def _flow(model: Any, images: Array, groups: Any, earlier: str, later: str) -> Array:
    value = capture(model, images, [earlier])[earlier]

    def between(value: Array) -> Array:
        return _replaced(model, images, earlier, value, later)

    after, push = jax.linearize(between, value)
    if groups is None:
        first, second = _positions(value), _positions(_unit(after, -1))
    else:
        (maps, directions), (later_maps, later_directions) = groups
        first = _groups(maps, directions)
        parts = jnp.einsum("brcn,nk->bnrck", later_maps, later_directions)
        length = jnp.sqrt(jnp.square(parts).sum((2, 3, 4)))
        scaled = later_maps / jnp.maximum(length, 1e-12)[:, None, None]
        second = _groups(scaled, later_directions)
    flow = _either_way(push, value, first, second)
    if groups is not None:
        return flow
    return flow.reshape(len(value), *value.shape[1:3], *after.shape[1:3])


def _either_way(
    push: Callable[[Array], Array], value: Array, first: _Parts, second: _Parts
) -> Float[Array, "b first second"]:
    """Return `<J first, second>`: push the first or pull the second, whichever are fewer."""
    if first.number <= second.number:
        found = jax.lax.map(
            lambda i: second.along(push(first.make(i))),
            jnp.arange(first.number),
            batch_size=AT_A_TIME,
        )
        return jnp.moveaxis(found, 0, 1)
    pull = jax.linear_transpose(push, value)
    found = jax.lax.map(
        lambda i: first.along(pull(second.make(i))[0]),
        jnp.arange(second.number),
        batch_size=AT_A_TIME,
    )
    return jnp.moveaxis(found, 0, 2)


def _positions(value: Float[Array, "b rows columns c"]) -> _Parts:
    _, rows, columns, _ = value.shape

    def make(i: Int[Array, ""]) -> Array:
        here = (jnp.arange(rows * columns) == i).reshape(1, rows, columns, 1)
        return jnp.where(here, value, jnp.zeros_like(value))

    def along(other: Array) -> Array:
        return (value * other).sum(-1).reshape(len(value), -1)

    return _Parts(rows * columns, make, along)


def _groups(maps: Float[Array, "b rows columns n"], directions: Float[Array, "n c"]) -> _Parts:
    def make(i: Int[Array, ""]) -> Array:
        return maps[..., i, None] * directions[i][None, None, None]

    def along(other: Array) -> Array:
        return jnp.einsum("brck,brcn,nk->bn", other, maps, directions)

    return _Parts(maps.shape[-1], make, along)


def _unit(value: Array, axis: int) -> Array:
    return value / jnp.maximum(jnp.linalg.norm(value, axis=axis, keepdims=True), 1e-12)


def _replaced(model: Any, images: Array, layer: str, value: Array, wanted: str) -> Array:
    """Return a later layer's value with another value in place of an earlier layer's."""

    def edited(images: Array, tap: Any) -> Array:
        return model(images, lambda name, old: tap(name, value if name == layer else old))

    return capture(edited, images, [wanted])[wanted]
