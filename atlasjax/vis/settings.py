"""How pictures are made, and of what size: as asked for, or as the network takes them.

The defaults differ from those of an atlas's icons, which a batch of thousands must pay for: larger
pictures, steps three times as long, and gradients that leak through rectifiers for the first third,
so that no picture stays grey.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from atlasjax.data.batches import prepare
from atlasjax.data.channels import resized, to_channels
from atlasjax.errors import UserError
from atlasjax.optvis.param import Size
from atlasjax.optvis.sizes import CHANNELS, taken, usual
from atlasjax.optvis.transform import Transform, similarity
from atlasjax.taps import Model

GENTLE = 0.25
"""The part of the random changes that leaves a picture's parts in their places."""

SMALLEST = 4  # px
_JITTER = 8.0  # px, of pictures of 128 px and more; a sixteenth of smaller ones
_STRIP = 8  # how many times as long as wide a picture is kept


@dataclass(frozen=True)
class Settings:
    """How pictures are made.

    Attributes:
        size: height and width in pixels: (height, width), or one number for both. One number is the
            shorter side of what is made from a picture, which keeps its shape. By default 128 px,
            or what the network takes.
        steps: optimization steps, at least 1.
        learning_rate: Adam's at its peak; see `optvis.schedule.learning_rates`.
        total_variation: how much changes from pixel to pixel count against a picture, at least 0:
            what is made large is the objective, less `total_variation * TV` of its size.
        leaky_fraction: in which part of the steps gradients leak through rectifiers, from 0 to 1.
        jitter: largest shift in a step, in pixels; by default 8, or a sixteenth of the shorter side
            of smaller pictures.
        scale: smallest and largest magnification in a step.
        rotate: largest angle in a step, in degrees.
        attempts: how often each picture is made, from other starts; the best is kept.
        batch: pictures, or sets of them, at a time; see `optvis.visualize`.
        channels: of the images that the network takes; by default as many as it does. Three are
            drawn in decorrelated colours, others each for itself.
    """

    size: Size | None = None
    steps: int = 128
    learning_rate: float | int = 0.5
    total_variation: float | int = 0.5
    leaky_fraction: float | int = 0.3
    jitter: float | int | None = None
    scale: tuple[float | int, float | int] = (0.9, 1.1)
    rotate: float | int = 8.0
    attempts: int = 1
    batch: int = 16
    channels: int | None = None


class Made(NamedTuple):
    """Settings for one network, with nothing left open.

    Attributes:
        settings: with a jitter.
        size: height and width in pixels.
        channels: of the images that the network takes.
    """

    settings: Settings
    size: tuple[int, int]
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """The [h, w, c] of the images."""
        return (*self.size, self.channels)

    def resized(self, size: tuple[int, int]) -> "Made":
        """The same at another size."""
        return self._replace(size=size)


def settled(
    model: Model, settings: Settings | None = None, picture: np.ndarray | None = None
) -> Made:
    """Return settings with nothing left open: as asked for, or as the network takes images.

    Args:
        model: a callable pytree `model(images, tap)`.
        settings: how pictures are made; the defaults of `Settings` if none are given.
        picture: what the pictures are made from, whose shape is kept: where the network takes one
            shape only, its middle.

    Raises:
        UserError: settings out of range, or images that the network does not take.

    >>> grey = lambda images, tap: tap("a", images @ np.ones((1, 4), np.float32)).mean((1, 2))
    >>> settled(grey).shape, settled(grey, Settings(28), np.zeros((20, 60, 1))).shape
    ((128, 128, 1), (28, 84, 1))
    """
    settings = settings or Settings()
    check(settings)
    channels = CHANNELS if settings.channels is None else (settings.channels,)
    height, width, count = taken(model, _sizes(settings.size, picture), channels)
    jitter = settings.jitter
    if jitter is None:
        jitter = min(_JITTER, min(height, width) / 16)
    return Made(replace(settings, jitter=jitter), (height, width), count)


def _sizes(size: Size | None, picture: np.ndarray | None) -> Iterable[tuple[int, int]]:
    """Return heights and widths, the first choice first."""
    if isinstance(size, tuple):
        return [size]
    squares = usual() if size is None else [(size, size)]
    if picture is None or picture.ndim != 3 or not picture.size:
        return squares
    side, (rows, columns) = squares[0][0], picture.shape[:2]
    longer = round(side * min(max(rows, columns) / min(rows, columns), _STRIP))
    return [(side, longer) if columns > rows else (longer, side), *squares]


def views(made: Made, part: float = 1.0) -> Transform:
    """Return the random changes of each step, or a part of each of them.

    Args:
        made: how pictures are made.
        part: `GENTLE` for pictures whose parts have to keep their places.

    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> type(views(settled(toy), GENTLE)).__name__
    'Affine'
    """
    settings = made.settings
    low, high = (1.0 + part * (side - 1.0) for side in settings.scale)
    return similarity(part * (settings.jitter or 0.0), (low, high), part * settings.rotate)


def fitted(
    image: UInt8[np.ndarray, "h w c"] | Float[np.ndarray, "h w c"], size: Size, channels: int = 3
) -> Float[np.ndarray, "height width channels"]:
    """Return the middle of a given picture at the size that is drawn.

    Args:
        image: of any size, from 0 to 255 or as floats in [0, 1].
        size: height and width in pixels; one number for both.
        channels: how many the network takes; see `data.channels.to_channels`.

    Returns:
        The picture in [0, 1], in 8 bits; of another shape, what is beyond the size is cut off.

    Raises:
        UserError: another shape or other channels, or floats out of range.

    >>> fitted(np.full((40, 60, 3), 0.2), 32).shape, fitted(np.zeros((40, 60, 3)), (20, 50)).shape
    ((32, 32, 3), (20, 50, 3))
    """
    given = to_channels(_in_bytes(image, channels), channels)
    height, width = size if isinstance(size, tuple) else (size, size)
    if height == width:
        whole = prepare(given, height, height)
    else:
        whole = resized(_middle(given, height, width), height, width)
    return whole.astype(np.float32) / np.float32(255)


def _in_bytes(image: np.ndarray, channels: int) -> UInt8[np.ndarray, "h w c"]:
    given = np.asarray(image)
    if given.ndim != 3 or not given.size:
        raise UserError(f"an image of shape {list(given.shape)}: must be [h, w, {channels}]")
    if given.dtype == np.uint8:
        return given
    if not (given.min() >= 0 and given.max() <= 1):
        raise UserError("an image of floats below 0 or above 1: must be in [0, 1]")
    return np.round(given * 255).astype(np.uint8)


def _middle(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut an image to the proportions of a size, about its centre."""
    rows, columns = image.shape[:2]
    high = min(rows, max(1, round(columns * height / width)))
    wide = min(columns, max(1, round(rows * width / height)))
    top, left = (rows - high) // 2, (columns - wide) // 2
    return image[top : top + high, left : left + wide]


def check(settings: Settings) -> None:
    """Refuse settings that nothing can be made with; the rest is checked where it is used.

    >>> check(Settings(size=(128, 2)))
    Traceback (most recent call last):
    atlasjax.errors.UserError: size 128 x 2: must be at least 4 px
    """
    if settings.channels is not None and settings.channels < 1:
        raise UserError(f"channels {settings.channels}: must be at least 1")
    size = settings.size
    sides = size if isinstance(size, tuple) else () if size is None else (size,)
    if min(sides, default=SMALLEST) < SMALLEST:
        shown = " x ".join(map(str, sides))
        raise UserError(f"size {shown}: must be at least {SMALLEST} px")
    if not settings.learning_rate > 0:
        raise UserError(f"learning_rate {settings.learning_rate}: must be above 0")
    if not settings.total_variation >= 0:
        raise UserError(f"total_variation {settings.total_variation}: must be at least 0")
    if not 0 <= settings.leaky_fraction <= 1:
        raise UserError(
            f"leaky_fraction {settings.leaky_fraction}: must be from 0 to 1, a part of the steps"
        )
