"""Images in, in batches: from folders, prepared data sets, arrays in memory; or generated.

Everything is a source (`ImageSource`): a fixed sequence of images with random access. `batches`
goes through any of them in order, decoding in parallel and leaving out what cannot be read.
"""

import os
from typing import Any

from atlasjax.data.arrays import from_arrays
from atlasjax.data.batches import Batch, batches, prepare
from atlasjax.data.folder import folder
from atlasjax.data.protocol import Example, ImageSource, UnreadableImage, spread
from atlasjax.data.ranges import ValueRange, checked
from atlasjax.data.subset import Subset
from atlasjax.data.tfds import from_tfds
from atlasjax.errors import UserError

__all__ = [
    "Batch",
    "Example",
    "ImageSource",
    "UnreadableImage",
    "batches",
    "folder",
    "from_arrays",
    "from_tfds",
    "open_images",
    "prepare",
]


def open_images(
    spec: Any, limit: int | None = None, range: ValueRange | None = None
) -> ImageSource:
    """Open a collection of images by its name, as it is written in a config, or as it is.

    Args:
        spec: a folder; `tfds:` and what `from_tfds` reads, such as `tfds:cifar10/test`; `scenes:`
            and what `scenes.from_spec` reads, such as `scenes:1200`; arrays, as `from_arrays` takes
            them; or a source, which comes back as it is.
        limit: take only so many images, evenly spaced over all of them; None for all.
        range: the values that become black and white in files and arrays of other numbers than
            8 bits; "auto" for those that the images have; None for what their type says.

    Returns:
        The images. Nothing is decoded yet, but where the range is "auto".

    Raises:
        UserError: it is not there, or has no images, or what `from_arrays` refuses; a range for
            images that have 8 bits already.

    >>> open_images("no/such/folder")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no folder ...
    """
    in_8_bits = isinstance(spec, ImageSource) or str(spec).startswith("scenes:")
    if in_8_bits and checked(range) is not None:
        raise UserError("range is for folders, tfds: and arrays: these images have 8 bits already")
    if isinstance(spec, ImageSource):
        chosen = spread(len(spec), limit)
        return spec if len(chosen) == len(spec) else Subset(spec, tuple(chosen))
    if not isinstance(spec, (str, os.PathLike)):
        return from_arrays(spec, limit=limit, range=range)
    name = os.fspath(spec)
    if name.startswith("tfds:"):
        return from_tfds(name, limit=limit, range=range)
    if name.startswith("scenes:"):
        from atlasjax.data.scenes import from_spec

        return from_spec(name, limit)
    return folder(name, limit=limit, range=range)
