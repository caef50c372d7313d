"""Ranges: which values of an image are black and white, where 8 bits do not say.

Microscopes write 12 bits into 16, telescopes and maps floating-point numbers. Taken for photographs
they are nearly black, or have no brightness at all.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Shaped, UInt8

from atlasjax.errors import UserError

AUTO = "auto"
ValueRange = tuple[float | int, float | int] | Literal["auto"]
"""The values that become black and white; "auto" for those that the images have."""

WHITE = {"bool": 1.0, "uint8": 255.0, "uint16": 65535.0}  # what is white by itself
SHARE = 0.5  # of all values: images that use less are said to be narrow
HINT = "give --range LOW HIGH, or --range auto (range= from Python)"


class Span(NamedTuple):
    """The values that images have.

    Attributes:
        low: the least.
        high: the greatest.
        white: the greatest that they could have.
    """

    low: float
    high: float
    white: float


def checked(range: Any) -> ValueRange | None:
    """Return a range, or refuse what is none.

    Args:
        range: the values that become black and white, "auto", or None for what the files say.

    Raises:
        UserError: another word, or values that are not in order.

    >>> checked((0, 4095))
    (0.0, 4095.0)
    >>> checked((5, 5))
    Traceback (most recent call last):
    atlasjax.errors.UserError: range 5 5: must be two finite numbers, the lower first, or auto
    """
    if range is None or range == AUTO:
        return range
    try:
        low, high = map(float, range)
        if np.isfinite([low, high]).all() and low < high:
            return low, high
    except (TypeError, ValueError):
        pass
    listed = range if isinstance(range, str) else " ".join(map(_short, np.ravel(range)))
    raise UserError(f"range {listed}: must be two finite numbers, the lower first, or auto")


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def in_8_bits(
    values: Shaped[np.ndarray, "*shape"],
    range: tuple[float | int, float | int] | None = None,
) -> UInt8[np.ndarray, "*shape"]:
    """Bring values to 0..255: what is at the range's ends, or beyond, becomes black and white.

    Args:
        values: of any type of numbers.
        range: by default what the type says: booleans, 8 bits and 16 bits have all of their own
            range; floats must be in [0, 1].

    Returns:
        The values, rounded.

    Raises:
        ValueError: values that are not numbers, or of which nothing says what is black and white.

    >>> in_8_bits(np.array([0, 4095], np.uint16)).tolist()
    [0, 16]
    >>> in_8_bits(np.array([0, 4095], np.uint16), (0, 4095)).tolist()
    [0, 255]
    >>> in_8_bits(np.array([0.0, 0.5, 1.0])).tolist()
    [0, 128, 255]
    """
    if range is None and values.dtype == np.uint8:
        return values
    white, numbers = WHITE.get(values.dtype.name), values.astype(np.float32)
    if np.isnan(numbers).any():
        raise ValueError(f"{np.isnan(numbers).sum()} of {numbers.size} values are NaN")
    if range is None:
        low, high = float(numbers.min()), float(numbers.max())
        if white is None and (values.dtype.kind in "iu" or not 0 <= low <= high <= 1):
            raise ValueError(
                f"values of {low:g} to {high:g} ({values.dtype}), which have no fixed range; {HINT}"
            )
        range = 0.0, white or 1.0
    low, high = range
    share = (numbers - np.float32(low)) / np.float32(high - low)
    return np.round(np.clip(share, 0, 1) * np.float32(255)).astype(np.uint8)


def ends_of(images: Iterable[np.ndarray]) -> tuple[float, float]:
    """Return the values that images have between them, but for pixels that are hot or dead.

    Args:
        images: as they are stored. NaN is passed over.

    Returns:
        The least of their .1th and the greatest of their 99.9th percentiles.

    >>> ends_of([np.arange(1001.0)[:, None, None], np.full((1, 1, 1), 2000)])
    (1.0, 2000.0)
    """
    low, high = np.inf, -np.inf
    for image in images:
        numbers = image.astype(np.float32)
        numbers = numbers[np.isfinite(numbers)]
        if numbers.size:
            least, most = np.percentile(numbers, (0.1, 99.9))
            low, high = min(low, float(least)), max(high, float(most))
    if not np.isfinite([low, high]).all():
        return 0.0, 1.0
    return (low, high) if low < high else (low, low + 1.0)


def span_of(values: np.ndarray) -> Span:
    """Return the values that an image has.

    >>> span_of(np.array([3, 7], np.uint16))
    Span(low=3.0, high=7.0, white=65535.0)
    """
    return Span(float(values.min()), float(values.max()), WHITE.get(values.dtype.name, 1.0))


def together(one: Span | None, other: Span | None) -> Span | None:
    """Return the values that two images have between them, as the one that can have more says it.

    >>> together(Span(0, 255, 255), Span(257, 514, 65535))
    Span(low=0.0, high=65535.0, white=65535)
    """
    if one is None or other is None:
        return one or other
    white = max(one.white, other.white)
    ends = [(s.low * white / s.white, s.high * white / s.white) for s in (one, other)]
    return Span(min(low for low, _ in ends), max(high for _, high in ends), white)


def narrow(span: Span | None) -> str | None:
    """Return a line where images use so few of all values that they are nearly of one brightness.

    Args:
        span: the values that they have between them.

    >>> narrow(Span(0, 4095, 65535))
    'there are values of 0 to 4095 where 0 to 65535 is black to white, ...range= from Python)'
    >>> narrow(Span(0, 255, 255)) is None
    True
    """
    if span is None or span.high - span.low >= SHARE * span.white:
        return None
    return (
        f"there are values of {span.low:g} to {span.high:g} where 0 to {span.white:g} is "
        f"black to white, so that a network sees little in them: {HINT}"
    )
