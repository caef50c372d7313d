"""Cells of GoogLeNet to draw icons for, from photographs; shared by the benchmarks of icons."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, UInt8

import atlasjax as ax
from atlasjax import data, models, progress
from atlasjax.atlas.whitening import second_moment, whitening
from atlasjax.optvis import objectives
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.objectives import measures
from atlasjax.optvis.param import fourier
from atlasjax.optvis.transform import similarity
from atlasjax.runs.experiment import Experiment
from atlasjax.taps import Model, as_pytree, capture

SAMPLES = 8  # positions of each photograph
PLAIN = 0.05  # the learning rate of plain Adam
MOVES = 4  # random transforms of each icon, through which it is measured
WIDTH = 140  # of a table, in characters


Icons = Mapping[int, np.ndarray]
"""Icons by the number of steps they took."""


class Cut(NamedTuple):
    """A layer of GoogLeNet, cut into cells.

    Attributes:
        model: the network.
        layer: the layer's name.
        white: its whitening matrix.
        direction: the cells' mean activations, by grid.
    """

    model: Model
    layer: str
    white: Float[np.ndarray, "c c"]
    direction: dict[int, Float[np.ndarray, "cells c"]]


class Reached(NamedTuple):
    """The mean cosine between icons and their directions, as it is and in whitened coordinates.

    Of icons seen as they are; and of icons that are moved, by the random transforms of an atlas.
    """

    plain: float
    white: float
    moved: float
    moved_white: float


def cut(folder: Path, layer: str, grids: Sequence[int], limit: int | None) -> Cut:
    """Collect activations of the photographs, lay them out and cut the map, as an atlas does."""
    config = Experiment(
        name="benchmark", model="googlenet", layers=(layer,), early_layers=models.EARLY
    )
    model = models.load("googlenet", folder / "bvlc_googlenet" / "weights.safetensors")
    photographs = data.open_images(folder / "imagenet_sample", limit=limit)
    with progress.bar("collect", "images") as report:
        found = ax.collect(
            model,
            data.batches(photographs, 16),
            [layer],
            jax.random.key(config.seed),
            samples_per_image=SAMPLES,
            total=len(photographs),
            progress=report,
        )
    value = found.activations[layer].value
    xy = ax.layout(value, **config.layout_settings(layer))
    cells = {size: ax.grid(xy, value, size, more_than=config.more_than) for size in grids}
    white = whitening(second_moment(value), config.ridge)
    return Cut(model, layer, white, {size: found.direction for size, found in cells.items()})


def by_plain_adam(cut: Cut, direction: np.ndarray, steps: tuple[int, ...]) -> Icons:
    """Draw icons by Adam at 0.05 and nothing else, as the article's recipe has it, in one run."""
    settings = ax.IconSettings()
    objective = objectives.direction_neuron(
        cut.layer, direction, power=settings.power, whiten=cut.white
    )
    made = ax.visualize(
        cut.model,
        objective,
        jax.random.key(0),
        param=fourier(settings.size),
        transform=similarity(settings.jitter, settings.scale, settings.rotate),
        optimizer=optax.adam(PLAIN),
        loop=Loop(steps[-1], snapshots=steps, leaky_steps=0),
        batch=settings.batch,
    )
    shots = np.round(np.asarray(made.snapshot) * 255).astype(np.uint8)
    return {count: shots[:, i] for i, count in enumerate(steps)}


def some(n: int, count: int) -> np.ndarray:
    """Return up to `count` of n indices, spread evenly."""
    return np.unique(np.linspace(0, n - 1, min(n, count)).round().astype(int))


def measure(
    cut: Cut,
) -> Callable[[UInt8[np.ndarray, "n h w 3"], Float[np.ndarray, "n c"]], Reached]:
    """Return the function that tells how well icons show their directions."""
    model, white = as_pytree(cut.model), jnp.asarray(cut.white, jnp.float32)
    settings = ax.IconSettings()
    move = jax.jit(jax.vmap(similarity(settings.jitter, settings.scale, settings.rotate)))

    @jax.jit
    def cosines(model: Model, images: Array, direction: Array) -> tuple[Array, Array]:
        value = capture(model, images, [cut.layer])[cut.layer]
        middle = value[:, value.shape[1] // 2, value.shape[2] // 2]
        plain = measures.cosine(middle, direction)
        return plain, measures.cosine(middle @ white, direction @ white)

    def reached(icon: UInt8[np.ndarray, "n h w 3"], direction: np.ndarray) -> Reached:
        images = jnp.asarray(icon, jnp.float32) / 255.0
        target = jnp.asarray(direction, jnp.float32)
        found = [float(values.mean()) for values in cosines(model, images, target)]
        keys = jax.random.split(jax.random.key(1), (MOVES, len(images)))
        moved = [cosines(model, move(own, images), target) for own in keys]
        return Reached(*found, *(float(jnp.stack(v).mean()) for v in zip(*moved, strict=True)))

    return reached


def steps_to(reached: float, steps: Sequence[float], curve: Sequence[float]) -> float | None:
    """Return after how many steps a curve reaches a value, between its points by logarithms.

    None where it never does; where it begins above, its first number of steps.
    """
    highest = np.maximum.accumulate(curve)
    if reached > highest[-1]:
        return None
    return float(np.exp(np.interp(reached, highest, np.log(steps))))
