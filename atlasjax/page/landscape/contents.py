"""Contents: what the page of loss surfaces shows."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from atlasjax.landscape import Curvature, Surface


class Path(NamedTuple):
    """The path of a training on a surface.

    Attributes:
        coordinates: of each checkpoint along the surface's directions.
        loss: of the checkpoint itself, which is the surface's only as far as it lies in it.
        accuracy: likewise.
        aside: how far each is from the surface's plane, as a share of its distance.
        names: of the checkpoints.
    """

    coordinates: Float[np.ndarray, "checkpoints directions"]
    loss: Float[np.ndarray, " checkpoints"]
    accuracy: Float[np.ndarray, " checkpoints"]
    aside: Float[np.ndarray, " checkpoints"]
    names: tuple[str, ...]


class Shown(NamedTuple):
    """One surface.

    Attributes:
        name: of the network.
        surface: loss and accuracy.
        axes: what each direction is, in a few words.
        path: of the training that led there.
        curvature: the extreme eigenvalues of the Hessian, on a coarser grid.
    """

    name: str
    surface: Surface
    axes: tuple[str, ...]
    path: Path | None = None
    curvature: Curvature | None = None


class Contents(NamedTuple):
    """All of a page.

    Attributes:
        surfaces: at least one, all of one number of directions.
        record: how it was made.
        notes: what there is to say of it.
    """

    surfaces: tuple[Shown, ...]
    record: Mapping[str, Any]
    notes: tuple[str, ...] = ()
