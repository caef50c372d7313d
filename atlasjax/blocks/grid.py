"""Activation grid: every position of an image drawn by its own direction, as one picture.

Each position is an icon of its own, and yet the picture should read as one. So all icons are windows
of one canvas, which overlap: what lies between two positions is drawn by both. And part of the
canvas is shared by what is alike: the image's activations are parted into a few groups, each with a
pattern of its own that goes through the whole picture, as strong in a place as the group is there.

    canvas = color(0.7 own + 0.5 sum_g strength_g pattern_g)

`own` could be any picture; the patterns make it easy to draw in the same way what is the same.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Key, UInt8

from atlasjax.blocks.groups import groups
from atlasjax.errors import UserError
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.objectives import measures
from atlasjax.optvis.param import fourier
from atlasjax.optvis.param.core import steps as field_and_color
from atlasjax.optvis.schedule import warmup_cosine_adam
from atlasjax.optvis.sizes import taken, usual
from atlasjax.parallel import batch_mesh, share_of
from atlasjax.planes import as_planes
from atlasjax.taps import Model, as_pytree, capture

OWN, SHARED = 0.7, 0.5
"""Weights of what is a place's own and of its groups' patterns, as published."""


@dataclass(frozen=True)
class GridSettings:
    """How an activation grid is drawn.

    Attributes:
        window: height and width of what the network sees of the canvas at once, in pixels, where it
            takes images of that size; else one that it takes.
        cell: of a position in the picture; windows reach out on all sides by half of the rest.
        steps: of the optimization.
        batch: windows seen in a step, drawn anew in each.
        power: of the cosine in the objective; see `objectives.direction`.
        jitter: largest shift of the windows in a step, in pixels.
        groups: how many patterns are shared; none with 0.
        most: positions that are drawn; where there are more, 2 x 2 of them are taken together.
    """

    window: int = 48
    cell: int = 32
    steps: int = 64
    batch: int = 64
    power: float = 2.0
    jitter: int = 4
    groups: int = 6
    most: int = 400


class ActivationGrid(NamedTuple):
    """A picture of a layer.

    Attributes:
        image: rows and columns of cells, each of the settings' `cell` pixels.
        norm: of every position's activation; of 2 x 2 of them where they are drawn together.
        score: history of the mean cosine between what is drawn and what should be.
    """

    image: UInt8[np.ndarray, "h w channels"]
    norm: Float[np.ndarray, "rows columns"]
    score: Float[np.ndarray, " steps"]


def activation_grid(
    model: Model,
    layer: str,
    image: Float[Array | np.ndarray, "h w c"],
    key: Key[Array, ""],
    settings: GridSettings | None = None,
    *,
    mesh: Mesh | None = None,
) -> ActivationGrid:
    """Draw every position of an image by its own direction.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions, as `planes.as_planes` shows it.
        image: as the model takes it.
        key: what the start and the shifts are drawn from.
        settings: how it is drawn; the defaults of `GridSettings` if none are given.
        mesh: the devices to share the windows; all by default.

    Raises:
        UserError: no such layer, one that is silent, or settings out of range.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018, and its notebook,
    where every icon has a canvas of its own.

    >>> toy = lambda images, tap: tap("colours", images[:, ::8, ::8]).mean((1, 2))
    >>> settings = GridSettings(window=16, cell=8, steps=4, groups=1)
    >>> activation_grid(toy, "colours", np.ones((16, 16, 3)), jax.random.key(0), settings).norm
    array([[1.7320508, 1.7320508],
           [1.7320508, 1.7320508]], dtype=float32)
    """
    settings = settings or GridSettings()
    _check(settings)
    mesh = batch_mesh() if mesh is None else mesh
    model = as_planes(as_pytree(model))
    given = jnp.asarray(image, jnp.float32)
    value = np.asarray(jax.jit(_value, static_argnums=2)(model, given[None], layer)[0])
    while value.shape[0] * value.shape[1] > settings.most:
        value = _halved(value)
    norm = np.linalg.norm(value, axis=-1)
    strength = _strength(value, settings.groups, key)
    window, *_ = taken(model, [(settings.window,) * 2, *usual()], [given.shape[-1]])
    # A network that takes only large images shows more around each cell.
    plan = _Plan(*value.shape[:2], window, min(settings.cell, window), given.shape[-1], settings)
    canvas, score = _draw(model, jnp.asarray(value), jnp.asarray(strength), key, layer, plan, mesh)
    return ActivationGrid(np.round(np.asarray(canvas) * 255).astype(np.uint8), norm, score)


def scaled(
    grid: ActivationGrid, least: float = 0.25, background: int = 255
) -> UInt8[np.ndarray, "h w channels"]:
    """Return the grid with every cell as large as its activation is strong.

    Args:
        grid: what `activation_grid` returned.
        least: the side of the faintest cells, as a part of the strongest's.
        background: what shows between them.

    >>> image, norm = np.zeros((4, 8, 3), np.uint8), np.array([[1.0, 0.5]], np.float32)
    >>> scaled(ActivationGrid(image, norm, np.zeros(0, np.float32)))[2, :, 0].tolist()
    [0, 0, 0, 0, 255, 0, 0, 255]
    """
    from PIL import Image

    rows, columns = grid.norm.shape
    cell = grid.image.shape[0] // rows
    made = np.full_like(grid.image, background)
    part = np.maximum(grid.norm / max(float(grid.norm.max()), 1e-12), least)
    for row, column in np.ndindex(rows, columns):
        top, left = row * cell, column * cell
        icon = grid.image[top : top + cell, left : left + cell]
        side = max(1, round(cell * float(part[row, column])))
        small = [
            np.asarray(Image.fromarray(icon[..., i]).resize((side, side), Image.Resampling.BOX))
            for i in range(icon.shape[-1])
        ]
        edge = (cell - side) // 2
        made[top + edge : top + edge + side, left + edge : left + edge + side] = np.stack(small, -1)
    return made


class _Plan(NamedTuple):
    """Where everything lies, with the settings."""

    rows: int
    columns: int
    window: int
    cell: int
    channels: int
    settings: GridSettings

    @property
    def margin(self) -> int:
        """How far windows and their shifts reach out beyond the picture."""
        return (self.window - self.cell + 1) // 2 + self.settings.jitter


def _value(model: Any, images: Array, layer: str) -> Array:
    value = capture(model, images, [layer])[layer]
    if value.ndim != 4:
        raise UserError(f"layer {layer!r} of shape {list(value.shape[1:])}: it has no positions")
    return value


def _halved(value: Float[np.ndarray, "rows columns c"]) -> Float[np.ndarray, "half half2 c"]:
    """Take 2 x 2 positions together; where a last one has no partner, it counts twice."""
    rows, columns, channels = value.shape
    even = np.pad(value, ((0, rows % 2), (0, columns % 2), (0, 0)), "edge")
    return even.reshape(-(-rows // 2), 2, -(-columns // 2), 2, channels).mean((1, 3))


def _strength(value: np.ndarray, count: int, key: Array) -> Float[np.ndarray, "rows columns n"]:
    """Return how strong each shared pattern is at every position, at most 1."""
    if not value.any():
        raise UserError("the layer is silent for this image: there is nothing to draw")
    if not count:
        return np.zeros((*value.shape[:2], 0), np.float32)
    maps = groups(value[None], count, key).map[0]
    return maps / np.maximum(maps.max((0, 1)), 1e-12)


@partial(jax.jit, static_argnums=(4, 5, 6))
def _draw(
    model: Any, value: Array, strength: Array, key: Array, layer: str, plan: _Plan, mesh: Mesh
) -> tuple[Float[Array, "h w c"], Float[Array, " steps"]]:
    settings, cells = plan.settings, plan.rows * plan.columns
    canvas_of, init = _canvas(plan, strength)
    targets = value.reshape(cells, -1)
    seen = share_of(min(settings.batch, cells), mesh)
    look = _look(layer, settings.power, mesh)
    optimizer = warmup_cosine_adam(settings.steps)
    params = init(jax.random.fold_in(key, 0))

    def step(state: tuple[Any, Any], number: Array) -> tuple[tuple[Any, Any], Array]:
        params, memory = state
        for_cells, for_shift = jax.random.split(jax.random.fold_in(key, number))
        which = jnp.resize(jax.random.permutation(for_cells, cells), (seen,))
        corners = _corners(plan, which, for_shift)
        windows, pull = jax.vjp(lambda p: _windows(canvas_of(p), corners, plan.window), params)
        cosine, gradient = look(model, windows, targets[which])
        (change,) = pull(-gradient)
        with jax.numpy_dtype_promotion("standard"):  # Optax relies on it
            change, memory = optimizer.update(change, memory, params)
            params = optax.apply_updates(params, change)
        return (params, memory), cosine.mean()

    with jax.numpy_dtype_promotion("standard"):
        memory = optimizer.init(params)
    (params, _), score = jax.lax.scan(step, (params, memory), jnp.arange(1, settings.steps + 1))
    edge = plan.margin
    whole = canvas_of(params)
    return whole[edge : -edge or None, edge : -edge or None], score


def _canvas(plan: _Plan, strength: Float[Array, "rows columns n"]) -> tuple[Any, Any]:
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
        for i in range(count):
            tiled = jnp.tile(field_and_color(pattern).field(params[1][i]), times)[:height, :width]
            field = field + SHARED * weight[..., i, None] * tiled
        return field_and_color(own).color(field)

    def init(key: Array) -> Any:
        first, *others = jax.random.split(key, count + 1)
        return own.init(first), [pattern.init(k) for k in others]

    return canvas, init


def _corners(plan: _Plan, which: Array, key: Array) -> Array:
    """Return where the windows of some positions begin in the canvas, each shifted at random."""
    jitter = plan.settings.jitter
    shift = jax.random.randint(key, (len(which), 2), -jitter, jitter + 1)
    place = jnp.stack([which // plan.columns, which % plan.columns], 1)
    first = plan.margin - (plan.window - plan.cell) // 2
    return place * plan.cell + first + shift


def _windows(canvas: Array, corners: Array, window: int) -> Float[Array, "n w w c"]:
    size = (window, window, canvas.shape[-1])
    return jax.vmap(lambda at: jax.lax.dynamic_slice(canvas, (at[0], at[1], 0), size))(corners)


def _look(layer: str, power: float, mesh: Mesh) -> Any:
    """Return the function that finds how well windows show what they should, and its gradient."""

    def score(windows: Array, model: Any, targets: Array) -> tuple[Array, Array]:
        value = capture(model, windows, [layer])[layer]
        rows = value.reshape(-1, value.shape[-1])
        each = jnp.repeat(targets, value.shape[1] * value.shape[2], 0)
        shape = value.shape[:3]
        scores = measures.direction(rows, each, power).reshape(shape)
        cosines = measures.cosine(rows, each).reshape(shape)
        return scores.mean((1, 2)).sum(), cosines.mean((1, 2))

    def look(model: Any, windows: Array, targets: Array) -> tuple[Array, Array]:
        gradient, cosine = jax.grad(score, has_aux=True)(windows, model, targets)
        return cosine, gradient

    split, whole = PartitionSpec("batch"), PartitionSpec()
    return jax.shard_map(
        look, mesh=mesh, in_specs=(whole, split, split), out_specs=(split, split), check_vma=False
    )


def _check(settings: GridSettings) -> None:
    least = {"window": 4, "cell": 2, "steps": 1, "batch": 1, "jitter": 0, "groups": 0, "most": 4}
    for name, bound in least.items():
        if getattr(settings, name) < bound:
            raise UserError(f"grid {name} {getattr(settings, name)}: must be at least {bound}")
