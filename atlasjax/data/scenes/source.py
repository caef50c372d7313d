"""Scenes as a source of images: as many as asked for, each a function of a seed and its number."""

import hashlib
import json
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, SupportsIndex

import numpy as np
from jaxtyping import Bool, UInt8

from atlasjax.data.protocol import Example
from atlasjax.data.scenes import animals, things, vehicles
from atlasjax.data.scenes.shortcuts import CONTROLS, CUES
from atlasjax.data.scenes.sketch import PARTS, SIZE, Frame, Sketch, finish, mask, sketch
from atlasjax.errors import UserError, unknown

VERSION = 1  # raised when any scene changes, so that stored results are not taken for new ones

_DRAW: dict[str, Callable[[Sketch], Frame]] = {
    "car": vehicles.car,
    "bus": vehicles.bus,
    "lorry": vehicles.lorry,
    "bicycle": vehicles.bicycle,
    "train": vehicles.train,
    "sailing boat": vehicles.sailing_boat,
    "ferry": vehicles.ferry,
    "lighthouse": vehicles.lighthouse,
    "whale": animals.whale,
    "shark": animals.shark,
    "striped fish": animals.striped_fish,
    "horse": animals.horse,
    "donkey": animals.donkey,
    "zebra": animals.zebra,
    "cow": animals.cow,
    "owl": animals.owl,
    "butterfly": animals.butterfly,
    "daisy": animals.daisy,
    "tree": animals.tree,
    "house": things.house,
    "castle": things.castle,
    "shop": things.shop,
    "wok": things.wok,
    "frying pan": things.frying_pan,
    "noodle bowl": things.noodle_bowl,
    "mug": things.mug,
    "baseball": things.baseball,
    "book": things.book,
}

CLASSES = tuple(_DRAW)
"""The names of the classes, in the order of the labels."""


class Scene(NamedTuple):
    """One scene, with the truth about it.

    Attributes:
        image: RGB, 0 to 255.
        label: its class, an index into `CLASSES`.
        parts: the parts that can be seen in it, in the order of `PARTS`.
        masks: for each of them, where it can be seen.
    """

    image: UInt8[np.ndarray, "96 96 3"]
    label: int
    parts: tuple[str, ...]
    masks: Bool[np.ndarray, "parts 96 96"]

    def mask(self, part: str) -> Bool[np.ndarray, "96 96"]:
        """Return where a part is; nowhere, if the scene has none.

        Args:
            part: one of `PARTS`.

        Raises:
            UserError: no such part.

        >>> draw_scene("wok", 0, 0).mask("wheel").any()
        np.False_
        """
        if part in self.parts:
            return self.masks[self.parts.index(part)]
        if part not in PARTS:
            raise unknown("part", part, PARTS)
        return np.zeros((SIZE, SIZE), bool)


def draw_scene(name: str, seed: int, number: int, control: str | None = None) -> Scene:
    """Draw one scene.

    Args:
        name: its class, one of `CLASSES`.
        seed: from 0 up.
        number: from 0 up; each gives another scene.
        control: a control of the class, one of `CONTROLS`, or None for a scene as in training.

    Returns:
        The scene. With a control it is the same but for the cue.

    >>> scene = draw_scene("wok", 0, 0)
    >>> scene.parts
    ('table', 'body', 'handle', 'noodles')
    >>> draw_scene("wok", 0, 0, "noodles-removed").parts
    ('table', 'body', 'handle')
    """
    s = sketch(np.random.default_rng((seed, number, 0)))
    frame = _DRAW[name](s)
    cue = CONTROLS[control].cue if control else CUES.get(name)
    if cue is not None:
        cue(s._replace(rng=np.random.default_rng((seed, number, 1))), frame)
    image, index = finish(s)
    seen = np.flatnonzero(np.bincount(index.ravel())[1:])
    masks = {part: mask(index, part) for part in (PARTS[i] for i in seen)}
    return Scene(image, CLASSES.index(name), tuple(masks), np.stack(list(masks.values())))


@dataclass(frozen=True)
class Scenes:
    """Generated scenes, as `scenes` makes them.

    Attributes:
        count: how many.
        seed: others have other images.
        only: the one class of all of them, or None for all classes in turn.
        control: which control the scenes are of, or None for scenes as in training.
    """

    count: int
    seed: int = 0
    only: str | None = None
    control: str | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels."""
        return CLASSES

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: SupportsIndex, /) -> Example:
        index = self._number(index)
        scene = self.scene(index)
        return Example(scene.image, scene.label, f"{CLASSES[scene.label]} {index}")

    def scene(self, index: SupportsIndex) -> Scene:
        """Return one scene with its masks.

        Args:
            index: its number, below `count`.
        """
        number = self._number(index)
        name = self.only or CLASSES[number % len(CLASSES)]
        return draw_scene(name, self.seed, number, self.control)

    def fingerprint(self) -> str:
        """Return a digest of everything that decides the images.

        >>> scenes(4).fingerprint() == scenes(5).fingerprint()
        False
        """
        made_of = ["scenes", VERSION, self.count, self.seed, self.only, self.control]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()

    def _number(self, index: SupportsIndex) -> int:
        number = operator.index(index)
        if not -self.count <= number < self.count:
            raise IndexError(f"scene {number} of {self.count}")
        return number % self.count


def scenes(
    count: int, *, seed: int = 0, only: str | None = None, control: str | None = None
) -> Scenes:
    """Return generated scenes: the classes in turn, each image a function of seed and number.

    The bundled network was trained on seed 0; use another for images that it has not seen.

    Args:
        count: how many, at least 1.
        seed: from 0 up.
        only: one of `CLASSES`, to have no other.
        control: one of `CONTROLS`: scenes of its class whose cue was taken away or put in. Number i
            is then the scene i of `scenes(count, seed=seed, only=...)`, but for the cue.

    Returns:
        A source of images. Nothing is drawn before it is asked for.

    Raises:
        UserError: no such class or control, or numbers out of range.

    >>> images = scenes(100, seed=3)
    >>> images[9].name, images[9].image.shape
    ('shark 9', (96, 96, 3))
    """
    if count < 1:
        raise UserError(f"{count} scenes: must be at least 1")
    if seed < 0:
        raise UserError(f"seed {seed}: must be 0 or greater")
    if only is not None and only not in CLASSES:
        raise unknown("class of scenes", only, CLASSES)
    if control is not None:
        if control not in CONTROLS:
            raise unknown("control", control, CONTROLS)
        if only not in (None, CONTROLS[control].of):
            of = CONTROLS[control].of
            raise UserError(f"control {control!r} has scenes of class {of!r} only, not {only!r}")
        only = CONTROLS[control].of
    return Scenes(count, seed, only, control)


def from_spec(spec: str, limit: int | None = None) -> Scenes:
    """Open scenes by their name in a config: scenes:COUNT, scenes:COUNT@SEED, scenes:CONTROL/COUNT.

    Args:
        spec: such as "scenes:1200", "scenes:1200@7" or "scenes:noodles-removed/100@1".
        limit: at most so many.

    Returns:
        The scenes.

    Raises:
        UserError: a name that is not of that form.

    >>> from_spec("scenes:tag-added/50@2")
    Scenes(count=50, seed=2, only='donkey', control='tag-added')
    """
    rest = spec.removeprefix("scenes:")
    control, slash, numbers = rest.rpartition("/")
    count, at, seed = numbers.partition("@")
    if not count.isascii() or not count.isdigit() or (at and not seed.isdigit()):
        raise UserError(
            f"images {spec!r}: scenes are named scenes:COUNT, with @SEED after it or CONTROL/ "
            "before it, as scenes:1200@7 or scenes:noodles-removed/100"
        )
    wanted = int(count) if limit is None else min(int(count), limit)
    return scenes(wanted, seed=int(seed or 0), control=control if slash else None)
