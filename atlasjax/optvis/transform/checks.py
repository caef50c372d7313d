"""What numbers transforms take."""

import math

from atlasjax.errors import UserError

Number = float | int


def at_least_zero(name: str, value: Number, unit: str = "") -> None:
    """Refuse a number that is negative, infinite or none.

    Args:
        name: what the number is, for the message.
        value: the number.
        unit: what it counts, for the message.

    Raises:
        UserError: always tells the name and the value.

    >>> at_least_zero("jitter", -1, "px")
    Traceback (most recent call last):
    ...
    atlasjax.errors.UserError: jitter -1 px: must be 0 or more
    """
    if not 0 <= value < math.inf:
        raise UserError(f"{name} {value}{unit and ' ' + unit}: must be 0 or more")
