"""What lies below a folder: its images, and what was passed over or could not be read.

File systems hold links to nowhere and to themselves, folders of somebody else, pipes and names that
are no text. None of them is a reason to refuse all the rest; each is told by its name.
"""

import os
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from atlasjax.data.formats import ending_of, is_image
from atlasjax.errors import UserError

LINKS = "links:"
"""What stands before a folder whose links are followed wherever they lead."""
Parts = tuple[str, ...]
"""A path below a folder, a name for each step."""
_Place = tuple[int, int]  # what tells one folder from another, however it is come to


class Found(NamedTuple):
    """What lies below a folder.

    Attributes:
        images: paths, sorted.
        left_out: entries that could not be read, each as "name: reason", sorted.
        passed_over: how many other files there are, by their endings.
    """

    images: tuple[Parts, ...]
    left_out: tuple[str, ...]
    passed_over: Mapping[str, int]


OUTWARD = f"a link out of the folder, not followed: name the folder as {LINKS}FOLDER to follow it"


def walk(root: Path, links: bool = False) -> Found:
    """Find all images below a folder, at any depth.

    The folder may be a link itself, and links within it are followed, but not back to a folder
    above. Hidden files and folders are not looked at.

    Args:
        root: the folder.
        links: whether links that lead out of it are followed too.

    Raises:
        UserError: the folder itself cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "notes.txt").touch()
    ...     Path(folder, "cats").symlink_to("nowhere")
    ...     walk(Path(folder))
    Found(images=(), left_out=('cats: a link to nowhere',), passed_over={'.txt': 1})
    """
    images: list[Parts] = []
    left_out: list[str] = []
    passed_over: Counter[str] = Counter()
    within = None if links else os.path.realpath(root)
    to_do: list[tuple[Parts, tuple[_Place, ...]]] = [((), ())]
    while to_do:
        parts, above = to_do.pop()
        here = os.path.join(root, *parts)
        try:
            place = _place(os.stat(here))
            if place in above:
                continue  # it would go round for ever
            with os.scandir(here) as entries:
                names = [entry.name for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            if not parts:
                raise UserError(f"cannot read folder '{here}': {error.strerror}") from error
            left_out.append(f"{readable('/'.join(parts))}/: {error.strerror}")
            continue
        for name in names:
            path, entry = os.path.join(here, name), (*parts, name)
            kind = _kind(path, within)
            if kind == "folder":
                to_do.append((entry, (*above, place)))
            elif kind != "file":
                left_out.append(f"{readable('/'.join(entry))}: {kind}")
            elif is_image(path):
                images.append(entry)
            else:
                passed_over["." + ending_of(name) if ending_of(name) else "no ending"] += 1
    return Found(tuple(sorted(images)), tuple(sorted(left_out)), dict(sorted(passed_over.items())))


def _place(found: os.stat_result) -> _Place:
    return found.st_dev, found.st_ino


def _kind(path: str, within: str | None) -> str:
    """Return "file", "folder", or why an entry is neither."""
    try:
        mode = os.stat(path).st_mode
        if within is not None and os.path.islink(path) and not _below(path, within):
            return OUTWARD
    except FileNotFoundError:
        return "a link to nowhere"
    except OSError as error:
        return error.strerror or str(error)
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "not a regular file"


def _below(path: str, folder: str) -> bool:
    """Tell whether a link ends in a folder, or anywhere below it."""
    end = os.path.realpath(path)
    return end == folder or end.startswith(os.path.join(folder, ""))


def listed(passed_over: Mapping[str, int]) -> str:
    """Return how many files were passed over, the most frequent endings first.

    >>> listed({".txt": 1, ".heic": 20, "no ending": 2})
    '20 .heic, 2 without an ending, 1 .txt'
    """
    called = {"no ending": "without an ending"}
    ordered = sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {called.get(ending, ending)}" for ending, count in ordered)


def readable(name: str) -> str:
    r"""Return a file's name as it can be printed on one line, whatever bytes it is made of.

    >>> readable("a\udcffb\nc"), readable("\ud800")
    ('a\\xffb\\nc', '\\ud800')
    """
    try:
        text = os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # halves of signs, which no file is called by, but a class may be
        text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
