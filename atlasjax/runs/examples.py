"""Examples of a run: for every level the patches nearest to its cells, in one pass over images.

Beside `pipeline`, whose artifacts it reads; what an example is stands in `atlas.examples`.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from atlasjax import progress
from atlasjax.atlas.examples import PER_CELL, Examples, field_of, largest_of, nearest
from atlasjax.atlas.grid import Cells
from atlasjax.data.patches import Wanted, cut_all, windows
from atlasjax.data.subset import Subset
from atlasjax.progress import Progress
from atlasjax.runs import origins
from atlasjax.runs.job import Run
from atlasjax.runs.stages import stored
from atlasjax.storage import artifacts


def examples(run: Run, k: int = PER_CELL) -> list[tuple[str, int]]:
    """Cut the examples of every level of a run, where that was not done yet.

    Args:
        run: the run, whose levels have been cut: see `pipeline.run`.
        k: how many for each cell.

    Returns:
        The levels, by layer and grid; read them with `open_examples`.
    """
    config = run.config
    names = [(layer, grid) for layer in run.names for grid in config.grids]
    cells = {name: artifacts.fingerprint_of(run.level(*name) / "cells.npz") for name in names}
    digests = {name: artifacts.fingerprint(**origins.examples(cells[name], k)) for name in names}
    paths = {name: run.level(*name) / "examples.npz" for name in names}
    missing = [n for n in names if not artifacts.holds(paths[n], digests[n], through=True)]
    if not missing:
        return names
    with run.timed("examples"), progress.bar("examples", "images") as report:
        chosen = _choose(run, missing, k)
        patches = _cut(run, {name: found[1] for name, found in chosen.items()}, report)
        for name, (made, _) in chosen.items():
            artifacts.save(paths[name], made._replace(patch=patches[name]), digests[name])
    return names


def _choose(
    run: Run, names: Iterable[tuple[str, int]], k: int
) -> dict[tuple[str, int], tuple[Examples, Wanted]]:
    """Choose the examples of each level, layer by layer; their patches are still to be cut."""
    found = {}
    for layer in dict.fromkeys(layer for layer, _ in names):
        activations = stored.read(run.layer(layer) / stored.FILE)
        network, own = run.network(layer)
        field = field_of(network.model, own, activations, run.config.crop[0], run.channels)
        for grid in (grid for name, grid in names if name == layer):
            cells = artifacts.read(run.level(layer, grid) / "cells.npz", Cells)
            near = nearest(cells, activations.value, activations.image, k)
            absent = near.member < 0
            image = np.where(absent, -1, activations.image[near.member])
            position = np.where(absent[..., None], -1, activations.position[near.member])
            largest, side = largest_of(activations), run.config.crop[0]
            window = windows(position.reshape(-1, 2), field, side, largest=largest)
            empty = np.zeros((*image.shape, 0, 0, run.channels), np.uint8)
            made = Examples(empty, near.cosine, image, position)
            found[layer, grid] = made, Wanted(image, window.reshape(*image.shape, 3))
    return found


def _cut(
    run: Run, wanted: Mapping[tuple[str, int], Wanted], report: Progress
) -> Mapping[tuple[str, int], UInt8[np.ndarray, "cells k size size channels"]]:
    needed = np.unique(np.concatenate([want.image.ravel() for want in wanted.values()]))
    needed = needed[needed >= 0]
    subset = Subset(run.source, tuple(needed.tolist()))
    numbered = {  # a subset numbers its images anew
        name: want._replace(image=np.where(want.image < 0, -1, np.searchsorted(needed, want.image)))
        for name, want in wanted.items()
    }
    images, folder = run.batches(subset), run.folder
    shown = {"channels": run.channels, "total": len(subset)}
    return cut_all(numbered, images, folder=folder, progress=report, **shown)


def open_examples(folder: str | os.PathLike, layer: str, grid: int) -> Examples:
    """Read the examples of one level of a run.

    Args:
        folder: the run folder.
        layer: its name.
        grid: cells in each direction.

    Returns:
        The examples, cell by cell in the order of the level.

    Raises:
        UserError: they are not there, or damaged.

    >>> open_examples("runs/none/at/all", "mixed4c", 20)
    Traceback (most recent call last):
    atlasjax.errors.UserError: ...examples.npz is missing or damaged: run the experiment again...
    """
    path = Path(folder) / "layers" / artifacts.folder_name(layer) / f"grid-{grid}" / "examples.npz"
    return artifacts.read(path, Examples)
