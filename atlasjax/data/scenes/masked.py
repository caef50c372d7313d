"""Scenes in batches with the masks of all parts there are."""

from collections.abc import Iterator

import numpy as np

from atlasjax.data.masks import Masked
from atlasjax.data.scenes.sketch import PARTS
from atlasjax.data.scenes.source import Scenes
from atlasjax.errors import UserError


def masked(source: Scenes, size: int = 32) -> Iterator[Masked]:
    """Draw scenes, batch after batch, with a mask for each of `PARTS`.

    Args:
        source: the scenes.
        size: scenes in a batch, at least 1.

    Raises:
        UserError: a size below 1.

    >>> from atlasjax.data.scenes import scenes
    >>> [batch.masks.shape for batch in masked(scenes(3), 2)]
    [(2, 28, 96, 96), (1, 28, 96, 96)]
    """
    if size < 1:
        raise UserError(f"batches of {size} scenes: must be at least 1")
    for start in range(0, len(source), size):
        drawn = [source.scene(i) for i in range(start, min(start + size, len(source)))]
        masks = [np.stack([scene.mask(part) for part in PARTS]) for scene in drawn]
        yield Masked(np.stack([scene.image for scene in drawn]), np.stack(masks))
