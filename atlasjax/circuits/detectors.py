"""Detectors found by tuning alone: curves, fine beside coarse, black and white without colour.

No image, label or visualization is looked at: a unit is a curve detector if it answers as one. Each
criterion is a few numbers, stated in its class. Those about angles are taken from published curves:
of the ten curve detectors of Lucid's mixed3b (Cammarata et al. 2020) all have strengths from .89,
answer at most .01 of their peak half a circle away, and are 29 to 69 degrees wide at half of it,
while units of mixed4a that are no curves have strengths below .3. The others say what the articles
say in words: that such units do not care how a curve is drawn, and prefer it to what is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.circuits import stimuli
from atlasjax.circuits.selectivity import Angular, angular, chromatic
from atlasjax.circuits.stimuli import sets
from atlasjax.circuits.tuning import Stage, stage, tuning_map
from atlasjax.taps import Model

HUES = np.arange(0, 360, 30.0)
RADII = (0.09, 0.13, 0.2, 0.3, 0.45, 0.65, 0.95)  # of curves, as parts of the field
SEEDS = (0, 1, 2, 3)
FINE = ((3.0, 12.0), (4.0, 16.0))  # px: wavelengths side by side

_LEAST = (
    "strength",
    "invariance",
    "strong",
    "noise",
    "grey",
    "always",
)  # other bounds are the most

Measures = dict[str, Float[np.ndarray, " units"]]


class Detectors(NamedTuple):
    """Units of a layer that answer as detectors of something.

    Attributes:
        units: those that meet the criterion, the one that answers most first.
        preferred: their angles, in degrees; hues, where they are of colours.
        axis: the angles or hues that were asked.
        answer: of every unit of the layer at each of them.
        measures: of every unit, by name, what the criterion looks at.
    """

    units: Int[np.ndarray, " found"]
    preferred: Float[np.ndarray, " found"]
    axis: Float[np.ndarray, " axis"]
    answer: Float[np.ndarray, "axis units"]
    measures: Measures


@dataclass(frozen=True)
class CurveCriterion:
    """What a curve detector is.

    Attributes:
        strength: least of its tuning to angles; see `selectivity.Angular`.
        opposite: most that it answers to the opposite curve, as a part of its peak.
        width: most of its tuning curve at half of its peak, in degrees.
        invariance: least answer to its curve drawn as a light or a dark stroke, or as the edge of a
            light or a dark disc, as a part of the largest of the four.
        straight: most that it answers to straight lines and edges, as a part of its peak.
        others: most that it answers to circles, discs, gratings, textures, likewise.
        corner: most that it answers to corners, likewise.
        strong: least of its peak, as a part of the largest of the layer; of the published ten the
            weakest has .65.
    """

    strength: float = 0.85
    opposite: float = 0.05
    width: float = 90.0
    invariance: float = 0.5
    straight: float = 0.5
    others: float = 0.75
    corner: float = 1.0
    strong: float = 0.3


@dataclass(frozen=True)
class HighLowCriterion:
    """What a detector of fine textures beside coarse ones is.

    Attributes:
        strength: least of its tuning to the direction of the fine side; a cosine, which is what a
            sum of two halves gives, has pi / 4.
        opposite: most that it answers with the sides exchanged, as a part of its peak.
        noise: least of its peak, in standard deviations between textures of the same make.
        texture: most that it answers to either texture alone, as a part of its peak.
        others: most that it answers to lines, edges and gratings, likewise.
    """

    strength: float = 0.7
    opposite: float = 0.05
    noise: float = 3.0
    texture: float = 0.35
    others: float = 0.5


@dataclass(frozen=True)
class GreyCriterion:
    """What a detector of black and white without colour is.

    Attributes:
        grey: least of what it answers to grey patterns beside the same in the hue that it answers
            most; see `selectivity.Chromatic`.
        always: least part of the patterns of which it answers grey more than any hue.
    """

    grey: float = 0.15
    always: float = 0.8


def find_curves(
    model: Model, layer: str, *, on: Stage | None = None, criterion: CurveCriterion | None = None
) -> Detectors:
    """Find the units of a layer that detect curves of one direction.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions.
        on: where stimuli are shown; that of the layer by default.
        criterion: what counts as one.

    Returns:
        The units; `preferred` is the direction in which their curve bulges.

    Raises:
        UserError: no such layer, or one without positions.

    >>> toy = lambda images, tap: tap("same", images).mean((1, 2))
    >>> find_curves(toy, "same", on=Stage(16, 8, 8, (8.0, 8.0), 16)).units
    array([], dtype=int64)
    """
    on = stage(model, layer) if on is None else on
    wanted = CurveCriterion() if criterion is None else criterion
    ask = partial(tuning_map, model, layer, on=on)
    axes = {"angle": sets.ANGLES, "radius": on.field * np.array(RADII)}
    drawn = [ask(draw, axes) for draw in sets.curved(on.field)]
    fired = np.maximum(drawn, 0)  # [4, angles, radii, units]
    mean, units = fired.mean(0), np.arange(fired.shape[-1])
    radius = mean.max(0).argmax(0)
    answer = mean[:, radius, units]
    found, best = angular(sets.ANGLES, answer), answer.argmax(0)
    each = fired[:, best, radius, units]
    lines = [ask(draw, {"angle": sets.ANGLES}) for draw in sets.straight(on.field)]
    straight = np.maximum(lines, 0).mean(0)
    others = [*sets.rounded(on.field), *sets.repeated()]
    measures = _angles(found) | {
        "radius": axes["radius"][radius],
        "invariance": _part(each.min(0), each.max(0)),
        "straight": _part(straight.max(0), found.peak),
        "others": _part(_largest(ask, others), each.max(0)),
        "corner": _part(_largest(ask, sets.cornered(on.field)), each.max(0)),
        "strong": np.maximum(found.peak, 0) / max(float(found.peak.max()), 1e-12),
    }
    return chosen(_all(sets.ANGLES, answer, measures), wanted)


def find_high_low(
    model: Model, layer: str, *, on: Stage | None = None, criterion: HighLowCriterion | None = None
) -> Detectors:
    """Find the units of a layer that detect fine textures on one side and coarse on the other.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions.
        on: where stimuli are shown; that of the layer by default.
        criterion: what counts as one.

    Returns:
        The units; `preferred` is the direction in which the fine side lies.

    Raises:
        UserError: no such layer, or one without positions.

    Source: Schubert et al. 2021, "High-Low Frequency Detectors".

    >>> toy = lambda images, tap: tap("same", images).mean((1, 2))
    >>> find_high_low(toy, "same", on=Stage(16, 8, 8, (8.0, 8.0), 16)).units
    array([], dtype=int64)
    """
    on = stage(model, layer) if on is None else on
    wanted = HighLowCriterion() if criterion is None else criterion
    ask = partial(tuning_map, model, layer, on=on)
    axes = {"angle": sets.ANGLES[::2], "seed": SEEDS}
    pairs = [ask(stimuli.high_low, axes, {"high": high, "low": low}) for high, low in FINE]
    every = np.stack(pairs)  # [pairs, angles, seeds, units]
    answer, units = every.mean((0, 2)), np.arange(every.shape[-1])
    found, best = angular(sets.ANGLES[::2], answer), answer.argmax(0)
    alone = {"wavelength": np.unique(FINE), "seed": SEEDS}
    texture = ask(stimuli.textures, alone).mean(1).max(0)
    edges = [(draw, {"angle": sets.ANGLES}) for draw in sets.straight(on.field)]
    measures = _angles(found) | {
        "noise": _part(found.peak, every.std(2).mean(0)[best, units]),
        "texture": _part(texture, found.peak),
        "others": _part(_largest(ask, [*edges, sets.repeated()[0]]), found.peak),
    }
    return chosen(_all(sets.ANGLES[::2], answer, measures), wanted)


def find_black_and_white(
    model: Model, layer: str, *, on: Stage | None = None, criterion: GreyCriterion | None = None
) -> Detectors:
    """Find the units of a layer that answer patterns in black and white, but not in any colour.

    The same textures, gratings and curves are shown in grey and tinted, with the same brightness.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions.
        on: where stimuli are shown; that of the layer by default.
        criterion: what counts as one.

    Returns:
        The units; `axis` has hues, and `answer` the answers to them.

    Raises:
        UserError: no such layer, or one without positions.

    >>> toy = lambda images, tap: tap("same", images).mean((1, 2))
    >>> find_black_and_white(toy, "same", on=Stage(16, 8, 8, (8.0, 8.0), 16)).units
    array([], dtype=int64)
    """
    on = stage(model, layer) if on is None else on
    wanted = GreyCriterion() if criterion is None else criterion
    ask = partial(tuning_map, model, layer, on=on)
    grey, colour = [], []
    for draw, axes in sets.patterned(on.field):
        plain = ask(draw, axes)
        grey.append(plain.reshape(-1, plain.shape[-1]))
        hued = ask(partial(sets.in_hue, draw), {"hue": HUES, **axes})
        colour.append(hued.reshape(len(HUES), -1, plain.shape[-1]))
    plain, hued = np.maximum(np.concatenate(grey), 0), np.maximum(np.concatenate(colour, 1), 0)
    answer = hued.mean(1)
    found = chromatic(HUES, answer, plain.mean(0))
    measures = {
        "preferred": found.preferred,
        "peak": plain.mean(0),
        "grey": found.grey,
        "always": (plain[None] > hued).all(0).mean(0),
    }
    return chosen(_all(HUES, answer, measures), wanted)


def chosen(
    found: Detectors, criterion: CurveCriterion | HighLowCriterion | GreyCriterion
) -> Detectors:
    """Choose units by another criterion, without asking the network again.

    Args:
        found: what one of the functions above returned.
        criterion: of the same kind.

    >>> measures = {name: np.array([0.1, 0.9]) for name in ("peak", "preferred", "grey", "always")}
    >>> found = Detectors(np.zeros(0, int), np.zeros(0), HUES, np.zeros((12, 2)), measures)
    >>> chosen(found, GreyCriterion(grey=0.5, always=0.5)).units
    array([1])
    """
    measures = found.measures
    meets = measures["peak"] > 0
    for name, bound in vars(criterion).items():
        meets &= measures[name] >= bound if name in _LEAST else measures[name] <= bound
    units = np.flatnonzero(meets)
    units = units[np.argsort(-measures["peak"][units], kind="stable")]
    return found._replace(units=units, preferred=measures["preferred"][units])


def _all(axis: np.ndarray, answer: np.ndarray, measures: Measures) -> Detectors:
    """Return what was measured, with no unit chosen yet."""
    return Detectors(np.zeros(0, int), np.zeros(0), axis, answer, measures)


def _angles(found: Angular) -> Measures:
    names = ("preferred", "strength", "opposite", "width", "peak")
    return {name: getattr(found, name) for name in names}


def _part(value: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return a value as a part of another; infinite beside what is not answered at all."""
    value = np.maximum(value, 0)
    return np.where(whole > 0, value / np.where(whole > 0, whole, 1), np.inf)


def _largest(ask: Callable[..., np.ndarray], shown: list[sets.Shown]) -> np.ndarray:
    """Return the largest answer of each unit to any of several kinds of stimuli."""
    answers = [ask(draw, axes) for draw, axes in shown]
    return np.max([answer.reshape(-1, answer.shape[-1]).max(0) for answer in answers], 0)
