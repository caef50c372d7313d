"""One scene by its name, for what looks at single images."""

from atlasjax.data.protocol import Example
from atlasjax.data.scenes.shortcuts import CONTROLS
from atlasjax.data.scenes.source import CLASSES, scenes
from atlasjax.errors import UserError, unknown

SEED = 1  # of no image that the carried network was trained on


def from_name(name: str) -> Example:
    """Draw one scene by its name: scenes:KIND, scenes:KIND/NUMBER, scenes:KIND/NUMBER@SEED.

    Args:
        name: the kind is one of `CLASSES` or of `CONTROLS`; number and seed count from 0, and are
            0 and 1 where they are left out.

    Returns:
        The scene, whose name is that which was given, without "scenes:".

    Raises:
        UserError: a name that is not of that form, or no such kind.

    >>> from_name("scenes:wok/22").name, from_name("scenes:noodles-removed").label
    ('wok/22', 22)
    """
    rest = name.removeprefix("scenes:")
    kind, slash, numbers = rest.partition("/")
    number, at, seed = numbers.partition("@")
    if (slash and not _is_number(number)) or (at and not _is_number(seed)):
        raise UserError(
            f"image {name!r}: a scene is named scenes:KIND, with /NUMBER and @SEED after it, as "
            "scenes:wok/22 or scenes:noodles-removed/0@7"
        )
    if kind not in CLASSES and kind not in CONTROLS:
        raise unknown("kind of scene", kind, (*CLASSES, *CONTROLS))
    index = int(number or 0)
    which = {"control": kind} if kind in CONTROLS else {"only": kind}
    found = scenes(index + 1, seed=int(seed or SEED), **which)[index]
    return found._replace(name=rest)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
