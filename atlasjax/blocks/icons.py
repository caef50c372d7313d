"""Icons: what directions of a layer look like, for channels and groups alike.

All are drawn by one program, so that a page with channels, groups and dictionaries of a layer
compiles once. An icon depends on its direction and its number, not on what is drawn beside it.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import optax
from jaxtyping import Array, Float, Key, UInt8

from atlasjax.errors import unknown
from atlasjax.optvis import objectives
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.param import Parameterization, fourier
from atlasjax.optvis.schedule import warmup_cosine_adam
from atlasjax.optvis.sizes import CHANNELS, taken, usual
from atlasjax.optvis.transform import Transform, similarity
from atlasjax.optvis.visualize import visualize
from atlasjax.planes import as_planes
from atlasjax.progress import Progress, silent
from atlasjax.rectifiers import before_rectifier
from atlasjax.taps import Model, layers

SIZE = 80
STEPS = 64
NOISE = 1.0  # how much changes from pixel to pixel count against an icon


def icons(
    model: Model,
    layer: str,
    directions: Float[Array | np.ndarray, "n c"],
    key: Key[Array, ""],
    *,
    numbers: Sequence[int] | None = None,
    size: int = SIZE,
    steps: int = STEPS,
    progress: Progress = silent,
) -> UInt8[np.ndarray, "n s s channels"]:
    """Draw directions of a layer.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions, as `planes.as_planes` shows it.
        directions: one for each icon.
        key: what the starts and the transforms are drawn from.
        numbers: what each icon's own key is drawn by; its place by default. With numbers of
            channels, a channel looks the same whichever others are drawn.
        size: height and width in pixels, where the network takes images of that size; else one
            that it takes.
        steps: of the optimization.
        progress: called with the number of icons done, and to do.

    Raises:
        UserError: no such layer, or directions that do not fit it.

    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> import jax
    >>> made = icons(toy, "colours", np.eye(3), jax.random.key(0), size=16, steps=8)
    >>> made.shape, int(made[0].mean((0, 1)).argmax())
    ((3, 16, 16, 3), 0)
    """
    height, width, channels = taken(model, [(size, size), *usual()], CHANNELS)
    recipe = _recipe((height, width), channels, steps)
    vectors = np.asarray(directions, np.float32)
    score = _score(model, layer, vectors, (height, width, channels))
    made = visualize(
        model,
        score - abs(score) * (NOISE * objectives.total_variation()),
        key,
        param=recipe.param,
        transform=recipe.transform,
        optimizer=recipe.optimizer,
        loop=recipe.loop,
        numbers=numbers,
        progress=progress,
    )
    return np.round(np.asarray(made.image) * 255).astype(np.uint8)


def channel_icons(
    model: Model,
    layer: str,
    channels: Sequence[int],
    key: Key[Array, ""],
    *,
    size: int = SIZE,
    steps: int = STEPS,
    progress: Progress = silent,
) -> UInt8[np.ndarray, "n s s channels"]:
    """Draw channels of a layer, each by the key of its number.

    Args:
        model: as for `icons`.
        layer: likewise.
        channels: from 0 up.
        key: as for `icons`.
        size: likewise.
        steps: likewise.
        progress: likewise.

    Raises:
        UserError: as for `icons`.

    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> import jax
    >>> channel_icons(toy, "colours", [2], jax.random.key(0), size=16, steps=8).shape
    (1, 16, 16, 3)
    """
    count = _width(model, layer, size)
    rows = np.eye(count, dtype=np.float32)[np.asarray(channels, int)]
    return icons(
        model, layer, rows, key, numbers=channels, size=size, steps=steps, progress=progress
    )


def _width(model: Model, layer: str, size: int) -> int:
    """Return how many channels a layer has."""
    shape = taken(model, [(size, size), *usual()], CHANNELS)
    found = layers(as_planes(model), shape)
    if layer not in found:
        raise unknown("layer", layer, found)
    return found[layer][-1]


def _score(
    model: Model, layer: str, vectors: Float[np.ndarray, "n c"], shape: tuple[int, int, int]
) -> objectives.Objective:
    """Return what an icon is drawn for: the layer's mean, where a rectifier ends it.

    A layer that goes below zero is pulled both ways by neighbouring positions, and its mean drawn
    in grey. There the position in the middle is drawn, as in atlases.
    """
    _, before = before_rectifier(model, layer, shape)
    if before != layer:
        return objectives.direction(layer, vectors, power=1.0)
    return objectives.direction_neuron(layer, vectors, power=4.0)


class _Recipe(NamedTuple):
    param: Parameterization
    transform: Transform
    optimizer: optax.GradientTransformation
    loop: Loop


@functools.lru_cache(maxsize=32)
def _recipe(size: tuple[int, int], channels: int, steps: int) -> _Recipe:
    """Make the parts that are functions once, so that calls share what was compiled."""
    return _Recipe(
        fourier(size, correlation=correlation_for(channels)),
        similarity(min(size) / 16, (0.95, 1.1), 5.0),
        warmup_cosine_adam(steps),
        Loop(steps),
    )
