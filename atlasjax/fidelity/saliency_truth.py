"""Truth for saliency: how well maps find what an answer is known to be owed to.

The generated scenes have exact masks, and three cues planted in them that the network is known to
go by: without the noodles a wok is called a frying pan. A map of *wok* rather than *frying pan* on
such an image should therefore lie on the noodles, and a map of any class mostly on its object. The
first is nearly certain truth, since taking the cue away is seen to change the answer; the second is
what people expect, though a network may go by the background.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from atlasjax.data.scenes import CLASSES, SHORTCUTS, draw_scene
from atlasjax.data.scenes.shortcuts import Shortcut
from atlasjax.errors import UserError, unknown
from atlasjax.fidelity.masks import pointing_game, relevance_mass, relevance_rank
from atlasjax.parallel import batch_mesh, pad_batch, platform_of, replicate, share_of, split_batch
from atlasjax.rewriting import optimized
from atlasjax.taps import Model, identity
from atlasjax.targets import Target, class_logit, difference

BACKDROPS = ("sky", "water", "grass", "road", "table")
"""Parts that are no part of the object."""

SEED = 2  # of images that neither the training nor its evaluation has seen
FEWEST = 24  # px of an object or cue: smaller ones are hidden
AT_A_TIME = 32


class Case(NamedTuple):
    """Images of which it is known where the answer comes from.

    Attributes:
        name: "object", or that of a shortcut.
        images: RGB in [0, 1].
        masks: where the object or the cue is.
        target: what is asked of each image.
    """

    name: str
    images: Float[np.ndarray, "n 96 96 3"]
    masks: Bool[np.ndarray, "n 96 96"]
    target: Target


class Score(NamedTuple):
    """What a method's maps reach on the images of a case, means over them.

    Attributes:
        pointing: how often the largest value lies on the mask.
        mass: the part of what speaks for the target that does.
        rank: the part of the strongest pixels that does, of as many as the mask has.
    """

    pointing: float
    mass: float
    rank: float


def objects(per_class: int, seed: int = SEED) -> Case:
    """Return scenes of every class with the mask of the object that the class is named for.

    Cues are left out of the mask: they are planted, and have cases of their own.

    Args:
        per_class: images of each class, at least 1.
        seed: of the scenes.

    >>> case = objects(1)
    >>> case.images.shape, bool(case.masks[CLASSES.index("wok")].any())
    ((28, 96, 96, 3), True)
    """
    cues = {shortcut.target: shortcut.part for shortcut in SHORTCUTS.values()}
    found = []
    for number in range(per_class):
        for label, name in enumerate(CLASSES):
            scene = draw_scene(name, seed, number * len(CLASSES) + label)
            left_out = (*BACKDROPS, cues.get(name))
            parts = [part not in left_out for part in scene.parts]
            mask = scene.masks[parts].any(0)
            if mask.sum() >= FEWEST:
                found.append((scene.image, mask, label))
    images, masks, labels = map(np.stack, zip(*found, strict=True))
    return Case("object", _unit(images), masks, class_logit(labels))


def shortcut(model: Model, name: str, count: int, seed: int = SEED) -> Case:
    """Return scenes in which the network goes by a planted cue, with the mask of the cue.

    It does where it names the shortcut's target for the scene, and its source for the same scene
    without the cue. What is asked is the difference of the two.

    Args:
        model: a network for the classes of the scenes.
        name: of the shortcut, one of `SHORTCUTS`.
        count: scenes that are tried; as many of them are in the case as the network goes by.
        seed: of the scenes.

    Raises:
        UserError: no such shortcut, or one that the network does not take in any of these scenes.
    """
    if name not in SHORTCUTS:
        raise unknown("shortcut", name, SHORTCUTS)
    planted = SHORTCUTS[name]
    removed = _removal(planted)
    scenes = [draw_scene(planted.target, seed, i) for i in range(count)]
    without = [draw_scene(planted.target, seed, i, removed).image for i in range(count)]
    images = _unit(np.stack([scene.image for scene in scenes]))
    masks = np.stack([scene.mask(planted.part) for scene in scenes])
    target, source = (CLASSES.index(one) for one in (planted.target, planted.source))
    goes_by = (_answers(model, images) == target) & (
        _answers(model, _unit(np.stack(without))) == source
    )
    goes_by &= masks.sum((1, 2)) >= FEWEST
    if not goes_by.any():
        raise UserError(f"shortcut {name!r}: the network goes by it in none of {count} scenes")
    return Case(name, images[goes_by], masks[goes_by], difference(target, source))


def score(case: Case, maps: Float[np.ndarray, "n 96 96"]) -> Score:
    """Score a method's maps of a case's images.

    Args:
        case: see `objects` and `shortcut`.
        maps: of its target; larger where a pixel speaks for it.
    """
    measures = (pointing_game, relevance_mass, relevance_rank)
    return Score(*(float(measure(maps, case.masks).mean()) for measure in measures))


def chance(case: Case) -> float:
    """Return what an even map reaches: the mean share of the image that the mask has.

    >>> chance(Case("object", np.zeros((1, 96, 96, 3)), np.ones((1, 96, 96), bool), class_logit(0)))
    1.0
    """
    return float(case.masks.mean())


def order(scores: Mapping[str, Mapping[str, Score]]) -> list[str]:
    """Return the methods, the best first: by relevance rank, averaged over all cases.

    Relevance rank needs no threshold and no sign, and does not care how a map is scaled.

    Args:
        scores: by method and by case.

    >>> order({"a": {"object": Score(1, 1, 0.2)}, "b": {"object": Score(0, 0, 0.3)}})
    ['b', 'a']
    """

    def mean(method: str) -> float:
        return float(np.mean([one.rank for one in scores[method].values()]))

    return sorted(scores, key=mean, reverse=True)


def _removal(planted: Shortcut) -> str:
    """Return the control that takes the cue away."""
    (found,) = (c.name for c in planted.controls if c.of == planted.target)
    return found


def _answers(model: Model, images: Float[np.ndarray, "n h w c"]) -> Int[np.ndarray, " n"]:
    mesh = batch_mesh()
    model = replicate(optimized(model, platform_of(mesh)), mesh)
    size = share_of(min(AT_A_TIME, len(images)), mesh)
    answer = split_batch(lambda m, x: m(x, identity).argmax(-1), mesh, replicated=1)
    found = []
    for start in range(0, len(images), size):
        part = images[start : start + size]
        found.append(np.asarray(answer(model, *pad_batch((part,), size)))[: len(part)])
    return np.concatenate(found)


def _unit(images: np.ndarray) -> Float[np.ndarray, "n h w c"]:
    return images.astype(np.float32) / 255
