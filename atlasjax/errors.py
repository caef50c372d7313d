"""The one exception for mistakes of the user's.

The command line prints it as a single line and exits with status 2. In research code it is an
ordinary `ValueError`, so nobody has to import it to catch it.
"""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake that its message explains completely: no traceback is needed to mend it."""


def nearest(name: str, allowed: Iterable[str], most: int = 4) -> list[str]:
    """Return the names most like `name`, best first.

    Args:
        name: what was asked for.
        allowed: what there is.
        most: how many to return at most.

    Returns:
        Up to `most` names. Empty where nothing is at all alike.

    >>> nearest("mixed4k", ["conv2d0", "mixed4c", "mixed4d"], most=2)
    ['mixed4d', 'mixed4c']
    """
    allowed = list(allowed)
    folded = {a.casefold(): a for a in allowed}
    close = difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=0.5)
    return [folded[c] for c in close]


def unknown(kind: str, name: str, allowed: Iterable[str]) -> UserError:
    """Return the error for a name that does not exist, with the nearest that do.

    Args:
        kind: what the name was meant to name, as a noun: "layer", "experiment".
        name: what was asked for.
        allowed: every name there is. When none is alike, the first few are listed.

    Returns:
        The error, to be raised by the caller.

    >>> str(unknown("layer", "mixed4", ["conv2d0", "mixed4c"]))
    "no layer 'mixed4'; did you mean mixed4c?"
    >>> str(unknown("layer", "zzz", ["conv2d0", "mixed4c"]))
    "no layer 'zzz'; there are conv2d0, mixed4c"
    """
    allowed = list(allowed)
    close = nearest(name, allowed)
    if close:
        return UserError(f"no {kind} {name!r}; did you mean {', '.join(close)}?")
    listed = ", ".join(allowed[:12]) + (", ..." if len(allowed) > 12 else "")
    return UserError(f"no {kind} {name!r}; there are {listed or 'none'}")


def reason(error: BaseException) -> str:
    r"""Return what an error of somebody else's says, in one line that can be printed.

    Messages about damaged files quote what is in them, whatever that is.

    >>> reason(ValueError("a\n  b\x1b[31m")), reason(EOFError())
    ('a b\\x1b[31m', 'EOFError')
    """
    line = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
