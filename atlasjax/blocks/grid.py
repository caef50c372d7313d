"""Activation grid: every position of an image drawn by its own direction, as one picture.

Each position is an icon of its own, and yet the picture should read as one. So all icons are
windows of one canvas, which overlap: what lies between two positions is drawn by both. And part of
the canvas is shared by what is alike: the image's activations are parted into a few groups, each
with a pattern that goes through the whole picture, as strong in a place as the group is there.

    canvas = color(0.7 own + 0.5 sum_g strength_g pattern_g)

`own` could be any picture; the patterns make it easy to draw in the same way what is the same.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Key, UInt8

from atlasjax.blocks.canvas import Plan, draw
from atlasjax.blocks.groups import groups
from atlasjax.errors import UserError
from atlasjax.optvis.sizes import taken, usual
from atlasjax.parallel import batch_mesh, platform_of
from atlasjax.planes import as_planes
from atlasjax.rewriting import optimized
from atlasjax.taps import Model, capture

FEW = 100  # positions that are drawn larger


@dataclass(frozen=True)
class GridSettings:
    """How an activation grid is drawn.

    Attributes:
        window: height and width of what the network sees of the canvas at once, in pixels, where it
            takes images of that size; else one that it takes. By default 48, and 64 for up to 100
            positions.
        cell: of a position in the picture; windows reach out on all sides by half of the rest. By
            default 32, and 40 for up to 100 positions.
        steps: of the optimization.
        batch: windows seen in a step, drawn anew in each.
        power: of the cosine in the objective; see `objectives.direction`.
        jitter: largest shift of the windows in a step, in pixels; besides, they are turned and
            scaled a little.
        noise: how much changes from pixel to pixel count against the picture.
        groups: how many patterns are shared; none with 0.
        most: positions that are drawn; where there are more, 2 x 2 of them are taken together.
    """

    window: int | None = None
    cell: int | None = None
    steps: int = 48
    batch: int = 64
    power: float = 2.0
    jitter: int = 4
    noise: float = 1.5
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
    model = optimized(as_planes(model), platform_of(mesh))
    given = jnp.asarray(image, jnp.float32)
    value = np.asarray(jax.jit(_value, static_argnums=2)(model, given[None], layer)[0])
    while value.shape[0] * value.shape[1] > settings.most:
        value = _halved(value)
    norm = np.linalg.norm(value, axis=-1)
    strength = _strength(value, settings.groups, key)
    plan = _plan(model, value, given.shape[-1], settings)
    canvas, score = draw(model, jnp.asarray(value), jnp.asarray(strength), key, layer, plan, mesh)
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


def _plan(model: Model, value: np.ndarray, channels: int, settings: GridSettings) -> Plan:
    rows, columns, _ = value.shape
    usual_window, usual_cell = (64, 40) if rows * columns <= FEW else (48, 32)
    wished = settings.window or usual_window
    # A network that takes only large images shows more around each cell.
    window, *_ = taken(model, [(wished, wished), *usual()], [channels])
    cell = min(settings.cell or usual_cell, window)
    how = (settings.steps, settings.batch, settings.power, settings.jitter, settings.noise)
    return Plan(rows, columns, window, cell, channels, *how)


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


def _check(settings: GridSettings) -> None:
    least = {"window": 8, "cell": 2, "steps": 1, "batch": 1, "jitter": 0, "groups": 0, "most": 4}
    for name, bound in {**least, "noise": 0, "power": 0}.items():
        given = getattr(settings, name)
        if given is not None and given < bound:
            raise UserError(f"grid {name} {given}: must be at least {bound}")
