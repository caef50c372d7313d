"""A person's images, as the network sees them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.atlas.batching import image_batch
from atlasjax.classes import ClassName
from atlasjax.data import Batch, ImageSource, UnreadableImage, batches, open_images
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh
from atlasjax.runs.experiment import Experiment
from atlasjax.workflows.networks import Opened


class Images(NamedTuple):
    """Images, and how they are prepared.

    Attributes:
        source: the images.
        side: of what the network sees of them, in px.
        resize: their shorter side before they are cut, in px.
        channels: of the network.
        batch: how many are looked at together.
    """

    source: ImageSource
    side: int
    resize: int
    channels: int
    batch: int

    def digest(self) -> str:
        """Return what tells them from others."""
        return f"{self.source.fingerprint()} {self.side} {self.resize}"

    def batches(self) -> Iterator[Batch]:
        """Go through them once."""
        return self._through(self.source)

    def some(self, count: int) -> Float[np.ndarray, "n h w c"]:
        """Return a few of them, spread over all, in [0, 1].

        Raises:
            UserError: none of them can be read.
        """
        found = [batch.images for batch in self._through(open_images(self.source, count))]
        return np.concatenate(found).astype(np.float32) / 255

    def names(self, index: Sequence[int]) -> list[str]:
        """Return the names of some of them; empty where an image is gone."""
        return [self._name(int(i)) for i in index]

    def _through(self, source: ImageSource) -> Iterator[Batch]:
        side, resize, channels = self.side, self.resize, self.channels
        return batches(source, self.batch, image_size=side, resize=resize, channels=channels)

    def _name(self, index: int) -> str:
        try:
            return self.source[index].name
        except UnreadableImage:
            return ""


def opened_images(images: Any, opened: Opened, limit: int | None = None) -> Images:
    """Open images for a network.

    Args:
        images: what `open_images` takes.
        opened: the network.
        limit: take only so many, spread over all.

    Raises:
        UserError: they are not there, or there are none.
    """
    source = open_images(images, limit)
    if not len(source):
        raise UserError("no images: give at least one")
    height, width, channels = opened.shape
    if height != width:
        raise UserError(f"the network takes images of {height} x {width} px: they must be square")
    side, resize = Experiment("units", image_size=height).crop
    batch = image_batch(opened.network.model, side, channels, batch_mesh())
    return Images(source, side, resize, channels, min(batch, len(source)))


def as_classes(
    found: Sequence[str], classes: Sequence[ClassName]
) -> Int[np.ndarray, " labels"] | None:
    """Return which of the network's classes each class of the images is; -1 for none.

    Args:
        found: classes of the images, by WordNet id or by name.
        classes: of the network.

    Returns:
        The classes; None where no name is known.

    >>> as_classes(["n02", "dog"], [ClassName("n01", "dog, hound"), ClassName("n02", "cat")])
    array([1, 0])
    """
    known: dict[str, int] = {}
    for i, one in enumerate(classes):
        for name in (one.wnid, one.name, one.short):
            known.setdefault(name.casefold(), i)
    known.pop("", None)
    which = np.array([known.get(name.casefold(), -1) for name in found], int)
    return which if (which >= 0).any() else None
