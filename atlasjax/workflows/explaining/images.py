"""Images to be explained: from what a person names or hands over to what the network sees."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from atlasjax.classes import ClassName
from atlasjax.data import from_arrays, prepare
from atlasjax.data.channels import to_channels
from atlasjax.data.scenes import CLASSES
from atlasjax.data.scenes.single import from_name
from atlasjax.errors import UserError
from atlasjax.vis.files import read_image
from atlasjax.workflows.networks import Opened

MARGIN = 256 / 224  # of photographs, whose shorter side is resized to so much and cut


class Given(NamedTuple):
    """An image as the network sees it.

    Attributes:
        name: of the file or the scene, or its number.
        image: of the network's size and channels.
        label: the class that it is of, where its name or its folder tells; None elsewhere.
    """

    name: str
    image: UInt8[np.ndarray, "h w c"]
    label: int | None


def read(images: Any, opened: Opened) -> tuple[Given, ...]:
    """Read images, and bring them to the network's size and channels.

    Args:
        images: one or several of: the path of a file; a scene such as `scenes:wok/22`; an array
            [h, w, c] of uint8, or of floats in [0, 1]; or an array of several, [n, h, w, c].
        opened: the network.

    Raises:
        UserError: no images, or one that cannot be read.
    """
    several = images if isinstance(images, list | tuple) else [images]
    found = [given for one in several for given in _read(one, opened)]
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
            label = _of_scene(CLASSES[scene.label], opened.classes)
            return [Given(scene.name, _fitted(scene.image, side, channels), label)]
        label = _of_folder(Path(path), opened.classes)
        return [Given(Path(path).name, _fitted(read_image(path), side, channels), label)]
    array = np.asarray(image)
    source = from_arrays(array if array.ndim == 4 else array[None])
    return [
        Given(f"image {i}", _fitted(source[i].image, side, channels), None)
        for i in range(len(source))
    ]


def _fitted(image: UInt8[np.ndarray, "h w c"], side: int, channels: int) -> np.ndarray:
    whole = to_channels(image, channels)
    if min(whole.shape[:2]) == side:
        return prepare(whole, side, side)
    return prepare(whole, side, round(side * MARGIN))


def _of_scene(name: str, classes: Sequence[ClassName]) -> int | None:
    return next((i for i, known in enumerate(classes) if known.name == name), None)


def _of_folder(path: Path, classes: Sequence[ClassName]) -> int | None:
    """Return the class whose WordNet id or name is that of the file's folder."""
    folder = path.resolve().parent.name
    return next(
        (i for i, known in enumerate(classes) if folder and folder in (known.wnid, known.name)),
        None,
    )
