"""Visualize: one call from an objective to finished images.

What `renderer` compiles is made here for any number of units: in batches of one size, on all
devices, again from other starts where an optimization failed. Calls with equal settings share what
was compiled, for parameterizations and transforms of equal settings are equal. Optax makes another
optimizer each time: one that is kept by its maker and passed again serves again.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Int, Key, PyTree, Shaped

from atlasjax.errors import UserError
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.loop import Loop, check_loop
from atlasjax.optvis.objectives import Objective, check, shapes_for, units
from atlasjax.optvis.param import Parameterization, fourier, start_from
from atlasjax.optvis.render import Rendered, Renderer, View, renderer
from atlasjax.optvis.schedule import learning_rates
from atlasjax.optvis.sizes import CHANNELS, taken, usual
from atlasjax.optvis.transform import Transform, similarity
from atlasjax.parallel import batch_mesh, pad_batch, platform_of, share_of
from atlasjax.progress import Progress, silent
from atlasjax.rewriting import optimized
from atlasjax.taps import Model

RATE = 0.15


def visualize(
    model: Model,
    objective: Objective,
    key: Key[Array, ""],
    *,
    param: Parameterization | None = None,
    channels: int | None = None,
    transform: Transform | None = None,
    optimizer: optax.GradientTransformation | None = None,
    loop: Loop | None = None,
    measure: Objective | None = None,
    count: int | None = None,
    numbers: Sequence[int] | None = None,
    start: PyTree[Shaped[Array | np.ndarray, "units ..."]] = None,
    batch: int = 16,
    attempts: int = 1,
    retry_below: float = 0.0,
    view: View | None = None,
    mesh: Mesh | None = None,
    progress: Progress = silent,
) -> Rendered:
    """Make images for which an objective is large: one unit for each of its entries.

    Every unit has a key of its own, drawn from `key` by its number, and whatever their number, the
    program that draws them is of one shape: it does not depend on how many there are. See
    `together` for what the batch changes.

    Args:
        model: a callable pytree `model(images, tap)`.
        objective: what is made large; see `objectives`.
        key: what the starts and the transforms are drawn from.
        param: what is optimized; by default `fourier(128)`, or of a size that the model takes.
        channels: how many the default one has; by default as many as the model's images have.
        transform: a random change of the image in each step; by default `similarity()`.
        optimizer: of Optax; by default Adam at 0.15, which rises and falls as for icons.
        loop: how many steps, and what happens besides; by default 128 steps.
        measure: what is reported as `reached`; the objective itself by default.
        count: how many units, where the objective is the same for all.
        numbers: what each unit's key is drawn by; its place, from 0, by default. With numbers of
            channels, a channel's picture is the same whichever others are drawn before it.
        start: the parameters each unit starts from, such as the `params` of others that are
            finished; drawn from the key by default, and where a unit is made again.
        batch: units at a time; see `together`.
        attempts: how often a unit is made at most; the one with the largest measure is kept.
        retry_below: the measure from which a unit is not made again.
        view: how finished images are shown to the network to be measured; as they are by default.
        mesh: the devices to share the work; all by default.
        progress: called with the number of units done, and to do so far.

    Returns:
        The units as NumPy arrays, in the order of the objective's.

    Raises:
        UserError: an objective that does not fit the model, or settings out of range.

    Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017.

    >>> from atlasjax.optvis.objectives import Objective
    >>> red = Objective(lambda seen, data, settings: seen.images[..., 0].mean((1, 2)))
    >>> made = visualize(lambda x, tap: x.mean((1, 2)), red, jax.random.key(0),
    ...     param=fourier(8), loop=Loop(8))
    >>> made.image.shape, bool(made.reached[0] > 0.5)
    ((1, 8, 8, 3), True)
    """
    loop = loop or Loop(128)
    check_loop(loop)
    n = _count(objective, count)
    for name, value in (("batch", batch), ("attempts", attempts)):
        if value < 1:
            raise UserError(f"{name} {value}: must be at least 1")
    mesh = batch_mesh() if mesh is None else mesh
    model = optimized(model, platform_of(mesh))
    if param is None:
        height, width, found = taken(model, usual(), [channels] if channels else CHANNELS)
        param = _fourier((height, width), found)
    transform = transform or similarity()
    _check(model, objective, measure, param, transform)
    _check_start(start, param, n)
    optimizer = optimizer or _adam(RATE, loop.steps)
    make = _renderer(param, transform, optimizer, loop, mesh, view)
    named = np.arange(n) if numbers is None else np.asarray(numbers, np.uint32)
    if len(named) != n:
        raise UserError(f"{len(named)} numbers for {n} units: there must be one for each")
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.asarray(named))
    size = together(batch, mesh)

    def some(which: Int[np.ndarray, " k"], attempt: int) -> Rendered:
        own = jax.vmap(jax.random.fold_in, (0, None))(keys[which], attempt)
        score, kept = (_part(o, which, size) for o in (objective, measure or objective))
        begin = None if attempt else jax.tree.map(lambda leaf: pad_batch(leaf[which], size), start)
        made = jax.device_get(make(model, score, kept, pad_batch(own, size), begin))
        return jax.tree.map(lambda leaf: leaf[: len(which)], made)

    best, total, done = None, n, 0
    for attempt in range(attempts):
        # Said so that NaN, of what is not finite, is below everything.
        todo = (
            np.arange(n) if best is None else np.flatnonzero(~(_mean(best.reached) >= retry_below))
        )
        total, parts = done + len(todo), []
        progress(done, total)
        for first in range(0, len(todo), size):
            parts.append(some(todo[first : first + size], attempt))
            done += len(parts[-1].steps)
            progress(done, total)
        if parts:
            new = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
            best = new if best is None else _better(best, todo, new)
    assert best is not None, "there is at least one attempt"
    return best


def together(batch: int, mesh: Mesh) -> int:
    """Return how many units one program draws; where fewer are left, it is filled up.

    A program of another shape adds in another order, and a step of an optimization enlarges the
    rounding of the one before: after a hundred steps a picture is another one. So there is one
    shape. On a CPU each device draws one unit at a time, which is as quick as several; elsewhere
    the batch is the shape, and another batch is another shape.

    Args:
        batch: units at a time.
        mesh: the devices that share them.

    >>> together(16, batch_mesh(jax.local_devices()[:1]))
    1
    """
    on_cpu = all(device.platform == "cpu" for device in mesh.devices.flat)
    return mesh.size if on_cpu else share_of(batch, mesh)


def _part(objective: Objective, which: Int[np.ndarray, " k"], size: int) -> Objective:
    """Return the objective for a full batch of some units; what all share stays as it is."""
    return jax.tree.map(
        lambda leaf: leaf if len(leaf) == 1 else pad_batch(np.asarray(leaf)[which], size), objective
    )


def _count(objective: Objective, count: int | None) -> int:
    n = units(objective)
    if count is None or count == n:
        return n
    if n > 1 or count < 1:
        raise UserError(f"count {count}: the objective is made for {n}")
    return count


def _check(
    model: Model,
    objective: Objective,
    measure: Objective | None,
    param: Parameterization,
    transform: Transform,
) -> None:
    """Refuse objectives that do not fit the model at the size in which it sees the images."""
    image = jax.eval_shape(lambda k: param.image(param.init(k)), jax.random.key(0))
    frame = jax.ShapeDtypeStruct(image.shape[-3:], image.dtype)
    seen = jax.eval_shape(transform, jax.random.key(0), frame)
    height, width, channels = seen.shape
    shapes = shapes_for(model, (height, width, channels))
    check(objective, shapes)
    if measure is not None:
        check(measure, shapes)


def _check_start(start: PyTree, param: Parameterization, n: int) -> None:
    """Refuse starts that are not one for each unit, or of another parameterization."""
    lengths = sorted({len(leaf) for leaf in jax.tree.leaves(start)} - {n})
    if lengths:
        raise UserError(f"{lengths[0]} starts for {n} units: there must be one for each")
    if start is not None:
        start_from(param, jax.tree.map(lambda leaf: leaf[0], start))


def _better(best: Rendered, which: Any, new: Rendered) -> Rendered:
    """Put the new units that reached more in place of the old."""
    fresh, old = _mean(new.reached), _mean(best.reached[which])
    more = (fresh > old) | (np.isnan(old) & ~np.isnan(fresh))
    chosen = which[more]

    def put(before: Any, after: Any) -> Any:
        merged = before.copy()
        merged[chosen] = after[more]
        return merged

    return jax.tree.map(put, best, new)


def _mean(reached: Any) -> Any:
    return reached.reshape(len(reached), -1).mean(1)


@functools.lru_cache(maxsize=32)
def _renderer(
    param: Parameterization,
    transform: Transform,
    optimizer: optax.GradientTransformation,
    loop: Loop,
    mesh: Mesh,
    view: View | None,
) -> Renderer:
    return renderer(param, transform, optimizer, loop, mesh, view)


@functools.lru_cache(maxsize=32)
def _fourier(size: tuple[int, int], channels: int) -> Parameterization:
    return fourier(size, correlation=correlation_for(channels))


@functools.lru_cache(maxsize=32)
def _adam(peak: float, steps: int) -> optax.GradientTransformation:
    return optax.adam(learning_rates(peak, steps))
