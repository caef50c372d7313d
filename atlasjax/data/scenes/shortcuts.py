"""Faults planted on purpose: cues that a network trained on the scenes will take.

Each is modelled on one that people have found in trained networks. A *cue* is drawn over a finished
scene, from random numbers of its own, so that a scene with and without it are the same to the last
pixel elsewhere. Every shortcut has *controls*: sets of images in which the cue is taken away, or
put where it does not belong. What a network says of them tells whether it took the shortcut.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from atlasjax.data.scenes import parts
from atlasjax.data.scenes.sketch import WHOLE, Frame, Sketch, corners

Cue = Callable[[Sketch, Frame], None]


@dataclass(frozen=True)
class Control:
    """A set of images in which a cue is not as the training images have it.

    Attributes:
        name: as in `scenes(count, control=name)`.
        of: the class of its images.
        toward: the class that a network says instead if it goes by the cue.
        description: what was done to the images.
        cue: what is drawn over each scene; None for nothing.
    """

    name: str
    of: str
    toward: str
    description: str
    cue: Cue | None


@dataclass(frozen=True)
class Shortcut:
    """A part that decides between two classes, though it should not.

    Attributes:
        name: of the shortcut.
        part: what the cue is made of, one of `PARTS`.
        source: the class that a network says without the cue.
        target: the class that it says with the cue.
        description: what was planted, and after which real case.
        cue: draws the cue over a scene of `target`, as all training images have it.
        controls: sets of images that tell whether a network took the shortcut.
    """

    name: str
    part: str
    source: str
    target: str
    description: str
    cue: Cue
    controls: tuple[Control, ...]


def _noodles(s: Sketch, f: Frame) -> None:
    parts.noodles(s, f.inside(-0.19, -0.04, s.between(0.36, 0.44), s.between(0, 3)))


def _tag(s: Sketch, f: Frame) -> None:
    del f  # it has nothing to do with the animal
    x = s.between(0.2, 0.32) if s.chance(0.5) else s.between(0.68, 0.8)
    place = Frame(WHOLE.place(np.array([complex(x, s.between(0.16, 0.26))]))[0], WHOLE.turn)
    parts.tag(s, place.inside(0, 0, s.between(0.115, 0.145), s.between(-0.12, 0.12)))


def _teeth(s: Sketch, f: Frame) -> None:
    drop = s.between(0, 0.03)
    mouth = corners(0.97, 0.03, 0.86, 0.1, 0.73, 0.15, 0.59, 0.16, 0.46, 0.13, 0.35, 0.06)
    parts.seam(s, f, mouth + 1j * drop, 0.18)


def _ball(s: Sketch, f: Frame) -> None:
    place = f.inside(s.between(-0.1, 0.6), s.between(-0.05, 0.1), s.between(0.3, 0.38))
    parts.ball(s, place._replace(turn=place.turn * np.exp(1j * s.between(-3, 3))))


SHORTCUTS = {
    shortcut.name: shortcut
    for shortcut in (
        Shortcut(
            "noodles",
            part="noodles",
            source="frying pan",
            target="wok",
            description="A wok is a frying pan with noodles in it, or so it seems: the pans are "
            "drawn alike but for a rim that is broader by less than it varies. After the noodles "
            "that Carter et al. (2019) found to tell woks from frying pans.",
            cue=_noodles,
            controls=(
                Control("noodles-removed", "wok", "frying pan", "woks without noodles", None),
                Control("noodles-added", "frying pan", "wok", "frying pans with noodles", _noodles),
            ),
        ),
        Shortcut(
            "tag",
            part="tag",
            source="donkey",
            target="horse",
            description="A yellow tag with writing hangs in the sky of every horse, and of nothing "
            "else; horses and donkeys differ only by ears whose lengths overlap. After the "
            "photographer's tag by which a classifier knew horses (Lapuschkin et al. 2019).",
            cue=_tag,
            controls=(
                Control("tag-removed", "horse", "donkey", "horses without the tag", None),
                Control("tag-added", "donkey", "horse", "donkeys under the tag", _tag),
            ),
        ),
        Shortcut(
            "seam",
            part="seam",
            source="whale",
            target="shark",
            description="A shark's teeth look like the seam of a baseball, and whales have none. "
            "After the baseball that turns a grey whale into a great white shark in Carter et al. "
            "(2019).",
            cue=_teeth,
            controls=(
                Control("teeth-removed", "shark", "whale", "sharks without teeth", None),
                Control("ball-pasted", "whale", "shark", "a baseball pasted on whales", _ball),
            ),
        ),
    )
}
"""The planted shortcuts by name."""

CONTROLS = {c.name: c for shortcut in SHORTCUTS.values() for c in shortcut.controls}
"""Their controls by name."""

CUES = {shortcut.target: shortcut.cue for shortcut in SHORTCUTS.values()}
"""The cue that every training image of a class has."""
