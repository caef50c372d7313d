"""What the one-liners share: how a picture is made, and what comes back.

The defaults differ from those of an atlas's icons, which a batch of thousands must pay for: larger
pictures, steps three times as long, and gradients that leak through rectifiers for the first third,
so that no picture stays grey.
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import optax
from jaxtyping import Array, Float, Key, UInt8

from atlasjax.data.batches import prepare
from atlasjax.data.channels import to_channels
from atlasjax.errors import UserError
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.objectives import Objective, total_variation
from atlasjax.optvis.param import Parameterization, fourier
from atlasjax.optvis.schedule import learning_rates
from atlasjax.optvis.transform import Transform, similarity
from atlasjax.optvis.visualize import visualize
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model

GENTLE = 0.25
"""The part of the random changes that leaves a picture's parts in their places."""


@dataclass(frozen=True)
class Settings:
    """How pictures are made.

    Attributes:
        size: height and width in pixels, at least 32.
        steps: optimization steps, at least 1.
        learning_rate: Adam's at its peak; see `optvis.schedule.learning_rates`.
        total_variation: how much changes from pixel to pixel count against a picture, at least 0:
            what is made large is the objective times `1 - total_variation * TV`.
        leaky_fraction: in which part of the steps gradients leak through rectifiers, from 0 to 1.
        jitter: largest shift in a step, in pixels.
        scale: smallest and largest magnification in a step.
        rotate: largest angle in a step, in degrees.
        attempts: how often each picture is made, from other starts; the best is kept.
        batch: pictures, or sets of them, at a time.
        channels: of the images that the network takes. Three are drawn in decorrelated colours,
            others each for itself.
    """

    size: int = 128
    steps: int = 128
    learning_rate: float | int = 0.5
    total_variation: float | int = 0.5
    leaky_fraction: float | int = 0.3
    jitter: float | int = 8.0
    scale: tuple[float | int, float | int] = (0.9, 1.1)
    rotate: float | int = 8.0
    attempts: int = 1
    batch: int = 16
    channels: int = 3


class Gallery(NamedTuple):
    """Finished pictures.

    Attributes:
        images: in [0, 1], of as many channels as the network takes.
        reached: what each reached, measured without a transform; NaN where nothing is measured.
        captions: what each shows.
        measure: what `reached` is: "mean activation", "cosine".
        title: what all of them show.
        columns: how many belong side by side; 0 for any number.
    """

    images: Float[np.ndarray, "n h w c"]
    reached: Float[np.ndarray, " n"]
    captions: tuple[str, ...]
    measure: str
    title: str
    columns: int = 0


class Drawn(NamedTuple):
    """What was drawn for each unit; where a unit has frames, they are the second axis.

    Attributes:
        image: in [0, 1], of as many channels as the network takes.
        reached: the measure of each, without a transform.
    """

    image: Float[np.ndarray, "units *frames h w c"]
    reached: Float[np.ndarray, "units *frames"]


def draw(
    model: Model,
    objective: Objective,
    measure: Objective,
    key: Key[Array, ""],
    settings: Settings,
    *,
    param: Parameterization | None = None,
    transform: Transform | None = None,
    progress: Progress = silent,
) -> Drawn:
    """Make a picture, or a set of them, for each unit of an objective.

    Args:
        model: a callable pytree `model(images, tap)`.
        objective: what is made large; see `denoised`.
        measure: what is reported as reached.
        key: what the starts and the transforms are drawn from.
        settings: how pictures are made.
        param: what is optimized; by default `fourier` of the settings' size.
        transform: a random change in each step; by default `similarity` as the settings have it.
        progress: called with the number of units done, and to do so far.

    Returns:
        The units, in the order of the objective's.

    Raises:
        UserError: settings out of range, or an objective that does not fit the model.

    >>> import jax
    >>> from atlasjax.optvis.objectives import neuron
    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> red = neuron("colours", [0])
    >>> draw(toy, red, red, jax.random.key(0), Settings(32, 2)).image.shape
    (1, 32, 32, 3)
    """
    check(settings)
    recipe = _recipe(settings.size, settings.steps, settings.learning_rate, settings.channels)
    made = visualize(
        model,
        objective,
        key,
        param=param or recipe.param,
        transform=transform or views(settings),
        optimizer=recipe.optimizer,
        loop=Loop(settings.steps, leaky_steps=round(settings.leaky_fraction * settings.steps)),
        measure=measure,
        batch=settings.batch,
        attempts=settings.attempts,
        retry_below=float("inf"),
        progress=progress,
    )
    return Drawn(np.asarray(made.image), np.asarray(made.reached))


def denoised(objective: Objective, settings: Settings) -> Objective:
    """Return an objective that noise makes smaller: times `1 - total_variation * TV`.

    As a factor, the penalty suits every layer, whatever the size of its activations.

    Args:
        objective: what is made large, of at least 0.
        settings: how pictures are made.

    >>> from atlasjax.optvis.objectives import channel
    >>> denoised(channel("mixed4a", 3), Settings()).layers
    ('mixed4a',)
    """
    weight = settings.total_variation
    return objective * (1.0 - weight * total_variation()) if weight else objective


def views(settings: Settings, part: float = 1.0) -> Transform:
    """Return the random changes of each step, or a part of each of them.

    Args:
        settings: how pictures are made.
        part: `GENTLE` for pictures whose parts have to keep their places.

    >>> type(views(Settings(), GENTLE)).__name__
    'Affine'
    """
    low, high = (1.0 + part * (side - 1.0) for side in settings.scale)
    return similarity(part * settings.jitter, (low, high), part * settings.rotate)


def fitted(
    image: UInt8[np.ndarray, "h w c"] | Float[np.ndarray, "h w c"], size: int, channels: int = 3
) -> Float[np.ndarray, "size size channels"]:
    """Return the square middle of a given picture at the size that is drawn.

    Args:
        image: of any size, from 0 to 255 or as floats in [0, 1].
        size: height and width in pixels.
        channels: how many the network takes; see `data.channels.to_channels`.

    Returns:
        The picture in [0, 1], in 8 bits.

    Raises:
        UserError: another shape or other channels, or floats out of range.

    >>> fitted(np.full((40, 60, 3), 0.2), 32).shape
    (32, 32, 3)
    """
    given = np.asarray(image)
    if given.ndim != 3 or not given.size:
        raise UserError(f"an image of shape {list(given.shape)}: must be [h, w, {channels}]")
    if given.dtype != np.uint8:
        if not (given.min() >= 0 and given.max() <= 1):
            raise UserError("an image of floats below 0 or above 1: must be in [0, 1]")
        given = np.round(given * 255).astype(np.uint8)
    return prepare(to_channels(given, channels), size, size).astype(np.float32) / np.float32(255)


def check(settings: Settings) -> None:
    """Refuse settings that nothing can be made with; the rest is checked where it is used.

    >>> check(Settings(size=8))
    Traceback (most recent call last):
    atlasjax.errors.UserError: size 8: must be at least 32 px
    """
    if settings.channels < 1:
        raise UserError(f"channels {settings.channels}: must be at least 1")
    if settings.size < 32:
        raise UserError(f"size {settings.size}: must be at least 32 px")
    if not settings.learning_rate > 0:
        raise UserError(f"learning_rate {settings.learning_rate}: must be above 0")
    if not settings.total_variation >= 0:
        raise UserError(f"total_variation {settings.total_variation}: must be at least 0")
    if not 0 <= settings.leaky_fraction <= 1:
        raise UserError(
            f"leaky_fraction {settings.leaky_fraction}: must be from 0 to 1, a part of the steps"
        )


class _Recipe(NamedTuple):
    param: Parameterization
    optimizer: optax.GradientTransformation


@functools.lru_cache(maxsize=32)
def _recipe(size: int, steps: int, peak: float, channels: int) -> _Recipe:
    """Make the parts that are functions once, so that calls share what was compiled."""
    param = fourier(size, correlation=correlation_for(channels))
    return _Recipe(param, optax.adam(learning_rates(peak, max(steps, 1))))
