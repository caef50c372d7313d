"""Single things that a network looks for: neurons, channels, directions, classes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.optvis import objectives as obj
from atlasjax.optvis.objectives import Objective
from atlasjax.progress import Progress, silent
from atlasjax.rectifiers import before_rectifier
from atlasjax.taps import Model
from atlasjax.vis.gallery import SILENT, Gallery, denoised, draw
from atlasjax.vis.settings import Settings, settled


def channels(
    model: Model,
    layer: str,
    which: Sequence[int] | range,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    negative: bool = False,
    progress: Progress = silent,
) -> Gallery:
    """Draw what excites whole channels, at all positions.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: its name; see `atlasjax.layers`.
        which: numbers of channels, from 0.
        key: what the starts and the transforms are drawn from.
        settings: how pictures are made; the defaults of `Settings` if none are given.
        negative: whether to draw what each is against: what takes it furthest below zero. Where a
            rectifier ends the layer, that is the value before it, which is found in any network.
        progress: called with the number of pictures done, and to do so far.

    Returns:
        One picture for each channel, with the channel's mean activation.

    Raises:
        UserError: no channels, ones that the layer does not have, or no such layer.

    Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017.

    >>> import jax
    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> made = channels(toy, "colours", [0, 2], jax.random.key(0), Settings(32, 4))
    >>> made.images.shape, made.captions
    ((2, 32, 32, 3), ('0', '2'))
    """
    found = _chosen(which, f"channels of layer {layer!r}")
    asked = _Asked(obj.channel, found, "mean activation", negative)
    return _units(model, layer, asked, key, settings, progress)


def neurons(
    model: Model,
    layer: str,
    which: Sequence[int] | range,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    negative: bool = False,
    progress: Progress = silent,
) -> Gallery:
    """Draw what excites single neurons: those of the given channels at the layer's centre.

    Only what the neuron sees is drawn; in an early layer that is a patch in the middle.

    Args:
        model: as for `channels`.
        layer: as for `channels`.
        which: as for `channels`; the position is [h // 2, w // 2].
        key: as for `channels`.
        settings: as for `channels`.
        negative: as for `channels`.
        progress: as for `channels`.

    Returns:
        One picture for each neuron, with the neuron's activation.

    Raises:
        UserError: no neurons, ones that the layer does not have, or no such layer.

    Source: Olah et al. 2017, "Optimization objectives".

    >>> import jax
    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> neurons(toy, "colours", range(2), jax.random.key(0), Settings(32, 2)).reached.shape
    (2,)
    """
    found = _chosen(which, f"neurons of layer {layer!r}")
    asked = _Asked(obj.neuron, found, "activation", negative)
    made = _units(model, layer, asked, key, settings, progress)
    return made._replace(title=f"{made.title}, neurons")


def directions(
    model: Model,
    layer: str,
    vectors: Float[np.ndarray, "*n c"],
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    power: float | int = 2.0,
    negative: bool = False,
    captions: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Gallery:
    """Draw directions of a layer's activations, at all positions.

    Args:
        model: as for `channels`.
        layer: as for `channels`.
        vectors: one direction, [c], or several, [n, c]; their lengths do not matter.
        key: as for `channels`.
        settings: as for `channels`.
        power: of the cosine in the objective; see `objectives.direction`.
        negative: whether to draw their opposites, before the rectifier; see `channels`. Nothing
            behind a rectifier is in a direction of which no part is above zero.
        captions: one for each direction; their numbers by default.
        progress: as for `channels`.

    Returns:
        One picture for each direction, with the mean over all positions of the cosine between the
        activation and the direction.

    Raises:
        UserError: directions that do not fit the layer, or no such layer.

    Source: Olah et al. 2017, "The space of feature visualizations"; Carter et al., "Activation
    Atlas", Distill 2019.

    >>> import jax
    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> made = directions(toy, "colours", np.eye(3), jax.random.key(0), Settings(32, 4))
    >>> made.images.shape, bool((made.reached > 0.5).all())
    ((3, 32, 32, 3), True)
    """
    rows = np.atleast_2d(np.asarray(vectors))
    if captions is not None and len(captions) != len(rows):
        raise UserError(f"{len(captions)} captions for {len(rows)} directions")
    own, title = settled(model, settings), f"{layer}, directions"
    if negative:
        model, layer = before_rectifier(model, layer, own.shape)
        rows, title = -rows, f"{layer}, opposites of directions"
    score = denoised(obj.direction(layer, rows, power=power), own.settings)
    measure = obj.mean_cosine(layer, rows)
    made = draw(model, score, measure, key, own, progress=progress)
    shown = _numbers(range(len(rows))) if captions is None else tuple(captions)
    notes = _unless(made.reached > 0, made.notes, "not above 0")
    return Gallery(made.image, made.reached, shown, "cosine", title, notes=notes)


def classes(
    model: Model,
    which: Sequence[int] | range,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    captions: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Gallery:
    """Draw what makes a network say a class: its logit, before the softmax.

    Args:
        model: a callable pytree `model(images, tap)` that returns logits.
        which: numbers of classes, from 0; see `classes.resolve` for names.
        key: as for `channels`.
        settings: as for `channels`, but `leaky_fraction` is left out.
        captions: one for each class; "class 7" by default.
        progress: as for `channels`.

    Returns:
        One picture for each class, with the probability that the network gives it.

    Raises:
        UserError: classes that the network does not have.

    Source: Simonyan et al., "Deep inside convolutional networks", 2014; Olah et al. 2017.

    >>> import jax
    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> classes(toy, [1], jax.random.key(0), Settings(32, 2)).captions
    ('class 1',)
    """
    found = _chosen(which, "classes")
    if captions is not None and len(captions) != len(found):
        raise UserError(f"{len(captions)} captions for {len(found)} classes")
    # A logit is never silent, and what leaks through a whole network leads it astray.
    own = settled(model, replace(settings or Settings(), leaky_fraction=0.0))
    score, measure = denoised(obj.class_logit(found), own.settings), obj.log_probability(found)
    made = draw(model, score, measure, key, own, numbers=found, progress=progress)
    shown = tuple(f"class {i}" for i in found) if captions is None else tuple(captions)
    # A logarithm of 0 is certainty, and no silence.
    notes = tuple("" if note == SILENT else note for note in made.notes)
    return Gallery(made.image, np.exp(made.reached), shown, "probability", "classes", notes=notes)


class _Asked(NamedTuple):
    """Which units are drawn.

    Attributes:
        objective: of a layer and numbers of channels.
        which: the numbers.
        measure: what is reached.
        negative: whether what is against them is drawn.
    """

    objective: Callable[[str, list[int]], Objective]
    which: list[int]
    measure: str
    negative: bool


def _units(
    model: Model,
    layer: str,
    asked: _Asked,
    key: Key[Array, ""],
    settings: Settings | None,
    progress: Progress,
) -> Gallery:
    """Draw single units, or what is against them."""
    own, title = settled(model, settings), layer
    if asked.negative:
        model, layer = before_rectifier(model, layer, own.shape)
        title = f"{layer}, negative"
    score = asked.objective(layer, asked.which)
    score = -score if asked.negative else score
    whole = denoised(score, own.settings)
    made = draw(model, whole, score, key, own, numbers=asked.which, progress=progress)
    reached, notes, captions = made.reached, made.notes, _numbers(asked.which)
    if asked.negative:
        notes, reached = _unless(reached > 0, notes, "not below 0"), -reached
    return Gallery(made.image, reached, captions, asked.measure, title, notes=notes)


def _unless(good: np.ndarray, notes: tuple[str, ...], note: str) -> tuple[str, ...]:
    """Return the notes with another one where something is not as it should be, and none yet."""
    return tuple(old or ("" if fine else note) for fine, old in zip(good, notes, strict=True))


def _chosen(which: Sequence[int] | range, what: str) -> list[int]:
    found = [int(i) for i in which]
    if not found:
        raise UserError(f"no {what} to draw: give at least one")
    return found


def _numbers(which: Sequence[int] | range) -> tuple[str, ...]:
    return tuple(str(i) for i in which)
