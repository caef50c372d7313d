"""Images in, in batches: from folders, from data sets prepared by TensorFlow Datasets, generated.

Everything is a source (`ImageSource`): a fixed sequence of images with random access. `batches`
goes through any of them in order, decoding in parallel and leaving out what cannot be read.
"""

import os

from atlasjax.data.batches import Batch, batches, prepare
from atlasjax.data.folder import folder
from atlasjax.data.protocol import Example, ImageSource, UnreadableImage
from atlasjax.data.tfds import from_tfds

__all__ = [
    "Batch",
    "Example",
    "ImageSource",
    "UnreadableImage",
    "batches",
    "folder",
    "from_tfds",
    "open_images",
    "prepare",
]


def open_images(spec: str | os.PathLike[str], limit: int | None = None) -> ImageSource:
    """Open a collection of images by its name, as it is written in a config.

    Args:
        spec: a folder; `tfds:` and what `from_tfds` reads, such as `tfds:cifar10/test`; or
            `scenes:` and what `scenes.from_spec` reads, such as `scenes:1200`.
        limit: take only so many images, evenly spaced over all of them; None for all.

    Returns:
        The images. Nothing is decoded yet.

    Raises:
        UserError: it is not there, or has no images.

    >>> open_images("no/such/folder")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no folder ...
    """
    name = os.fspath(spec)
    if name.startswith("tfds:"):
        return from_tfds(name, limit=limit)
    if name.startswith("scenes:"):
        from atlasjax.data.scenes import from_spec

        return from_spec(name, limit)
    return folder(name, limit=limit)
