"""A layer's second moment, and the matrix that whitens its directions."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.atlas.grid import Cells
from atlasjax.atlas.whitening import Moment, whitening
from atlasjax.runs import origins
from atlasjax.runs.job import Run
from atlasjax.storage import artifacts


class Whitening(NamedTuple):
    """How a layer's directions are compared.

    Attributes:
        moment: second moment of all sampled activations.
        count: how many they are.
        matrix: W, see `atlas.whitening`; the identity where the layer is not whitened.
    """

    moment: Float[np.ndarray, "c c"]
    count: Int[np.ndarray, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    matrix: Float[np.ndarray, "c c"]


class Whitened(NamedTuple):
    """A level's directions as they are compared: each cell's mean, times W."""

    direction: Float[np.ndarray, "cells c"]


def whiten(
    run: Run, name: str, moment: Callable[[], Moment], digest: str
) -> tuple[Callable[[], Whitening], str]:
    """Whiten a layer, if that was not done yet.

    Args:
        run: the run.
        name: the layer.
        moment: gives the second moment of its activations.
        digest: the fingerprint of the activations.

    Returns:
        What gives the layer's whitening, and its fingerprint.
    """
    origin = origins.whitening(run, name, digest)
    ridge, made_from = origin["ridge"], artifacts.fingerprint(**origin)

    def compute() -> Whitening:
        found = moment()
        matrix = np.eye(len(found.value)) if ridge is None else whitening(found.value, ridge)
        return Whitening(found.value, found.count, matrix)

    path = run.layer(name) / "whitening.npz"
    if not artifacts.holds(path, made_from):
        artifacts.save(path, compute(), made_from)
    return lambda: artifacts.cached(path, Whitening, made_from, compute), made_from


def record(
    run: Run, name: str, size: int, cells: Cells, digest: str, matrix: Callable[[], Whitening]
) -> None:
    """Keep a level's whitened directions beside its cells, whose directions are the means.

    Args:
        run: the run.
        name: the layer.
        size: the grid.
        cells: the level's.
        digest: of the cells and the whitening; see `origins.whitened`.
        matrix: gives the layer's whitening.
    """
    path = run.level(name, size) / "whitened.npz"
    if not artifacts.holds(path, digest):
        value = cells.direction @ matrix().matrix
        artifacts.save(path, Whitened(value.astype(np.float32)), digest)
