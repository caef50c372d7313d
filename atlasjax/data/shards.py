"""Shards: which archives a name means, with braces or wildcards or neither."""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from atlasjax.errors import UserError, unknown
from atlasjax.storage.places import expanded

ENDINGS = (".tar", ".zip", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
_MOST = 100_000  # a slip in braces would name billions


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path names archives, by its ending or by what the file begins with.

    >>> is_archive("a/train-{000..009}.tar"), is_archive("a.ZIP"), is_archive("photographs")
    (True, True, False)
    """
    there = expanded(path)
    if os.fspath(path).lower().endswith(ENDINGS):
        return not there.is_dir()
    try:
        if not there.is_file():  # a pipe would be waited for
            return False
        with there.open("rb") as file:
            head = file.read(512)
    except (OSError, ValueError):
        return False
    return head.startswith(b"PK\3\4") or head[257:262] == b"ustar"


def shards(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Return the archives that a path means: itself, or those of its braces and wildcards.

    Args:
        path: `train-{000..009}.tar`, `{train,more}.zip`, `train-*.tar`, or one file.

    Raises:
        UserError: one of them is not there, or there are too many.

    >>> shards("no/such/{a,b}.tar")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no archive 'no/such/a.tar': there is no folder 'no/such'
    """
    whole = expanded(path)
    if whole.exists():
        return (whole,)
    found: list[Path] = []
    for name in _of_braces(str(whole)):
        there = sorted(glob.glob(name)) if glob.has_magic(name) else [name]
        if not there:
            raise UserError(f"no archive is called as '{name}' says")
        found += map(Path, there)
        if len(found) > _MOST:
            raise UserError(f"'{path}' means more than {_MOST} archives")
    for archive in found:
        _check(archive)
    return tuple(found)


def _check(path: Path) -> None:
    if path.is_file():
        return
    if path.exists():
        raise UserError(f"'{path}' is no file")
    if not path.parent.is_dir():
        raise UserError(f"no archive '{path}': there is no folder '{path.parent}'")
    siblings = [p.name for p in sorted(path.parent.iterdir()) if p.name.lower().endswith(ENDINGS)]
    raise unknown(f"archive in '{path.parent}' named", path.name, siblings)


def _of_braces(name: str) -> Iterator[str]:
    """Give the names that braces mean, as a shell does: `{a,b}` and `{00..11}`.

    >>> list(_of_braces("{a,b}-{09..11}"))
    ['a-09', 'a-10', 'a-11', 'b-09', 'b-10', 'b-11']
    """
    found = re.search(r"\{([^{}]*(?:,|\.\.)[^{}]*)\}", name)
    if not found:
        yield name
        return
    numbers = re.fullmatch(r"(\d{1,9})\.\.(\d{1,9})", found[1])
    if numbers:
        first, last = map(int, numbers.groups())
        if last - first >= _MOST:
            raise UserError(f"'{name}' means more than {_MOST} archives")
        width = len(numbers[1]) if len(numbers[1]) == len(numbers[2]) else 0
        texts = [str(number).zfill(width) for number in range(first, last + 1)]
    else:
        texts = found[1].split(",")
    for text in texts:
        yield from _of_braces(name[: found.start()] + text + name[found.end() :])
