"""A level: one layer cut by one grid, finished. It is what an atlas is made of."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8


class Level(NamedTuple):
    """The cells of a finished level, in reading order.

    Attributes:
        x: column, from the left.
        y: row, from the top.
        count: number of activations in the cell.
        direction: their mean.
        cosine: between the direction and what the icon reached, without whitening.
        attribution: mean effect of the cell's activations on each class logit, in logits; without
            columns where the network has no classes.
        icon: RGB, or of as many channels as the network takes.
    """

    x: Int[np.ndarray, " cells"]
    y: Int[np.ndarray, " cells"]
    count: Int[np.ndarray, " cells"]  # pyright: ignore[reportIncompatibleMethodOverride]
    direction: Float[np.ndarray, "cells c"]
    cosine: Float[np.ndarray, " cells"]
    attribution: Float[np.ndarray, "cells classes"]
    icon: UInt8[np.ndarray, "cells h w channels"]
