"""What the one-liners share: how a picture is drawn, and what comes back."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import optax
from jaxtyping import Array, Float, Key

from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.objectives import Objective, total_variation
from atlasjax.optvis.param import Parameterization, fourier
from atlasjax.optvis.schedule import learning_rates
from atlasjax.optvis.transform import Transform
from atlasjax.optvis.visualize import visualize
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model
from atlasjax.vis.settings import Made, Settings, views

SILENT = "ends at 0"
"""Said of a picture whose unit nothing has woken."""

NOT_FINITE = "not finite"
"""Said of a picture for which the network gave infinities, or numbers that are none."""


class Gallery(NamedTuple):
    """Finished pictures.

    Attributes:
        images: in [0, 1], of as many channels as the network takes.
        reached: what each reached, measured without a transform; NaN where nothing is measured.
        captions: what each shows.
        measure: what `reached` is: "mean activation", "cosine".
        title: what all of them show.
        columns: how many belong side by side; 0 for any number.
        notes: what must be known of each, such as `SILENT`; "" for nothing. None at all for nothing
            of any.
    """

    images: Float[np.ndarray, "n h w c"]
    reached: Float[np.ndarray, " n"]
    captions: tuple[str, ...]
    measure: str
    title: str
    columns: int = 0
    notes: tuple[str, ...] = ()


class Drawn(NamedTuple):
    """What was drawn for each unit; where a unit has frames, they are the second axis.

    Attributes:
        image: in [0, 1], of as many channels as the network takes.
        reached: the measure of each, without a transform.
        notes: what must be known of each picture, frame by frame; see `Gallery`.
    """

    image: Float[np.ndarray, "units *frames h w c"]
    reached: Float[np.ndarray, "units *frames"]
    notes: tuple[str, ...]


def draw(
    model: Model,
    objective: Objective,
    measure: Objective,
    key: Key[Array, ""],
    made: Made,
    *,
    param: Parameterization | None = None,
    transform: Transform | None = None,
    numbers: Sequence[int] | None = None,
    progress: Progress = silent,
) -> Drawn:
    """Make a picture, or a set of them, for each unit of an objective.

    Args:
        model: a callable pytree `model(images, tap)`.
        objective: what is made large; see `denoised`.
        measure: what is reported as reached.
        key: what the starts and the transforms are drawn from.
        made: how pictures are made; see `settings.settled`.
        param: what is optimized; by default `fourier` of the settings' size.
        transform: a random change in each step; by default `similarity` as the settings have it.
        numbers: what each unit's key is drawn by; see `visualize`.
        progress: called with the number of units done, and to do so far.

    Returns:
        The units, in the order of the objective's.

    Raises:
        UserError: settings out of range, or an objective that does not fit the model.

    >>> import jax
    >>> from atlasjax.optvis.objectives import neuron
    >>> from atlasjax.vis.settings import settled
    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> red = neuron("colours", [0])
    >>> draw(toy, red, red, jax.random.key(0), settled(toy, Settings(32, 2))).image.shape
    (1, 32, 32, 3)
    """
    settings = made.settings
    recipe = _recipe(made.size, settings.steps, settings.learning_rate, made.channels)
    found = visualize(
        model,
        objective,
        key,
        param=param or recipe.param,
        transform=transform or views(made),
        optimizer=recipe.optimizer,
        loop=Loop(settings.steps, leaky_steps=round(settings.leaky_fraction * settings.steps)),
        measure=measure,
        numbers=numbers,
        batch=settings.batch,
        attempts=settings.attempts,
        retry_below=float("inf"),
        progress=progress,
    )
    reached = np.asarray(found.reached)
    lost = np.broadcast_to(found.lost.reshape(-1, *[1] * (reached.ndim - 1)), reached.shape)
    return Drawn(np.asarray(found.image), reached, _notes(reached, lost))


def _notes(reached: np.ndarray, lost: np.ndarray) -> tuple[str, ...]:
    finite = np.isfinite(reached) & (lost == 0)
    notes = np.where(finite, np.where(reached == 0, SILENT, ""), NOT_FINITE)
    return tuple(map(str, notes.ravel()))


def told(gallery: Gallery) -> list[str]:
    """Return what must be known of a gallery's pictures, a line for each note.

    >>> images, reached = np.zeros((3, 8, 8, 3)), np.zeros(3)
    >>> told(Gallery(images, reached, ("3", "7", "9"), "x", "t", notes=(SILENT, "", SILENT)))
    ['2 of 3: ends at 0 (3, 9)']
    """
    lines = []
    for note in dict.fromkeys(filter(None, gallery.notes)):
        which = [c for c, n in zip(gallery.captions, gallery.notes, strict=True) if n == note]
        listed = ", ".join(which[:_LISTED]) + (", ..." if len(which) > _LISTED else "")
        lines.append(f"{len(which)} of {len(gallery.captions)}: {note} ({listed})")
    return lines


_LISTED = 12  # captions that a line names


def denoised(objective: Objective, settings: Settings) -> Objective:
    """Return an objective that noise makes smaller: `o - total_variation * TV * |o|`.

    As a part of the objective, the penalty suits every layer, whatever the size of its activations;
    also where it is below 0 still, as logits and the negatives of units are at first.

    Args:
        objective: what is made large.
        settings: how pictures are made.

    >>> from atlasjax.optvis.objectives import channel
    >>> denoised(channel("mixed4a", 3), Settings()).layers
    ('mixed4a',)
    """
    weight = settings.total_variation
    return objective - abs(objective) * (weight * total_variation()) if weight else objective


class _Recipe(NamedTuple):
    param: Parameterization
    optimizer: optax.GradientTransformation


@functools.lru_cache(maxsize=32)
def _recipe(size: tuple[int, int], steps: int, peak: float, channels: int) -> _Recipe:
    """Make the parts that are functions once, so that calls share what was compiled."""
    param = fourier(size, correlation=correlation_for(channels))
    return _Recipe(param, optax.adam(learning_rates(peak, max(steps, 1))))
