"""Images of which it is known where their parts are."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8


class Masked(NamedTuple):
    """Some images, prepared for a network, and where each part is in them.

    Attributes:
        images: 0 to 255, of as many channels as the network takes.
        masks: for each of the parts, nowhere where an image has none of it.
    """

    images: UInt8[np.ndarray, "batch h w c"]
    masks: Bool[np.ndarray, "batch parts h w"]
