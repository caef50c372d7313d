"""Sums: checksums of the files of a page, which have no room for one, in a file beside them.

    sha256sum -c checksums.sha256

checks them as well, from inside the run folder.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from atlasjax.storage import artifacts, seal

FILE = "checksums.sha256"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def keep(folder: Path, files: Iterable[Path]) -> None:
    """Note files as they are.

    Args:
        folder: the run folder.
        files: in it; those that are not there are forgotten.
    """
    found = dict(kept(folder))
    for path in files:
        name, digest = path.relative_to(folder).as_posix(), _digest(path)
        found.pop(name, None)
        if digest is not None and "\n" not in name:
            found[name] = digest
    _write(folder, found)


def forget(folder: Path, files: Iterable[str] | None = None) -> None:
    """Forget files that will be written anew, so that none looks changed where that is interrupted.

    Args:
        folder: the run folder.
        files: by their paths in it; all by default.
    """
    known = kept(folder)
    gone = set(known) if files is None else set(files)
    if gone & set(known):
        _write(folder, {name: digest for name, digest in known.items() if name not in gone})


def kept(folder: Path) -> Mapping[str, str]:
    """Return the digest of each file that was noted; of lines that are damaged there is none.

    >>> kept(Path("no/such/run"))
    {}
    """
    try:
        text = (folder / FILE).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    lines = map(_LINE.fullmatch, text.splitlines())
    return {line[2]: line[1] for line in lines if line is not None}


def changed(folder: Path, files: Iterable[str] | None = None) -> list[str]:
    """Return those files that are not as they were noted, or no longer there.

    Args:
        folder: the run folder.
        files: only of these; of those that were not noted nothing is known.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     run, page = Path(name), Path(name) / "a.js"
    ...     _ = page.write_text("whole")
    ...     keep(run, [page])
    ...     before, _ = changed(run), page.write_text("whale")
    ...     before, changed(run)
    ([], ['a.js'])
    """
    known = kept(folder)
    chosen = known if files is None else [name for name in files if name in known]
    return [name for name in chosen if _digest(folder / name) != known[name]]


def is_changed(path: Path, root: Path) -> bool:
    """Tell whether a file is not as it was noted in the folder that it is of.

    Args:
        path: the file.
        root: the outermost folder that may have noted it; others are in it.
    """
    for folder in path.parents:
        if (folder / FILE).is_file():
            return bool(changed(folder, [path.relative_to(folder).as_posix()]))
        if folder == root:
            break
    return False


def _write(folder: Path, found: Mapping[str, str]) -> None:
    lines = [f"{digest}  {name}\n" for name, digest in sorted(found.items())]
    artifacts.write_text(folder / FILE, "".join(lines), lasting=True)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return seal.digest_of(file)
    except artifacts.ABSENT:
        return None
