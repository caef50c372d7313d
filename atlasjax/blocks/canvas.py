"""The canvas of an activation grid: what all its windows are cut from, and how it is drawn."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float

from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.objectives import measures
from atlasjax.optvis.param import fourier
from atlasjax.optvis.param.core import steps as field_and_color
from atlasjax.optvis.schedule import warmup_cosine_adam
from atlasjax.optvis.transform import similarity
from atlasjax.parallel import share_of
from atlasjax.taps import capture

OWN, SHARED = 0.7, 0.5
"""Weights of what is a place's own and of its groups' patterns, as published."""

MOVED = similarity(2.0, (0.95, 1.1), 5.0)
"""How windows are turned and scaled in each step."""


class Plan(NamedTuple):
    """Where everything lies, and how it is drawn.

    Attributes:
        rows: of cells.
        columns: likewise.
        window: height and width of a window in pixels.
        cell: of a cell; windows of neighbours overlap by the rest.
        channels: of the picture.
        steps: of the optimization.
        batch: windows seen in a step.
        power: of the cosine in the objective.
        jitter: largest shift of the windows, in pixels.
        noise: how much changes from pixel to pixel count against the picture.
    """

    rows: int
    columns: int
    window: int
    cell: int
    channels: int
    steps: int
    batch: int
    power: float
    jitter: int
    noise: float

    @property
    def margin(self) -> int:
        """How far windows and their shifts reach out beyond the picture."""
        return (self.window - self.cell + 1) // 2 + self.jitter


@partial(jax.jit, static_argnums=(4, 5, 6))
def draw(
    model: Any, value: Array, strength: Array, key: Array, layer: str, plan: Plan, mesh: Mesh
) -> tuple[Float[Array, "h w c"], Float[Array, " steps"]]:
    """Draw a canvas, each cell of it in a direction.

    Args:
        model: a callable pytree `model(images, tap)` that shows planes.
        value: direction of every cell, [rows, columns, c].
        strength: of every shared pattern at every cell, [rows, columns, n].
        key: what the start and the shifts are drawn from.
        layer: its name.
        plan: where everything lies.
        mesh: the devices to share the windows.

    Returns:
        The picture, and the mean cosine of every step's windows.
    """
    cells = plan.rows * plan.columns
    canvas_of, init = _canvas(plan, strength)
    targets = value.reshape(cells, -1)
    seen = share_of(min(plan.batch, cells), mesh)
    look = _look(layer, plan, mesh)
    optimizer = warmup_cosine_adam(plan.steps)
    params = init(jax.random.fold_in(key, 0))

    def step(state: tuple[Any, Any], number: Array) -> tuple[tuple[Any, Any], Array]:
        params, memory = state
        for_cells, for_shift, for_move = jax.random.split(jax.random.fold_in(key, number), 3)
        which = jnp.resize(jax.random.permutation(for_cells, cells), (seen,))
        corners = _corners(plan, which, for_shift)
        moves = jax.random.split(for_move, seen)

        def windows_of(params: Any) -> Float[Array, "n w w c"]:
            return jax.vmap(MOVED)(moves, _windows(canvas_of(params), corners, plan.window))

        windows, pull = jax.vjp(windows_of, params)
        cosine, gradient = look(model, windows, targets[which])
        (change,) = pull(-gradient)
        with jax.numpy_dtype_promotion("standard"):  # Optax relies on it
            change, memory = optimizer.update(change, memory, params)
            params = optax.apply_updates(params, change)
        return (params, memory), cosine.mean()

    with jax.numpy_dtype_promotion("standard"):
        memory = optimizer.init(params)
    (params, _), score = jax.lax.scan(step, (params, memory), jnp.arange(1, plan.steps + 1))
    edge = plan.margin
    whole = canvas_of(params)
    return whole[edge : -edge or None, edge : -edge or None], score


def _canvas(plan: Plan, strength: Float[Array, "rows columns n"]) -> tuple[Any, Any]:
    """Return the function from parameters to the canvas, and that from a key to parameters."""
    height, width = (n * plan.cell + 2 * plan.margin for n in (plan.rows, plan.columns))
    colours = correlation_for(plan.channels)
    own, pattern = (
        fourier((height, width), correlation=colours),
        fourier(plan.window, correlation=colours),
    )
    count = strength.shape[-1]
    inner = jax.image.resize(
        strength, (plan.rows * plan.cell, plan.columns * plan.cell, count), "linear"
    )
    edge = plan.margin
    weight = jnp.pad(inner, ((edge, edge), (edge, edge), (0, 0)), "edge")
    times = (-(-height // plan.window), -(-width // plan.window), 1)

    def canvas(params: Any) -> Float[Array, "h w c"]:
        field = OWN * field_and_color(own).field(params[0])
        if count:
            patterns = jax.vmap(field_and_color(pattern).field)(params[1])
            tiled = jnp.tile(patterns, (1, *times))[:, :height, :width]
            field = field + SHARED * jnp.einsum("hwn,nhwc->hwc", weight, tiled)
        return field_and_color(own).color(field)

    def init(key: Array) -> Any:
        keys = jax.random.split(key, count + 1)
        return own.init(keys[0]), jax.vmap(pattern.init)(keys[1:])

    return canvas, init


def _corners(plan: Plan, which: Array, key: Array) -> Array:
    """Return where the windows of some positions begin in the canvas, each shifted at random."""
    jitter = plan.jitter
    shift = jax.random.randint(key, (len(which), 2), -jitter, jitter + 1)
    place = jnp.stack([which // plan.columns, which % plan.columns], 1)
    first = plan.margin - (plan.window - plan.cell) // 2
    return place * plan.cell + first + shift


def _windows(canvas: Array, corners: Array, window: int) -> Float[Array, "n w w c"]:
    size = (window, window, canvas.shape[-1])
    return jax.vmap(lambda at: jax.lax.dynamic_slice(canvas, (at[0], at[1], 0), size))(corners)


def _look(layer: str, plan: Plan, mesh: Mesh) -> Any:
    """Return the function that finds how well windows show what they should, and its gradient."""

    def score(windows: Array, model: Any, targets: Array) -> tuple[Array, Array]:
        value = capture(model, windows, [layer])[layer]
        rows = value.reshape(-1, value.shape[-1])
        each = jnp.repeat(targets, value.shape[1] * value.shape[2], 0)
        shape = value.shape[:3]
        scores = measures.direction(rows, each, plan.power).reshape(shape)
        cosines = measures.cosine(rows, each).reshape(shape)
        weight = _middle(*shape[1:])
        reached = (scores * weight).sum((1, 2))
        cost = plan.noise * _variation(windows) * jnp.abs(reached)
        return (reached - cost).sum(), (cosines * weight).sum((1, 2))

    def look(model: Any, windows: Array, targets: Array) -> tuple[Array, Array]:
        gradient, cosine = jax.grad(score, has_aux=True)(windows, model, targets)
        return cosine, gradient

    split, whole = PartitionSpec("batch"), PartitionSpec()
    return jax.shard_map(
        look, mesh=mesh, in_specs=(whole, split, split), out_specs=(split, split), check_vma=False
    )


def _middle(rows: int, columns: int) -> Float[np.ndarray, "1 rows columns"]:
    """Return how much each position of a window counts: towards its edges neighbours take over."""
    down, right = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in (rows, columns))
    weight = np.outer(down, right)
    return (weight / weight.sum())[None].astype(np.float32)


def _variation(windows: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """Return by how much each window changes from pixel to pixel, along rows and columns."""
    down, right = windows[:, 1:] - windows[:, :-1], windows[:, :, 1:] - windows[:, :, :-1]
    return jnp.abs(down).mean((1, 2, 3)) + jnp.abs(right).mean((1, 2, 3))
