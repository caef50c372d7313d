"""Selectivity: what a tuning curve prefers, and how much it does.

Angles are directions on a circle, so that means are circular: a unit that answers at 350 and at 10
degrees prefers 0, not 180. What is periodic after 180 degrees, such as lines, is measured on a
circle of 180.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from atlasjax.errors import UserError

Reals = Float[np.ndarray, " units"]


class Angular(NamedTuple):
    """What units prefer of a circle of angles, and how much; of what they answer above 0.

    Attributes:
        preferred: the angle of the largest answer, in degrees.
        mean: the circular mean of angles, weighted by answers, in degrees.
        strength: length of that mean: 1 for one angle alone, 0 for all alike, or none preferred.
        opposite: what is answered half a circle away from the largest, as a part of it.
        width: how many degrees lie above half of the largest answer.
        peak: the largest answer itself.
    """

    preferred: Reals
    mean: Reals
    strength: Reals
    opposite: Reals
    width: Reals
    peak: Reals


class Chromatic(NamedTuple):
    """What units answer to colours, beside what they answer to the same in grey.

    Attributes:
        preferred: the hue of the largest answer, in degrees.
        strength: length of the circular mean of what hues add to the least of them: 1 for one hue
            alone, 0 for all alike.
        grey: what grey is answered beside the hue that is answered most: 1 where no hue is, 0 where
            both are alike, -1 where grey is not.
    """

    preferred: Reals
    strength: Reals
    grey: Reals


class Joint(NamedTuple):
    """How the units of a family share a circle among them.

    Attributes:
        order: the family's members by their preferred angle, as places in the family.
        angle: their preferred angles, rising, in degrees.
        gap: the widest stretch between two neighbours, in degrees.
        cover: at each angle the largest answer of any, each unit's peak being 1.
        evenness: the least of `cover`: 1 where some unit is at its peak for every angle.
        overlap: mean correlation of neighbours' curves.
    """

    order: np.ndarray
    angle: np.ndarray
    gap: float
    cover: Float[np.ndarray, " angles"]
    evenness: float
    overlap: float


def angular(
    angle: Float[np.ndarray, " angles"],
    answer: Float[np.ndarray, "angles units"],
    period: float | int = 360,
) -> Angular:
    r"""Measure tuning to an angle.

    With $r_i = \max(\text{answer}_i, 0)$ the mean is the argument of
    $\sum_i r_i e^{2 \pi i \theta_i / P}$, its strength the length of that over $\sum_i r_i$.

    Args:
        angle: evenly spaced over the period, in degrees.
        answer: of each unit; see `tuning`.
        period: 360 for directions, 180 for orientations.

    Raises:
        UserError: angles that are not evenly spaced over the period.

    Source: Mazurek, Kager and Van Hooser 2014, "Robust quantification of orientation selectivity
    and direction selectivity", equations 3 and 4.

    >>> angle = np.arange(0, 360, 10.0)
    >>> found = angular(angle, np.cos(np.radians(angle - 350))[:, None])
    >>> found.preferred.tolist(), found.width.round().tolist(), found.opposite.tolist()
    ([350.0], [120.0], [0.0])
    """
    step = period / len(angle)
    order = np.argsort(angle % period)
    if not np.allclose(np.diff(angle[order] % period), step):
        raise UserError(f"{len(angle)} angles: must lie evenly over {period} degrees")
    fired = np.maximum(answer[order], 0)
    ray = np.exp(2j * np.pi * angle[order] / period)[:, None]
    total = fired.sum(0)
    mean = (fired * ray).sum(0) / np.where(total > 0, total, 1)
    best, units = fired.argmax(0), np.arange(fired.shape[1])
    peak = fired[best, units]
    against = fired[(best + len(angle) // 2) % len(angle), units]
    return Angular(
        angle[order][best] % period,
        np.degrees(np.angle(mean)) * period / 360 % period,
        np.abs(mean),
        against / np.where(peak > 0, peak, 1),
        np.array([_width(curve, step) for curve in fired.T]),
        answer.max(0),
    )


def chromatic(
    hue: Float[np.ndarray, " hues"],
    answer: Float[np.ndarray, "hues units"],
    grey: Float[np.ndarray, " units"],
) -> Chromatic:
    r"""Measure tuning to hue, and against colour.

    Args:
        hue: evenly spaced over 360 degrees.
        answer: of each unit to something in these hues.
        grey: of each unit to the same without colour.

    Returns:
        Of each unit; `grey` is $(g - c) / (g + c)$ with g and c what is answered above 0.

    >>> hue = np.array([0.0, 120.0, 240.0])
    >>> answer = np.array([[2.0, -1.0], [0.0, -1.0], [0.0, -1.0]])
    >>> found = chromatic(hue, answer, np.array([0.0, 3]))
    >>> found.preferred.tolist(), found.strength.round(3).tolist(), found.grey.tolist()
    ([0.0, 0.0], [1.0, 0.0], [-1.0, 1.0])
    """
    best = np.maximum(answer.max(0), 0)
    plain = np.maximum(grey, 0)
    total = best + plain
    found = angular(hue, answer - answer.min(0))
    against = (plain - best) / np.where(total > 0, total, 1)
    return Chromatic(hue[answer.argmax(0)], found.strength, against)


def joint(
    angle: Float[np.ndarray, " angles"],
    answer: Float[np.ndarray, "angles units"],
    family: Sequence[int],
    period: float | int = 360,
) -> Joint:
    """Measure how the units of a family share the angles among them.

    Args:
        angle: evenly spaced over the period, in degrees.
        answer: of each unit of the layer.
        family: units, such as those that `detectors` finds.
        period: 360 for directions, 180 for orientations.

    Raises:
        UserError: a family without units.

    >>> angle = np.arange(0, 360, 10.0)
    >>> found = joint(angle, np.cos(np.radians(angle[:, None] - np.array([90, 0, 270]))), [0, 1, 2])
    >>> found.order.tolist(), found.gap, found.cover[[0, 18]].round(3).tolist()
    ([1, 0, 2], 180.0, [1.0, 0.0])
    """
    if not len(family):
        raise UserError("a family without units: give one at least")
    curves = np.maximum(answer[:, list(family)], 0)
    curves = curves / np.where(curves.max(0) > 0, curves.max(0), 1)
    preferred = angular(angle, curves, period).preferred
    order = np.argsort(preferred, kind="stable")
    turned = preferred[order]
    gaps = np.diff(turned, append=turned[0] + period)
    cover = curves.max(1)
    return Joint(
        order, turned, float(gaps.max()), cover, float(cover.min()), _overlap(curves[:, order])
    )


def _overlap(curves: Float[np.ndarray, "angles units"]) -> float:
    """Return the mean correlation of each curve with the next; 1 for one alone."""
    if curves.shape[1] == 1:
        return 1.0
    centred = curves - curves.mean(0)
    norm = np.linalg.norm(centred, axis=0)
    unit = centred / np.where(norm > 0, norm, 1)
    return float((unit * np.roll(unit, -1, 1)).sum(0).mean())


def _width(curve: Float[np.ndarray, " angles"], step: float) -> float:
    """Return how much of a circle lies above half of a curve's peak, between angles as on lines."""
    half = curve.max() / 2
    if half <= 0:
        return 0.0
    here, there = curve - half, np.roll(curve, -1) - half
    both = (here > 0) & (there > 0)
    crossing = (here > 0) != (there > 0)
    high, low = np.maximum(here, there), np.minimum(here, there)
    part = np.where(crossing, high / np.where(high > low, high - low, 1), 0)
    return float(step * (both + part).sum())
