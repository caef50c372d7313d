"""Pictures that are made together: different ones of one thing, and the way between two things."""

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Array, Key

from atlasjax.errors import UserError
from atlasjax.optvis import objectives as obj
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.objectives import Objective
from atlasjax.optvis.param import Parameterization, fourier, low_resolution, shared
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model
from atlasjax.vis.gallery import Gallery, denoised, draw
from atlasjax.vis.settings import Settings, settled

_COARSE = (16, 8, 4)  # parts of the size at which aligned frames share what they show


def diversity(
    model: Model,
    layer: str,
    which: Sequence[int] | range,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    count: int = 4,
    weight: float | int = 0.8,
    among: str | None = None,
    progress: Progress = silent,
) -> Gallery:
    """Draw several pictures of each channel that differ as much as they can.

    `channel (1 + weight * diversity)`: a picture is worth less the more its textures are those of
    the others. As a factor, diversity suits channels of any strength.

    Args:
        model: as for `channels`.
        layer: as for `channels`.
        which: as for `channels`.
        key: as for `channels`.
        settings: as for `channels`.
        count: pictures of each channel, at least 2.
        weight: how much differing counts, from 0 to 1.
        among: the layer whose textures should differ; the channel's own by default.
        progress: called with the number of channels done, and to do so far.

    Returns:
        `count` pictures of each channel, one channel after another, with its mean activation.

    Raises:
        UserError: a count or weight out of range, or what `channels` refuses.

    Source: Olah et al., "Feature Visualization", Distill 2017, "Diversity".

    >>> import jax
    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> made = diversity(toy, "colours", [0], jax.random.key(0), Settings(32, 2), count=2)
    >>> made.images.shape, made.captions
    ((2, 32, 32, 3), ('0 #1', '0 #2'))
    """
    if count < 2:
        raise UserError(f"count {count}: diversity needs at least 2 pictures")
    if not 0 <= weight <= 1:
        raise UserError(f"weight {weight}: must be from 0 to 1")
    found = [int(i) for i in which]
    if not found:
        raise UserError(f"no channels of layer {layer!r} to draw: give at least one")
    score, own = obj.channel(layer, found), settled(model, settings)
    differing = denoised(score * (1.0 + weight * obj.diversity(among or layer)), own.settings)
    param = _frames(own.size, own.channels, count, aligned=False)
    made = draw(model, differing, score, key, own, param=param, numbers=found, progress=progress)
    captions = tuple(f"{i} #{k + 1}" for i in found for k in range(count))
    images = made.image.reshape(-1, *made.image.shape[2:])
    title, reached = f"{layer}, diversity", made.reached.ravel()
    return Gallery(images, reached, captions, "mean activation", title, count, made.notes)


def interpolation(
    model: Model,
    first: Objective,
    second: Objective,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    frames: int = 6,
    title: str = "interpolation",
    progress: Progress = silent,
) -> Gallery:
    """Draw the way from one objective to another.

    All pictures share what they show in broad forms, so that things stay where they are while they
    change.

    Args:
        model: as for `channels`.
        first: what the first picture is made for, of at least 0.
        second: what the last picture is made for, of at least 0.
        key: as for `channels`.
        settings: as for `channels`, but a third of the learning rate is taken.
        frames: pictures, at least 2.
        title: what is interpolated.
        progress: called with the number of interpolations done: 1, at the end.

    Returns:
        The pictures in their order, each with its own mixture of both objectives.

    Raises:
        UserError: too few pictures, or objectives that do not fit the model.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill 2018, "Aligned
    feature visualization interpolation".

    >>> import jax
    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> ends = obj.channel("colours", 0), obj.channel("colours", 2)
    >>> made = interpolation(toy, *ends, jax.random.key(0), Settings(32, 2), frames=3)
    >>> made.captions
    ('0%', '50%', '100%')
    """
    if frames < 2:
        raise UserError(f"frames {frames}: an interpolation needs at least 2")
    settings = settings or Settings()
    # Every step moves what is shared as well, which adds up.
    slower = replace(settings, learning_rate=settings.learning_rate / len(_COARSE), batch=1)
    own, score = settled(model, slower), obj.interpolate(first, second)
    param = _frames(own.size, own.channels, frames, aligned=True)
    made = draw(model, denoised(score, slower), score, key, own, param=param, progress=progress)
    captions = tuple(f"{100 * k / (frames - 1):.0f}%" for k in range(frames))
    images, reached = made.image[0], np.asarray(made.reached[0])
    return Gallery(images, reached, captions, "mixed objective", title, frames, made.notes)


@functools.lru_cache(maxsize=32)
def _frames(size: tuple[int, int], channels: int, count: int, aligned: bool) -> Parameterization:
    make = functools.partial(fourier, correlation=correlation_for(channels))
    height, width = size
    coarse = [(max(height // part, 2), max(width // part, 2)) for part in _COARSE]
    common = [low_resolution(make(one), size) for one in coarse] if aligned else []
    return shared(make(size), count, common)
