"""Archives as a source: images in a tar or a zip, or in many of them, read where they lie.

A class is what a `.cls` member beside the image says, as WebDataset has it, or else the folder
within the archive, as in a folder of images.
"""

import contextlib
import hashlib
import io
import itertools
import operator
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, SupportsIndex

from atlasjax.data import members
from atlasjax.data.decode import Pixels, example, pixels, range_of
from atlasjax.data.folder import EDGE
from atlasjax.data.formats import by_ending, ending_of, looks_like_one
from atlasjax.data.members import Member
from atlasjax.data.protocol import Example, UnreadableImage, spread
from atlasjax.data.ranges import AUTO, ValueRange, checked
from atlasjax.data.shards import shards
from atlasjax.data.walk import listed, readable
from atlasjax.errors import UserError

_HEAD = 1 << 16  # bytes that tell whether a member without an ending is an image
_LONGEST = 1000  # bytes that a class may have


@dataclass(frozen=True)
class Archive:
    """The images of one archive or several, as `from_archive` finds them.

    Attributes:
        shards: the archives.
        classes: the names of the classes; empty where there are none, or only numbers.
        files: for each image which archive it is in, and where.
        labels: for each image the index of its class, or -1.
        range: the values that become black and white; None for what the files say.
        left_out: members that cannot be read, each as "name: reason".
        passed_over: how many members are no images, by their endings.
    """

    shards: tuple[Path, ...]
    classes: tuple[str, ...] = field(repr=False)
    files: tuple[tuple[int, Member], ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)
    range: tuple[float, float] | None = None
    left_out: tuple[str, ...] = field(repr=False, default=())
    passed_over: Mapping[str, int] = field(repr=False, default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: SupportsIndex, /) -> Example:
        index = operator.index(index)
        found, name = self._pixels(index), self._name(index)
        return example(found, name, self.labels[index], self.range)

    def _name(self, index: int) -> str:
        shard, member = self.files[index]
        return _called(self.shards, shard, member.name)

    def _pixels(self, index: int) -> Pixels:
        (shard, member), name = self.files[index], self._name(index)
        try:
            data = members.read(self.shards[shard], member)
        except OSError as error:
            raise UnreadableImage(name, error.strerror or str(error)) from error
        except ValueError as error:
            raise UnreadableImage(name, str(error)) from None
        return pixels(data, name)

    def fingerprint(self) -> str:
        """Return a digest of every image's name, size and class, and of its content.

        Of a zip the checksums that it holds, of a tar the first and last 4 KiB of each image.
        """
        digest = hashlib.sha256(repr(("archive", self.range, self.classes)).encode())
        numbered = zip(self.files, self.labels, strict=True)
        for shard, group in itertools.groupby(numbered, key=lambda item: item[0][0]):
            with contextlib.ExitStack() as stack:
                try:
                    file = stack.enter_context(self.shards[shard].open("rb"))
                except OSError:
                    file = io.BytesIO()  # each of them is told as unreadable
                for (_, member), label in group:
                    digest.update(b"\0" + member.name.encode("utf-8", "surrogateescape"))
                    digest.update(f"\0{member.size} {member.crc} {label}\0".encode())
                    digest.update(_edges(file, member))
        return digest.hexdigest()


def from_archive(
    path: str | os.PathLike[str],
    *,
    limit: int | None = None,
    range: ValueRange | None = None,
) -> Archive:
    """Open a tar or a zip of images, or several, without unpacking them.

    Where members end in `.cls`, the class of an image is what the one of its key says, a number or
    a name: the key is the name up to the first point behind the last slash. Elsewhere it is the
    folder within the archive, as `folder` has it, but for a folder that holds all the others.
    `.txt`, `.json` and whatever else is no image are counted and passed over.

    Args:
        path: the archive, or several: `train-{000..009}.tar`, `{train,more}.zip`, `train-*.tar`.
        limit: take only so many images, evenly spaced over all of them; None for all.
        range: the values that become black and white; see `folder`.

    Returns:
        The images, in the order of the archives. Nothing is decoded yet, but some for "auto".

    Raises:
        UserError: no such archive; a compressed or damaged one; no images in it, or classes that
            cannot be.

    >>> import tempfile, zipfile; from PIL import Image
    >>> with tempfile.TemporaryDirectory() as d:
    ...     Image.new("RGB", (4, 3), "red").save(f"{d}/1.png")
    ...     with zipfile.ZipFile(f"{d}/animals.zip", "w") as archive:
    ...         archive.write(f"{d}/1.png", "cat/1.png")
    ...         archive.write(f"{d}/1.png", "dog/1.png")
    ...     images = from_archive(f"{d}/animals.zip")
    ...     print(images.classes, len(images), images[1].name, images[1].image.shape)
    ('cat', 'dog') 2 dog/1.png (3, 4, 3)
    """
    wanted, archives = checked(range), shards(path)
    found = [_sorted_out(archives, number) for number, _ in enumerate(archives)]
    files = tuple((n, member) for n, shard in enumerate(found) for member in shard.images)
    left_out = tuple(line for shard in found for line in shard.left_out)
    passed_over = dict(sorted(sum((s.passed_over for s in found), Counter[str]()).items()))
    if not files:
        said = [f"there are {listed(passed_over)}"] if passed_over else []
        said += [f"left out {left_out[0]}"] if left_out else []
        raise UserError("; ".join([f"no images in '{path}'", *said]))
    if any(shard.given for shard in found):
        classes, labels = _given([shard.given for shard in found], files)
    else:
        classes, labels = _of_folders([member.name for _, member in files])
    kept = spread(len(files), limit)
    opened = Archive(
        shards=archives,
        classes=classes,
        files=tuple(files[i] for i in kept),
        labels=tuple(labels[i] for i in kept),
        range=None if wanted == AUTO else wanted,
        left_out=left_out,
        passed_over=passed_over,
    )
    if wanted != AUTO:
        return opened
    return replace(opened, range=range_of(opened._pixels, len(opened)))


class _Sorted(NamedTuple):
    """What is in one archive: images, what `.cls` members say by key, and the rest."""

    images: list[Member]
    given: dict[str, str]
    left_out: list[str]
    passed_over: Counter[str]


def _sorted_out(shards: tuple[Path, ...], shard: int) -> _Sorted:
    """Tell the images of an archive from what belongs to them, and from the rest."""
    found = _Sorted([], {}, [], Counter())
    path = shards[shard]
    there = members.listed(path)
    found.left_out.extend(_called(shards, shard, line) for line in there.left_out)
    for member in there.members:
        if any(part.startswith(".") for part in member.name.split("/")):
            continue  # hidden, as in a folder
        ending = ending_of(member.name)
        try:
            if ending == "cls":
                found.given[_key(member.name)] = _class(path, member)
                continue
            known = by_ending(member.name)
            if known is None:
                head = io.BytesIO(members.read(path, member, _HEAD))
                known = looks_like_one(head, member.name)
        except (OSError, ValueError) as error:
            line = f"{readable(member.name)}: {error}"
            found.left_out.append(_called(shards, shard, line))
            continue
        if known:
            found.images.append(member)
        else:
            found.passed_over["." + ending if ending else "no ending"] += 1
    return found


def _called(shards: tuple[Path, ...], shard: int, name: str) -> str:
    """Return a member's name for people: behind its archive's, where there are several."""
    name = readable(name)
    return name if len(shards) == 1 else f"{readable(shards[shard].name)}/{name}"


def _key(name: str) -> str:
    """Return what members that belong together have in common, as WebDataset has it.

    >>> _key("a.b/17.left.jpg")
    'a.b/17'
    """
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _class(path: Path, member: Member) -> str:
    """Return what a `.cls` member says."""
    if member.size > _LONGEST:
        raise ValueError(f"a class of {member.size} bytes; at most {_LONGEST}")
    said = members.read(path, member).decode("utf-8", "backslashreplace").strip()
    return readable(said)


def _given(
    said: Sequence[Mapping[str, str]], files: Sequence[tuple[int, Member]]
) -> tuple[tuple[str, ...], list[int]]:
    """Return classes and labels by what `.cls` members say: all numbers, or names."""
    names = [said[shard].get(_key(member.name), "") for shard, member in files]
    known = sorted(set(names) - {""})
    if all(re.fullmatch(r"-1|\d{1,9}", name, re.ASCII) for name in known):
        return (), [int(name) if name else -1 for name in names]
    label = {name: i for i, name in enumerate(known)} | {"": -1}
    return tuple(known), [label[name] for name in names]


def _of_folders(names: Sequence[str]) -> tuple[tuple[str, ...], list[int]]:
    """Return classes and labels by the folders that images are in."""
    parts = [name.split("/") for name in names]
    # A folder that holds all others is where they were packed, and tells nothing apart.
    while len({p[0] for p in parts}) == 1 and all(len(p) > 2 for p in parts):
        parts = [p[1:] for p in parts]
    classes = sorted({p[0] for p in parts if len(p) > 1})
    label = {name: i for i, name in enumerate(classes)}
    labels = [label[p[0]] if len(p) > 1 else -1 for p in parts]
    return tuple(map(readable, classes)), labels


def _edges(file: Any, member: Member) -> bytes:
    """Return both ends of a member of a tar; a zip has a checksum of it all."""
    if member.packing is not None:
        return b""
    file.seek(member.start)
    first = file.read(min(EDGE, member.size))
    file.seek(member.start + max(member.size - EDGE, 0))
    return first + file.read(min(EDGE, member.size))
