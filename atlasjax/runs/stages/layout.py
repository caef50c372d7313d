"""A layer's map, or one map that the layers of two networks share."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from atlasjax import progress
from atlasjax.atlas.joint import joint
from atlasjax.atlas.layout import layout
from atlasjax.atlas.methods import UMAP
from atlasjax.atlas.warmup import warm_up
from atlasjax.runs import origins
from atlasjax.runs.job import Run
from atlasjax.runs.stages.whitening import Whitening
from atlasjax.storage import artifacts


class Layout(NamedTuple):
    """A layer's map.

    Attributes:
        xy: x to the right and y downwards, in [0, 1].
        note: what there is to say of it, a line of text; mostly empty.
    """

    xy: Float[np.ndarray, "n 2"]
    note: np.ndarray = np.array("")


class Laid(NamedTuple):
    """A map with its fingerprint."""

    xy: Float[np.ndarray, "n 2"]
    digest: str


def prepare(run: Run) -> None:
    """Begin to compile what the layouts need, where one is not on disk yet.

    Args:
        run: the run.
    """
    settings = [run.config.layout_settings(group[0]) for group in run.maps]
    laid = all((run.layer(name) / "layout.npz").exists() for name in run.names)
    if not laid and run.config.layout == UMAP:
        count = len(run.source) * run.config.samples_per_image
        warm_up(count, [one["metric"] for one in settings])


def lay_out(
    run: Run,
    group: Sequence[str],
    values: Mapping[str, Callable[[], Float[np.ndarray, "n _"]]],
    whitenings: Mapping[str, Callable[[], Whitening]],
    digests: Mapping[str, str],
    before: Laid | None,
) -> Laid:
    """Lay one layer out, if that was not done yet; or the same layer of two networks.

    Args:
        run: the run.
        group: the layers that share the map.
        values: their activations, of the same images and positions.
        whitenings: their whitenings, which only a shared map needs.
        digests: fingerprints of the activations.
        before: the map that this one is aligned with.

    Returns:
        The map, which is kept with every layer of the group.
    """
    settings = run.config.layout_settings(group[0])
    aligned = None if before is None else before.digest
    origin = origins.layout(run, group, [digests[name] for name in group], aligned)
    digest = artifacts.fingerprint(**origin)

    def features() -> Float[np.ndarray, "n c"]:
        if len(group) == 1:
            return values[group[0]]()
        white = [(values[n]() @ whitenings[n]().matrix).astype(np.float32) for n in group]
        return joint(white, settings["metric"])

    def lay() -> Layout:
        found, title, notes = features(), f"layout {group[0]}", [""]
        like = None if before is None else before.xy
        with run.timed(title), progress.spinner(f"{title}: {len(found):,} activations"):
            xy = layout(found, like=like, note=notes.append, **settings)
        return Layout(xy, np.array(notes[-1]))

    laid = artifacts.cached(run.layer(group[0]) / "layout.npz", Layout, digest, lay)
    for name in group[1:]:
        artifacts.cached(run.layer(name) / "layout.npz", Layout, digest, lambda: laid)
    return Laid(laid.xy, digest)


def remarks(run: Run) -> tuple[str, ...]:
    """Return what there is to say of the maps of a run, a line each."""
    paths = {group[0]: run.layer(group[0]) / "layout.npz" for group in run.maps}
    found = {name: artifacts.load(path, Layout) for name, path in paths.items()}
    said = {name: str(laid.note) for name, laid in found.items() if laid is not None}
    return tuple(f"layer {name}: {note}" for name, note in said.items() if note)
