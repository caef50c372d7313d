"""Images to be explained: from what a person names or hands over to what the network sees."""

import os
import re
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from atlasjax.classes import ClassName
from atlasjax.data import ImageSource, UnreadableImage, from_arrays, prepare
from atlasjax.data.channels import to_channels
from atlasjax.data.scenes import CLASSES
from atlasjax.data.scenes.single import from_name
from atlasjax.errors import UserError
from atlasjax.vis.files import read_image
from atlasjax.workflows.networks import Opened
from atlasjax.workflows.reopen import Reopened, images_of

MARGIN = 256 / 224  # of photographs, whose shorter side is resized to so much and cut


class Given(NamedTuple):
    """An image as the network sees it.

    Attributes:
        name: of the file or the scene, or its number.
        image: of the network's size and channels.
        label: the class that it is of, where its name or its folder tells; None elsewhere.
        number: of the image among those of a run; None where it is of none.
    """

    name: str
    image: UInt8[np.ndarray, "h w c"]
    label: int | None
    number: int | None = None


def read(images: Any, opened: Opened, run: Reopened | None = None) -> tuple[Given, ...]:
    """Read images, and bring them to the network's size and channels.

    Args:
        images: one or several of: the path of a file; a scene such as `scenes:wok/22`; an array
            [h, w, c] of uint8, or of floats in [0, 1]; an array of several, [n, h, w, c]; or the
            number of an image of the run, as an integer or as text.
        opened: the network.
        run: the run whose network it is, if it is a run's.

    Raises:
        UserError: no images, or one that cannot be read.
    """
    several = images if isinstance(images, list | tuple) or _are_numbers(images) else [images]
    numbers = [_number(one, run) for one in several]
    own = _own(run, [number for number in numbers if number is not None])
    found = []
    for one, number in zip(several, numbers, strict=True):
        found += _read(one, opened) if number is None else [_numbered(number, opened, run, own)]
    if not found:
        raise UserError("no images to explain: give a file, or a scene such as scenes:wok")
    names = [given.name for given in found]
    return tuple(
        given if names.count(given.name) == 1 else given._replace(name=f"{given.name} ({i})")
        for i, given in enumerate(found, 1)
    )


def _read(image: Any, opened: Opened) -> list[Given]:
    side, _, channels = opened.shape
    if isinstance(image, str | os.PathLike):
        path = os.fspath(image)
        if path.startswith("scenes:"):
            scene = from_name(path)
            label = _class_called(CLASSES[scene.label], opened.classes)
            return [Given(scene.name, _fitted(scene.image, side, channels), label)]
        label = _class_called(Path(path).resolve().parent.name, opened.classes)
        return [Given(Path(path).name, _fitted(read_image(path), side, channels), label)]
    array = np.asarray(image)
    source = from_arrays(array if array.ndim == 4 else array[None])
    return [
        Given(f"image {i}", _fitted(source[i].image, side, channels), None)
        for i in range(len(source))
    ]


def _are_numbers(images: Any) -> bool:
    """Tell whether an array holds numbers of images, as `Examples.image` does."""
    return isinstance(images, np.ndarray) and images.ndim == 1 and images.dtype.kind in "iu"


def _number(image: Any, run: Reopened | None) -> int | None:
    """Return the number of an image of the run, where that is what is meant."""
    if isinstance(image, str) and re.fullmatch(r"-?[0-9]{1,18}", image):
        return None if run is None and Path(image).is_file() else int(image)
    return int(image) if isinstance(image, Integral) and not isinstance(image, bool) else None


def _own(run: Reopened | None, numbers: Sequence[int]) -> ImageSource | None:
    """Open the images of a run where some are asked for, if they are still what they were."""
    if not numbers:
        return None
    if run is None:
        raise UserError(
            f"image {numbers[0]}: a number is an image of a run: give its folder as the model"
        )
    source = images_of(run.run, "give the image itself, as an array or a file")
    made = run.record.get("images")
    if isinstance(made, int) and made != len(source):
        raise UserError(
            f"{run.run.config.images} has {len(source)} images, and had {made} when "
            f"{str(run.run.folder)!r} was made: a number means another image now; give its file"
        )
    return source


def _numbered(
    number: int, opened: Opened, run: Reopened | None, source: ImageSource | None
) -> Given:
    """Read an image of a run as the run saw it."""
    assert run is not None
    assert source is not None
    if not 0 <= number < len(source):
        raise UserError(f"image {number}: the run has images 0 to {len(source) - 1}")
    try:
        found = source[number]
    except UnreadableImage as error:
        raise UserError(f"image {number} cannot be read: {error}") from None
    image = prepare(to_channels(found.image, opened.shape[2]), *run.run.config.crop)
    name = source.classes[found.label] if found.label >= 0 else ""
    return Given(found.name, image, _class_called(name, opened.classes), number)


def _fitted(image: UInt8[np.ndarray, "h w c"], side: int, channels: int) -> np.ndarray:
    whole = to_channels(image, channels)
    if min(whole.shape[:2]) == side:
        return prepare(whole, side, side)
    return prepare(whole, side, round(side * MARGIN))


def _class_called(name: str, classes: Sequence[ClassName]) -> int | None:
    """Return the class whose WordNet id or name this is, if it is one's."""
    return next(
        (i for i, known in enumerate(classes) if name and name in (known.wnid, known.name)), None
    )
