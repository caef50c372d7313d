"""A folder of image files as a source: one subfolder for each class, or no classes at all."""

import hashlib
import operator
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import SupportsIndex

from atlasjax.data.decode import Pixels, example, pixels, range_of
from atlasjax.data.formats import endings
from atlasjax.data.protocol import Example, UnreadableImage, spread
from atlasjax.data.ranges import AUTO, ValueRange, checked
from atlasjax.data.walk import Found, listed, readable, walk
from atlasjax.errors import UserError, unknown
from atlasjax.storage.places import expanded

USUAL = ("jpg", "jpeg", "png", "webp", "tif")
EDGE = 4096  # bytes hashed at either end of every file


@dataclass(frozen=True)
class Folder:
    """The images of a folder, as `folder` finds them.

    Attributes:
        root: the folder.
        classes: the subfolders that hold images, sorted.
        files: paths relative to `root` with forward slashes, in order.
        labels: for each file the index of its class, or -1.
        range: the values that become black and white; None for what the files say.
        left_out: files and folders that cannot be read, each as "name: reason".
        passed_over: how many files are no images, by their endings.
    """

    root: Path
    classes: tuple[str, ...] = field(repr=False)
    files: tuple[str, ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)
    range: tuple[float, float] | None = None
    left_out: tuple[str, ...] = field(repr=False, default=())
    passed_over: Mapping[str, int] = field(repr=False, default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: SupportsIndex, /) -> Example:
        index = operator.index(index)
        found, name = self._pixels(index), readable(self.files[index])
        return example(found, name, self.labels[index], self.range)

    def _pixels(self, index: int) -> Pixels:
        name = self.files[index]
        try:
            data = (self.root / name).read_bytes()
        except OSError as error:
            raise UnreadableImage(readable(name), error.strerror or str(error)) from error
        return pixels(data, readable(name))

    def fingerprint(self) -> str:
        """Return a digest of every path, size, first and last 4 KiB, and the range.

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
        if self.range is not None:
            digest.update(repr(self.range).encode())
        for name in self.files:
            digest.update(b"\0" + os.fsencode(name) + b"\0" + edges(self.root / name))
        return digest.hexdigest()


def folder(
    path: str | os.PathLike[str],
    *,
    limit: int | None = None,
    range: ValueRange | None = None,
    links: bool = False,
) -> Folder:
    """Open a folder of images.

    Every subfolder with images in it, at any depth, is a class. Images outside of the subfolders
    have no class. Whatever the installed Pillow reads is an image, and so is a `.npy` file; see
    `decode`. Hidden files and folders are passed over.

    Args:
        path: the folder, or a link to one; `~` is the home folder.
        limit: take only so many images, evenly spaced over all of them, so that they come from
            different classes; None for all.
        range: the values that become black and white, as they are in the files, for those of more
            than 8 bits or of floats; "auto" for those that the images have, but for a thousandth
            at either end; None for what the files say.
        links: whether links within the folder are followed that lead out of it.

    Returns:
        The images, sorted by path. Nothing is decoded yet, but some of them for "auto". What could
        not be read, and how many files are no images, is told by its `left_out` and `passed_over`.

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
    found, wanted = walk(root, links), checked(range)
    if not found.images:
        looked = f"looked for {', '.join(USUAL)} and {len(endings()) - len(USUAL)} other endings"
        raise UserError(f"no images in folder '{root}'; {looked}{_instead(found)}")
    classes = tuple(sorted({parts[0] for parts in found.images if len(parts) > 1}))
    label = {name: i for i, name in enumerate(classes)}
    kept = [found.images[i] for i in spread(len(found.images), limit)]
    opened = Folder(
        root=root,
        classes=tuple(map(readable, classes)),
        files=tuple("/".join(parts) for parts in kept),
        labels=tuple(label[parts[0]] if len(parts) > 1 else -1 for parts in kept),
        range=None if wanted == AUTO else wanted,
        left_out=found.left_out,
        passed_over=found.passed_over,
    )
    return (
        replace(opened, range=range_of(opened._pixels, len(opened))) if wanted == AUTO else opened
    )


def _instead(found: Found) -> str:
    """Return what there is in place of images."""
    said = [f"there are {listed(found.passed_over)}"] if found.passed_over else []
    said += [f"left out {found.left_out[0]}"] if found.left_out else []
    if {".tar", ".zip"} & set(found.passed_over):
        said.append("archives are named themselves, several as in 'FOLDER/*.tar'")
    return f"; {'; '.join(said)}" if said else ""


def _check(root: Path) -> None:
    """Refuse what is not a folder, naming the first part of the path that is wrong."""
    if root.is_dir():
        return
    if root.exists():
        raise UserError(
            f"'{root}' is a file; images are read from a folder, .tar, .zip, .npy or .npz"
        )
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


def edges(path: Path) -> bytes:
    """Return a file's size and both its ends, for a digest."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            first = file.read(EDGE)
            file.seek(max(size - EDGE, 0))
            return b"%d\0" % size + first + file.read(EDGE)
    except OSError:
        return b"unreadable"
