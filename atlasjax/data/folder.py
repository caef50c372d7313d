"""A folder of image files as a source: one subfolder for each class, or no classes at all."""

import hashlib
import operator
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import SupportsIndex

from atlasjax.data.decode import decode
from atlasjax.data.protocol import Example, UnreadableImage, spread
from atlasjax.errors import UserError, unknown
from atlasjax.storage.places import expanded

ENDINGS = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff")

_EDGE = 4096  # bytes hashed at either end of every file


@dataclass(frozen=True)
class Folder:
    """The images of a folder, as `folder` finds them.

    Attributes:
        root: the folder.
        classes: the subfolders that hold images, sorted.
        files: paths relative to `root` with forward slashes, in order.
        labels: for each file the index of its class, or -1.
    """

    root: Path
    classes: tuple[str, ...] = field(repr=False)
    files: tuple[str, ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: SupportsIndex, /) -> Example:
        index = operator.index(index)
        name = self.files[index]
        try:
            data = (self.root / name).read_bytes()
        except OSError as error:
            raise UnreadableImage(name, error.strerror or str(error)) from error
        return Example(decode(data, name), self.labels[index], name)

    def fingerprint(self) -> str:
        """Return a digest of every path, size, and first and last 4 KiB.

        Not of the dates, which copying changes; and not of the whole content, which would take as
        long as reading it. A photograph retouched in its middle, to the byte the same size, would
        go unnoticed.

        >>> import tempfile; from PIL import Image
        >>> with tempfile.TemporaryDirectory() as d:
        ...     Image.new("RGB", (8, 8)).save(f"{d}/a.png")
        ...     before = folder(d).fingerprint()
        ...     Image.new("RGB", (8, 9)).save(f"{d}/a.png")
        ...     print(len(before), before == folder(d).fingerprint())
        64 False
        """
        digest = hashlib.sha256(b"folder")
        for name in self.files:
            digest.update(b"\0" + os.fsencode(name) + b"\0" + _edges(self.root / name))
        return digest.hexdigest()


def folder(path: str | os.PathLike[str], *, limit: int | None = None) -> Folder:
    """Open a folder of images.

    Every subfolder with images in it, at any depth, is a class. Images outside of the subfolders
    have no class. Hidden files and folders are passed over.

    Args:
        path: the folder; `~` is the home folder.
        limit: take only so many images, evenly spaced over all of them, so that they come from
            different classes; None for all.

    Returns:
        The images, sorted by path. Nothing is decoded yet.

    Raises:
        UserError: there is no such folder, it is a file, or there are no images in it.

    >>> import tempfile; from PIL import Image
    >>> with tempfile.TemporaryDirectory() as d:
    ...     for name in "cat", "dog":
    ...         (Path(d) / name).mkdir()
    ...         Image.new("RGB", (4, 3), "red").save(f"{d}/{name}/1.png")
    ...     images = folder(d)
    ...     print(images.classes, len(images), images[1].name, images[1].image.shape)
    ('cat', 'dog') 2 dog/1.png (3, 4, 3)
    """
    root = expanded(path)
    _check(root)
    found = sorted(_images(root, ()))
    if not found:
        raise UserError(f"no images in folder '{root}'; looked for {', '.join(ENDINGS)}")
    classes = tuple(sorted({parts[0] for parts in found if len(parts) > 1}))
    label = {name: i for i, name in enumerate(classes)}
    kept = [found[i] for i in spread(len(found), limit)]
    return Folder(
        root=root,
        classes=classes,
        files=tuple("/".join(parts) for parts in kept),
        labels=tuple(label[parts[0]] if len(parts) > 1 else -1 for parts in kept),
    )


def _check(root: Path) -> None:
    """Refuse what is not a folder, naming the first part of the path that is wrong."""
    if root.is_dir():
        return
    if root.exists():
        raise UserError(f"'{root}' is a file; images are read from a folder")
    missing = root
    while not missing.parent.exists():
        missing = missing.parent
    if not missing.parent.is_dir():
        raise UserError(f"no folder '{root}': '{missing.parent}' is a file")
    try:
        siblings = [p.name for p in sorted(missing.parent.iterdir()) if p.is_dir()]
    except OSError:
        siblings = []
    raise unknown(f"folder in '{missing.parent}' named", missing.name, siblings)


def _images(root: Path, parts: tuple[str, ...], above: tuple[str, ...] = ()) -> Iterator[tuple]:
    """Yield every image below a folder as the parts of its path."""
    here = os.path.realpath(root.joinpath(*parts))
    if here in above:
        return  # a link back to a folder above: it would go round for ever
    try:
        with os.scandir(here) as entries:
            inside = [(e.name, e.is_dir()) for e in entries if not e.name.startswith(".")]
    except OSError as error:
        raise UserError(f"cannot read folder '{here}': {error.strerror}") from error
    for name, is_folder in inside:
        if is_folder:
            yield from _images(root, (*parts, name), (*above, here))
        elif name.lower().endswith(tuple("." + e for e in ENDINGS)):
            yield (*parts, name)


def _edges(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            first = file.read(_EDGE)
            file.seek(max(size - _EDGE, 0))
            return b"%d\0" % size + first + file.read(_EDGE)
    except OSError:
        return b"unreadable"
