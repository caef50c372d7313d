"""What Pillow warns of while an image is read: kept with the image in place of being printed.

Photographs from the wild have EXIF blocks that claim more than there is, or pictures in pictures
that are cut short. Their pixels are good, and a warning that names no file helps nobody. Python's
filters of warnings belong to the whole process, so the one that is put there says by itself whether
a warning is meant: one of a thread that is just reading an image.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _Reading(threading.local):
    """What the thread that reads an image was warned of; None where it reads none."""

    notes: list[str] | None = None


_READING = _Reading()


class _Noted:
    """Takes the place of the pattern that a filter compares a warning's text with."""

    pattern = r"(?!)"  # for who copies filters into other processes, where it matches nothing

    def match(self, text: str) -> bool:
        """Tell whether this thread reads an image, and keep the text if so."""
        if _READING.notes is None:
            return False
        line = " ".join(str(text).split())
        if line not in _READING.notes:
            _READING.notes.append(line)
        return True


_LOCK = threading.Lock()
_READERS: list[int] = []
_FILTER = ("ignore", _Noted(), Warning, None, 0)


@contextmanager
def noted() -> Iterator[list[str]]:
    """Keep what this thread is warned of, each text once; other threads are warned as ever.

    Yields:
        The texts, which grow while the block runs.

    >>> with noted() as notes:
    ...     warnings.warn("Corrupt EXIF data", stacklevel=1)
    >>> notes
    ['Corrupt EXIF data']
    """
    _begin()
    before, _READING.notes = _READING.notes, []
    try:
        yield _READING.notes
    finally:
        _READING.notes = before
        _end()


def _begin() -> None:
    """Put the filter first, where it is not; whoever has put filters aside has put it aside too."""
    filters: list = warnings.filters  # pyright: ignore[reportAssignmentType]
    with _LOCK:
        _READERS.append(threading.get_ident())
        if not filters or filters[0] is not _FILTER:
            filters.insert(0, _FILTER)


def _end() -> None:
    """Take the filter away when nobody reads any more."""
    filters: list = warnings.filters  # pyright: ignore[reportAssignmentType]
    with _LOCK:
        _READERS.remove(threading.get_ident())
        if not _READERS:
            filters[:] = [kept for kept in filters if kept is not _FILTER]
