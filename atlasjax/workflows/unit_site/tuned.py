"""Tuned: what every unit of a layer answers to stimuli, and the families that are found by it."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from atlasjax.circuits.detectors import (
    Detectors,
    find_black_and_white,
    find_curves,
    find_high_low,
)
from atlasjax.circuits.tuning import MOST, Stage, stage
from atlasjax.optvis.sizes import takes
from atlasjax.page.units.contents import Family, Tuning
from atlasjax.progress import bar
from atlasjax.storage import artifacts
from atlasjax.taps import Model
from atlasjax.workflows.unit_site.work import Work


class _Kind(NamedTuple):
    """Something that units can be tuned to.

    Attributes:
        stage: what it is called in the work folder.
        find: finds the units that detect it.
        title: of the tuning curves.
        family: the name of the units that are found.
        note: how these were found.
    """

    stage: str
    find: Callable[..., Detectors]
    title: str
    family: str
    note: str


_KINDS = (
    _Kind(
        "curves",
        find_curves,
        "Curves by angle",
        "curves",
        "by tuning: answer curves of one direction, however drawn, and not lines or textures",
    ),
    _Kind(
        "high-low",
        find_high_low,
        "Fine beside coarse, by angle",
        "high-low frequency",
        "by tuning: answer a fine texture on one side and a coarse one on the other",
    ),
    _Kind(
        "colour",
        find_black_and_white,
        "Patterns by hue",
        "black and white",
        "by tuning: answer patterns in grey, and the same in no hue",
    ),
)


class Tuned(NamedTuple):
    """What all units of a layer answer to one kind of stimulus, as it is kept.

    Attributes:
        axis: angles or hues, in degrees.
        answer: of each unit.
        preferred: of each unit; NaN where it answers nothing.
        member: whether it detects this.
    """

    axis: Float[np.ndarray, " x"]
    answer: Float[np.ndarray, "units x"]
    preferred: Float[np.ndarray, " units"]
    member: Bool[np.ndarray, " units"]


def tuned(
    work: Work, model: Model, layer: str, shape: tuple[int, int, int]
) -> tuple[Tuned, ...] | None:
    """Show stimuli to a layer, or take what was found before.

    Args:
        work: where it is kept.
        model: a callable pytree `model(images, tap)`.
        layer: its name.
        shape: of the network's images.

    Returns:
        Its tuning to curves, to fine beside coarse textures and to colour; None where images have
        no colour, which stimuli have.
    """
    if shape[2] != 3:
        return None
    found = []
    with bar(f"{layer} tuning", "kinds") as progress:
        for done, kind in enumerate(_KINDS):
            progress(done, len(_KINDS))
            made_from = work.made_from("tuned", layer, kind=kind.stage)
            path = work.path(layer, kind.stage)
            found.append(
                artifacts.cached(
                    path,
                    Tuned,
                    made_from,
                    lambda kind=kind: _tuned(
                        kind.find(model, layer, on=_stage(model, layer, shape))
                    ),
                )
            )
        progress(len(_KINDS), len(_KINDS))
    return tuple(found)


def curves_of(found: Sequence[Tuned], units: Sequence[int]) -> tuple[Tuning, ...]:
    """Return the tuning curves of some units.

    Args:
        found: what `tuned` returned of their layer.
        units: their numbers.
    """
    rows = np.asarray(units)
    return tuple(
        Tuning(kind.title, "degrees", one.axis, one.answer[rows], True, one.preferred[rows])
        for kind, one in zip(_KINDS, found, strict=True)
    )


def families(found: Sequence[Tuned], units: Collection[int]) -> tuple[Family, ...]:
    """Return the families that tuning finds among some units, ordered by what they prefer.

    Args:
        found: what `tuned` returned of their layer.
        units: numbers of those that are shown.

    >>> one = Tuned(np.zeros(1), np.zeros((3, 1)), np.array([90.0, 45, 0]), np.array([1, 1, 0]) > 0)
    >>> families([one] * 3, [0, 1, 2])[0].units
    (1, 0)
    """
    made = []
    for kind, one in zip(_KINDS, found, strict=True):
        members = [int(unit) for unit in np.flatnonzero(one.member) if unit in units]
        members.sort(key=lambda unit: float(one.preferred[unit]))
        if members:
            made.append(Family(kind.family, tuple(members), kind.note))
    return tuple(made)


def _tuned(found: Detectors) -> Tuned:
    answer, measures = found.answer.T, found.measures
    member = np.zeros(len(answer), bool)
    member[found.units] = True
    preferred = np.where(measures["peak"] > 0, measures["preferred"], np.nan)
    return Tuned(np.asarray(found.axis, float), answer, preferred, member)


def _stage(model: Model, layer: str, shape: tuple[int, int, int]) -> Stage:
    """Return where stimuli are shown: as large as they need be, or as the network takes them."""
    own = shape[0]
    if takes(model, (MOST, MOST, 3)):
        found = stage(model, layer)
        if takes(model, (found.size, found.size, 3)):
            return found
    return stage(model, layer, own)
