"""Ablated: what the strongest edges into units do, each tried by taking its source away."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from atlasjax.circuits.ablation import ablate_edges
from atlasjax.progress import bar
from atlasjax.storage import artifacts
from atlasjax.taps import Model
from atlasjax.workflows.unit_site.work import Work, by_unit

BATCH = 96  # units: every batch compiles, or finds what was compiled


class Ablated(NamedTuple):
    """What ablating edges into some units does.

    Attributes:
        unit: the targets.
        source: the sources that were taken away, the strongest first; -1 where there are fewer.
        effect: what it takes from the target, on average over images and positions.
        idle: whether it does nothing.
    """

    unit: Int[np.ndarray, " units"]
    source: Int[np.ndarray, "units k"]
    effect: Float[np.ndarray, "units k"]
    idle: Bool[np.ndarray, "units k"]


def ablated(
    work: Work,
    model: Model,
    source: str,
    target: str,
    units: Sequence[int],
    strongest: Int[np.ndarray, "all k"],
    many: int,
    images: Float[np.ndarray, "n h w c"],
    digest: str,
) -> Ablated:
    """Ablate the strongest edges into some units, but for those that were tried before.

    Args:
        work: where effects are kept.
        model: a callable pytree `model(images, tap)`.
        source: the earlier layer.
        target: the layer of the units.
        units: their numbers.
        strongest: the source units of every unit of the target, the strongest first; -1 for none.
        many: edges of each unit.
        images: on which effects are measured.
        digest: what tells these from others.
    """
    many = min(many, strongest.shape[1])

    def some(chosen: list[int]) -> Ablated:
        return tried(model, source, target, chosen, strongest[chosen][:, :many], images)

    stage = f"ablated-{artifacts.folder_name(source)}"
    made_from = work.made_from("ablated", target, source=source, many=many, images=digest)
    with bar(f"{source} to {target} ablated", "units") as progress:
        return by_unit(
            work,
            target,
            stage,
            made_from,
            units,
            Ablated,
            some,
            batch=BATCH,
            progress=progress,
        )


def tried(
    model: Model,
    source: str,
    target: str,
    units: Sequence[int],
    into: Int[np.ndarray, "units k"],
    images: Float[np.ndarray, "n h w c"],
) -> Ablated:
    """Ablate edges into some units.

    Args:
        model: a callable pytree `model(images, tap)`.
        source: the earlier layer.
        target: the layer of the units.
        units: their numbers.
        into: for each of them the source units whose edges are ablated; -1 for none.
        images: on which effects are measured.
    """
    rows = zip(units, into.tolist(), strict=True)
    pairs = [(i, unit) for unit, row in rows for i in row if i >= 0]
    effect, idle = np.full(into.shape, np.nan, np.float32), np.zeros(into.shape, bool)
    if pairs:
        done = ablate_edges(model, source, target, pairs, images)
        effect[into >= 0], idle[into >= 0] = -done.target.mean(1), done.idle
    return Ablated(np.asarray(units), into, effect, idle)
