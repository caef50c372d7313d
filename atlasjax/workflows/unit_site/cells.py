"""Cells: where in an atlas of the same network each unit is strongest."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus

import numpy as np

from atlasjax.errors import UserError
from atlasjax.runs.open import Atlas, open_atlas

Cells = Mapping[int, tuple[tuple[int, int, str], ...]]


def opened_run(folder: str | os.PathLike, weights: str) -> Atlas:
    """Open an atlas, and see that it is of the network.

    Args:
        folder: of the run.
        weights: the digest of the network's weights.

    Raises:
        UserError: no such run, or one of another network.
    """
    atlas = open_atlas(folder)
    own = atlas.record.get("weights_sha256")
    if own is not None and own != weights:
        raise UserError(f"the run {str(folder)!r} was made of another network, or of other weights")
    return atlas


def cells(atlas: Atlas, layer: str, units: Sequence[int], count: int, site: Path) -> Cells:
    """Return the cells of an atlas whose mean activation has most of each unit.

    Args:
        atlas: the run.
        layer: its name; none are found where the atlas does not have it.
        units: their numbers.
        count: cells of each unit in each grid.
        site: the folder that addresses begin in.

    Returns:
        For each unit (grid, number of the cell in its level, address), those of coarse grids first.
    """
    if layer not in atlas.layers:
        return {}
    page = quote(Path(os.path.relpath(atlas.folder.resolve() / "index.html", site)).as_posix())
    found: dict[int, list[tuple[int, int, str]]] = {unit: [] for unit in units}
    for grid in sorted(atlas.grids(layer)):
        level = atlas.level(layer, grid)
        value = level.direction[:, np.asarray(units)]
        for unit, own in zip(units, value.T, strict=True):
            order = np.argsort(-own, kind="stable")[:count]
            for cell in order[own[order] > 0].tolist():
                at = f"{grid},{level.x[cell]},{level.y[cell]}"
                address = f"{page}#layer={quote_plus(layer, safe='/')}&cell={at}"
                found[unit].append((grid, cell, address))
    return {unit: tuple(own) for unit, own in found.items() if own}
