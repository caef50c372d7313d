"""The part of a run that speaks for some classes, of which `workflows.views` makes maps.

Which activations speak for a class stands in `atlas.select`; here they are found among a run's
artifacts.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float16, Int

from atlasjax.atlas import select
from atlasjax.atlas.rows import take
from atlasjax.runs import origins
from atlasjax.runs.job import Run
from atlasjax.runs.stages import FORMAT, stored
from atlasjax.runs.stages.whitening import Whitening
from atlasjax.storage import artifacts, rows
from atlasjax.storage.remedy import damaged


class Part(NamedTuple):
    """Those activations of a layer that have to do with the classes.

    Attributes:
        which: their rows among all of the layer's.
        values: gives the activations.
        effect: gives their attributions.
        whitening: gives the whole layer's whitening.
        digest: of what all this was made from.
    """

    which: Int[np.ndarray, " selected"]
    values: Callable[[], Float[np.ndarray, "selected c"]]
    effect: Callable[[], Float16[np.ndarray, "selected classes"]]
    whitening: Callable[[], Whitening]
    digest: str


def part_of(
    run: Run,
    name: str,
    classes: Sequence[int],
    *,
    top: int,
    evidence: float | int,
    labels: Sequence[int] | None = None,
) -> Part:
    """Select what of a layer speaks for any of some classes, each by itself; or what shows them.

    Args:
        run: a finished one.
        name: the layer, as the run calls it.
        classes: their indices.
        top: how many activations to take that speak most for a class, at most; see
            `atlas.select.of_class`.
        evidence: and how much of all that speaks for it they are to hold.
        labels: take all activations of images that are labelled so instead.

    Returns:
        The part; what it gives is read from disk when it is asked for.

    Raises:
        UserError: the layer's activations or attributions are missing or damaged.
    """
    folder = run.layer(name)
    digest = artifacts.fingerprint_of(folder / "activations.npz")
    if digest is None:
        raise damaged(folder / "activations.npz")
    made_from = artifacts.fingerprint(**origins.attribution(digest))
    effect = rows.mapped(folder / "attribution.npz", "value", made_from)
    if effect is None:
        raise damaged(folder / "attribution.npz")
    if labels is None:
        chosen = [select.of_class(effect, index, top=top, evidence=evidence) for index in classes]
        which = functools.reduce(np.union1d, chosen)
    else:
        which = np.flatnonzero(np.isin(stored.read(folder / stored.FILE).label, labels))

    def values() -> Float[np.ndarray, "selected c"]:
        return take(stored.read(folder / stored.FILE).value, which)

    return Part(
        which,
        values,
        lambda: np.asarray(effect[which]),
        lambda: artifacts.read(folder / "whitening.npz", Whitening),
        artifacts.fingerprint(
            stage="part", of=made_from, classes=classes, selected=which.tolist(), format=FORMAT
        ),
    )
