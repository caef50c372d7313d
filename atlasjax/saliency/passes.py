"""Passes: versions of images on their way through the network, a chunk of them at a time.

A method says which versions of one image it looks at, what it asks the network of each, and what it
makes of the answers: see `versions`. Here the versions of all images stand in one row, are passed
through the network in chunks of one size, and what is found is added up for each image. What
depends on the network is compiled once for all methods that ask the same of it.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PyTree

from atlasjax.parallel import batch_mesh, split_batch
from atlasjax.rewriting import optimized
from atlasjax.saliency.looks import Look
from atlasjax.saliency.versions import Items, Recipe, Versions, at_least, plan
from atlasjax.taps import Model
from atlasjax.targets import Target

CHUNK = 12
"""Images that pass through the network at a time, on one device: memory grows with them."""


def run(
    function: Callable[..., Versions],
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    settings: Mapping[str, Hashable],
    own: Mapping[str, Any] | None = None,
    chunk: int | None = CHUNK,
) -> Any:
    """Return what a method makes of each image, on one device.

    Args:
        function: as for `Recipe`.
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        settings: those of the method that all images have in common.
        own: what is each image's own.
        chunk: versions that pass through the network at a time; all by default.
    """
    if chunk is not None:
        at_least("chunk", chunk)
    count = len(images)
    spread = jax.tree.map(lambda leaf: _spread(jnp.asarray(leaf), count)[:, None], target)
    items = Items(images, spread, dict(own or {}))
    recipe = Recipe(function, tuple(sorted(settings.items())))
    model = optimized(model)
    versions = plan(recipe, items)
    rows = rows_of(count, versions.total, chunk or count * versions.total)
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((model, items))):
        found = _traced(recipe, versions.look, model, items, rows)
    else:
        mesh = batch_mesh(jax.local_devices()[:1])
        found = passed(recipe, versions.look, model, items, rows, mesh)
    return jax.tree.map(lambda leaf: leaf[:, 0], found)


class Rows(NamedTuple):
    """A chunk of versions.

    Attributes:
        item: which each is of.
        number: of the version.
        real: 1, or 0 for what only fills the last chunk.
    """

    item: Int[np.ndarray, " n"]
    number: Int[np.ndarray, " n"]
    real: Float[np.ndarray, " n"]


def rows_of(items: int, versions: int, chunk: int) -> list[Rows]:
    """Return all versions of all items, in chunks of one size.

    Args:
        items: how many there are.
        versions: of each.
        chunk: how many pass through the network at a time.

    >>> [(rows.item.tolist(), rows.number.tolist()) for rows in rows_of(2, 2, 3)]
    [([0, 0, 1], [0, 1, 0]), ([1, 1, 1], [1, 1, 1])]
    """
    place = np.arange(-(-items * versions // chunk) * chunk).reshape(-1, chunk)
    real = (place < items * versions).astype(np.float32)
    item, number = np.divmod(np.minimum(place, items * versions - 1).astype(np.int32), versions)
    return [Rows(*row) for row in zip(item, number, real, strict=True)]


def width(needs: Sequence[int], most: int, multiple: int = 1) -> int:
    """Return how many versions to pass through the network at a time, so that few are wasted.

    Args:
        needs: how many versions each of several methods has to look at in all.
        most: at a time.
        multiple: what it must be a multiple of, such as the number of devices.

    Returns:
        From a third of `most` up to it, or what the longest of them needs.

    >>> width([50], 12), width([1, 6], 12), width([1], 12, 2), width([51, 26, 2], 24, 2)
    (10, 2, 2, 14)
    """
    up = lambda count: -(-count // multiple) * multiple  # noqa: E731
    most = min(up(max(needs)), max(most // multiple, 1) * multiple)
    within = range(most, most // 3 - 1, -multiple)
    # A half for what a chunk takes by itself.
    cost = {n: sum(-(-need // n) for need in needs) * (n + 0.5) for n in within if n >= multiple}
    return min(cost, key=lambda n: cost[n])


def passed(
    recipe: Recipe, look: Look, model: Model, items: Items, rows: Iterable[Rows], mesh: Mesh
) -> Any:
    """Return what a method makes of each item and target, by a loop in Python.

    XLA's CPU backend runs convolutions in loops of its own many times slower.

    Args:
        recipe: the method.
        look: what it asks the network.
        model: a callable pytree, on the devices.
        items: what the method is applied to.
        rows: chunks of their versions, which the devices share.
        mesh: the devices.

    Returns:
        What the method returns, [items, targets, ...].
    """
    total, first = None, mesh.devices.flat[0]
    for row in rows:
        images, targets, kept = _make(recipe, items, row)
        found = _look(look, mesh, model, images, targets)
        total = _add(recipe, items, total, row, kept, jax.device_put(found, first))
    return _finish(recipe, items, total)


def _traced(recipe: Recipe, look: Look, model: Model, items: Items, rows: Sequence[Rows]) -> Any:
    """Do the same under `jit`, where one chunk after another is a loop of XLA."""

    def step(total: PyTree, row: Rows) -> tuple[PyTree, None]:
        images, targets, kept = _made(recipe, items, row)
        found = _each_target(lambda target: look(model, images, target), targets)
        return _added(recipe, items, total, row, kept, found), None

    first, *others = rows
    total, _ = step(None, first)
    if others:
        stacked = Rows(*map(np.stack, zip(*others, strict=True)))
        total, _ = jax.lax.scan(step, total, stacked)
    return _finished(recipe, items, total)


def _made(recipe: Recipe, items: Items, rows: Rows) -> tuple[Array, Target, PyTree]:
    """Make a chunk of versions."""
    images, targets, own = jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows.item], tuple(items))
    make = jax.vmap(lambda image, own, number: recipe.of(image, own).make(number))
    made, kept = make(images, own, jnp.asarray(rows.number))
    return made, targets, kept


def _added(
    recipe: Recipe, items: Items, total: PyTree, rows: Rows, kept: PyTree, found: PyTree
) -> PyTree:
    """Add what is found of a chunk of versions to the sums [items, targets, ...]."""

    def one(image: Array, own: Mapping[str, Array], number: Array, kept: Any, found: Any) -> PyTree:
        return jax.vmap(lambda of: recipe.of(image, own).add(number, kept, of))(found)

    images, own = jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows.item], (items.images, items.own))
    parts = jax.vmap(one)(images, own, jnp.asarray(rows.number), kept, found)
    which = jnp.arange(len(items.images))[:, None] == rows.item[None]
    share = which.astype(jnp.float32) * rows.real[None]
    sums = jax.tree.map(lambda part: jnp.tensordot(share, part, 1, precision="highest"), parts)
    return sums if total is None else jax.tree.map(jnp.add, total, sums)


def _finished(recipe: Recipe, items: Items, total: PyTree) -> Any:
    """Return the results [items, targets, ...] from the sums."""

    def one(image: Array, own: Mapping[str, Array], total: PyTree) -> Any:
        return jax.vmap(recipe.of(image, own).finish)(total)

    return jax.vmap(one)(jnp.asarray(items.images), items.own, total)


_make = jax.jit(_made, static_argnums=0)
_add = jax.jit(_added, static_argnums=0)
_finish = jax.jit(_finished, static_argnums=0)


@partial(jax.jit, static_argnums=(0, 1))
def _look(look: Look, mesh: Mesh, model: Model, images: Array, targets: Target) -> PyTree:
    """Pass a chunk of images through the network; compiled once for all methods that look so."""

    def share(model: Model, images: Array, targets: Target) -> PyTree:
        return _each_target(lambda target: look(model, images, target), targets)

    return split_batch(share, mesh, replicated=1)(model, images, targets)


def _each_target(one: Callable[[Target], PyTree], targets: Target) -> PyTree:
    """Return what a function of one target gives for each, along the second axis."""
    leaves = jax.tree.leaves(targets)
    if leaves and leaves[0].shape[1] > 1:
        return jax.vmap(one, 1, 1)(targets)
    alone = jax.tree.map(lambda leaf: leaf[:, 0], targets)
    return jax.tree.map(lambda leaf: leaf[:, None], one(alone))


def _spread(leaf: Array, count: int) -> Array:
    return leaf if len(leaf) == count else jnp.broadcast_to(leaf, (count, *leaf.shape[1:]))
