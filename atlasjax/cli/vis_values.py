"""What is written behind the options of `atlasjax vis`, read."""

import re
from collections.abc import Sequence
from typing import Any

from atlasjax.errors import UserError

NEGATIVE = ("channels", "neurons", "direction")  # subjects of which there is an opposite


def size(given: list[int] | None) -> int | tuple[int, int] | None:
    """Return what --size says, of which the width comes first as people say it.

    >>> size([600, 200]), size([64])
    ((200, 600), 64)
    """
    if given is None or len(given) == 1:
        return given[0] if given else None
    if len(given) > 2:
        raise UserError(f"--size {' '.join(map(str, given))}: must be a width, or width and height")
    return given[1], given[0]


def layers(text: str) -> list[str]:
    """Return the names of layers that are written with commas between them.

    >>> layers("mixed3a, mixed4b")
    ['mixed3a', 'mixed4b']
    """
    return [name.strip() for name in text.split(",")]


def numbers(tokens: Sequence[str], what: str) -> list[int]:
    """Read numbers and ranges, "3", "0:16" or "0:16:2", also with commas between them.

    >>> numbers(["0:3", "7,9"], "channels")
    [0, 1, 2, 7, 9]
    """
    found: list[int] = []
    for token in (part for given in tokens for part in given.split(",") if part):
        if re.fullmatch(r"-\d+", token) and what in NEGATIVE:
            raise UserError(f"--{what} {token}: for what {token[1:]} is against, add --negative")
        if not re.fullmatch(r"\d+(:\d+(:0*[1-9]\d*)?)?", token):
            raise UserError(f"--{what} {token!r}: must be a number, or a range such as 0:16")
        ends = [int(part) for part in token.split(":")]
        found += range(*ends) if len(ends) > 1 else ends
    if not found:
        raise UserError(f"--{what} {' '.join(tokens)}: no numbers in it")
    return found


def value_range(given: list[str] | None) -> Any:
    """Return what --range says: two values, or "auto"; see `data.ranges.checked`.

    >>> value_range(["auto"])
    'auto'
    """
    from atlasjax.data.ranges import checked

    return given if given is None else "auto" if given == ["auto"] else checked(given)
