"""Images in, in batches: from folders, archives, data sets, arrays; or generated.

Everything is a source (`ImageSource`): a fixed sequence of images with random access. `batches`
goes through any of them in order, decoding in parallel and leaving out what cannot be read.
"""

import os
from collections.abc import Callable
from typing import Any

from atlasjax.data.archive import from_archive
from atlasjax.data.array_file import from_array_file, is_array_file
from atlasjax.data.arrays import from_arrays
from atlasjax.data.batches import Batch, batches, prepare
from atlasjax.data.folder import folder
from atlasjax.data.huggingface import from_hf, is_hf
from atlasjax.data.protocol import Example, ImageSource, UnreadableImage, spread
from atlasjax.data.ranges import ValueRange, checked
from atlasjax.data.shards import is_archive
from atlasjax.data.subset import Subset
from atlasjax.data.tfds import from_tfds
from atlasjax.data.walk import LINKS
from atlasjax.errors import UserError

__all__ = [
    "Batch",
    "Example",
    "ImageSource",
    "UnreadableImage",
    "batches",
    "folder",
    "from_archive",
    "from_array_file",
    "from_arrays",
    "from_hf",
    "from_tfds",
    "open_images",
    "prepare",
]


def open_images(
    spec: Any, limit: int | None = None, range: ValueRange | None = None
) -> ImageSource:
    """Open a collection of images by its name, as it is written in a config, or as it is.

    Args:
        spec: a folder, or `links:` and a folder whose links out of it are followed; a tar or zip,
            as `from_archive` takes it; a `.npy` or `.npz` file, as `from_array_file`; `tfds:` and
            what `from_tfds` reads, such as `tfds:cifar10/test`; `hf:` and what `from_hf` reads,
            such as `hf:cifar10:test`, or a `datasets.Dataset`; `scenes:` and what
            `scenes.from_spec` reads, such as `scenes:1200`; arrays, as `from_arrays` takes them; or
            a source, which comes back as it is.
        limit: take only so many images, evenly spaced over all of them; None for all.
        range: the values that become black and white in files and arrays of other numbers than
            8 bits; "auto" for those that the images have; None for what their type says.

    Returns:
        The images. Nothing is decoded yet, but where the range is "auto".

    Raises:
        UserError: it is not there, or has no images, or what its opener refuses; a range for
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
    if is_hf(spec):
        return from_hf(spec, limit=limit, range=range)
    if not isinstance(spec, (str, os.PathLike)):
        return from_arrays(spec, limit=limit, range=range)
    name = os.fspath(spec)
    if name.startswith("scenes:"):
        from atlasjax.data.scenes import from_spec

        return from_spec(name, limit)
    return _opener(name)(name, limit=limit, range=range)


def _opener(name: str) -> Callable[..., ImageSource]:
    """Return what opens images of a name."""
    if name.startswith("tfds:"):
        return from_tfds
    if name.startswith(LINKS):
        return _linked
    if is_array_file(name):
        return from_array_file
    return from_archive if is_archive(name) else folder


def _linked(name: str, **options: Any) -> ImageSource:
    """Open a folder, whose links out of it the user means."""
    path = name.removeprefix(LINKS)
    if _opener(path) is not folder or path.startswith(("scenes:", "hf:")):
        raise UserError(f"{LINKS} is for folders, whose links it follows, not for '{path}'")
    return folder(path, links=True, **options)
