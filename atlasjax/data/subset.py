"""Some of a source's images, as a source."""

import hashlib
import operator
from dataclasses import dataclass
from typing import SupportsIndex

from atlasjax.data.protocol import Example, ImageSource


@dataclass(frozen=True)
class Subset:
    """Some of the images of another source, in the order given.

    Attributes:
        source: the other source.
        indices: which of its images.

    >>> from atlasjax.data.scenes import scenes
    >>> Subset(scenes(10), (9, 4))[1].name
    'train 4'
    """

    source: ImageSource
    indices: tuple[int, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes of the whole source, in the order of the labels."""
        return self.source.classes

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: SupportsIndex, /) -> Example:
        return self.source[self.indices[operator.index(index)]]

    def fingerprint(self) -> str:
        """Return a digest of the other source's and of the choice."""
        made_of = f"subset {self.source.fingerprint()} {self.indices}"
        return hashlib.sha256(made_of.encode()).hexdigest()
