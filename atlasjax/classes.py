"""Which class a person means: by its WordNet id, its number, or some of its name."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from atlasjax.errors import UserError, unknown

NO_CLASSES = "the network has no classes (it gives no logits)"
_LISTED = 6  # candidates that an error names


class ClassName(NamedTuple):
    """One class of a network.

    Attributes:
        wnid: its WordNet id, "n01440764", or empty where it has none.
        name: all its names, "tench, Tinca tinca".
    """

    wnid: str
    name: str

    @property
    def short(self) -> str:
        """The first of the names: "tench"."""
        return self.name.split(",")[0]


@runtime_checkable
class Named(Protocol):
    """A class of a network, such as `ClassName`."""

    @property
    def wnid(self) -> str:
        """Its WordNet id, "n01440764", or empty where it has none."""
        ...

    @property
    def name(self) -> str:
        """All its names, separated by commas: "tench, Tinca tinca"."""
        ...


def resolve(text: str, class_names: Sequence[Named]) -> int:
    """Find the class that is meant.

    A WordNet id, else a number, else a name. Of names, one that is the same counts before one that
    has the text as whole words, and that before one that has it anywhere; case does not matter.

    Args:
        text: what was written: "n01440764", "0", "tench" or "hammerhead".
        class_names: those of the network, in the order of its logits.

    Returns:
        The index of the class, from 0.

    Raises:
        UserError: no such class, or several, which are named; or no classes at all.

    >>> from typing import NamedTuple
    >>> class Name(NamedTuple):
    ...     wnid: str
    ...     name: str
    >>> names = [Name("n01", "tiger shark"), Name("n02", "tiger, Panthera tigris")]
    >>> resolve("tiger", names), resolve("shark", names), resolve("n02", names), resolve("0", names)
    (1, 0, 1, 0)
    >>> resolve("tig", names)
    Traceback (most recent call last):
    atlasjax.errors.UserError: class 'tig' may be 0 (tiger shark) or 1 (tiger): say more of the...
    """
    if not class_names:
        raise UserError(f"no class {text!r}: {NO_CLASSES}")
    wanted = text.strip().casefold()
    if not wanted:
        raise UserError("a class without a name: give its name, its number or its WordNet id")
    wnids = [i for i, known in enumerate(class_names) if known.wnid.casefold() == wanted]
    if wnids:
        return wnids[0]
    if re.fullmatch(r"[+-]?\d+", wanted):
        return _numbered(int(wanted), class_names)
    for fits in (_same, _words, _anywhere):
        found = [i for i, known in enumerate(class_names) if fits(wanted, known)]
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(text, found, class_names)
    raise unknown("class", text, [name for known in class_names for name in _names(known)])


def short_name(known: Named) -> str:
    """Return the first of a class's names, "tench"."""
    return _names(known)[0]


def short_names(class_names: Sequence[Named]) -> tuple[str, ...]:
    """Return what each class is called in few words, no two of them alike.

    It is the first of its names. Where two classes share it, what tells them apart stands behind
    it: the second name, where no other has it, else the WordNet id, else the number.

    >>> names = [("n1", "crane"), ("n2", "crane"), ("n3", "maillot"), ("n4", "maillot, tank suit")]
    >>> short_names([ClassName(*name) for name in names])[1:]
    ('crane (n2)', 'maillot (n3)', 'maillot (tank suit)')
    """
    names = [_names(known) for known in class_names]
    shared = Counter(own[0] for own in names)
    seconds = Counter((own[0], own[1]) for own in names if len(own) > 1)
    wnids = Counter(known.wnid for known in class_names)

    def short(index: int) -> str:
        own, wnid = names[index], class_names[index].wnid
        if shared[own[0]] == 1:
            return own[0]
        if len(own) > 1 and own[1] != own[0] and seconds[own[0], own[1]] == 1:
            return f"{own[0]} ({own[1]})"
        return f"{own[0]} ({wnid if wnid and wnids[wnid] == 1 else index})"

    return tuple(short(index) for index in range(len(names)))


def _numbered(index: int, class_names: Sequence[Named]) -> int:
    if not 0 <= index < len(class_names):
        raise UserError(f"no class {index}; there are 0 to {len(class_names) - 1}")
    return index


def _names(known: Named) -> list[str]:
    return [name.strip() for name in known.name.split(",")]


def _same(wanted: str, known: Named) -> bool:
    return wanted in [name.casefold() for name in _names(known)]


def _words(wanted: str, known: Named) -> bool:
    return bool(re.search(rf"\b{re.escape(wanted)}\b", known.name.casefold()))


def _anywhere(wanted: str, known: Named) -> bool:
    return wanted in known.name.casefold()


def _ambiguous(text: str, found: list[int], class_names: Sequence[Named]) -> UserError:
    names = short_names(class_names)
    shown = [f"{i} ({names[i]})" for i in found[:_LISTED]]
    more = f" or {len(found) - len(shown)} others" if len(found) > len(shown) else ""
    listed = ", ".join(shown) if more else " or ".join([", ".join(shown[:-1]), shown[-1]])
    return UserError(
        f"class {text!r} may be {listed}{more}: say more of the name, or give its number"
    )


def numbered(count: int) -> tuple[ClassName, ...]:
    """Return stand-ins for the names of classes that are not known.

    >>> numbered(2)[1].name
    'class 1'
    """
    return tuple(ClassName("", f"class {i}") for i in range(count))


def read_class_names(
    path: str | os.PathLike, folder: str | os.PathLike = "."
) -> tuple[ClassName, ...]:
    """Read the names of classes from a file: one on each line, in the order of the logits.

    Where every line starts with a WordNet id, as in "n01440764 tench, Tinca tinca", it is taken as
    one.

    Args:
        path: the file, in UTF-8.
        folder: where a relative path is looked for that is not in the working folder.

    Raises:
        UserError: there is no such file.

    >>> read_class_names("no/such/file.txt")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no file of class names 'no/such/file.txt'
    """
    found = next((p for p in (Path(path), Path(folder) / path) if p.is_file()), None)
    if found is None:
        raise UserError(f"no file of class names {os.fspath(path)!r}")
    text = found.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and all(re.match(r"n\d{8}\s+\S", line) for line in lines):
        return tuple(ClassName(*line.split(maxsplit=1)) for line in lines)
    return tuple(ClassName("", line) for line in lines)
