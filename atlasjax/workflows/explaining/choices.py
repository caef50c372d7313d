"""Choices: which layers, targets and methods an explanation has where nobody says."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from atlasjax.classes import resolve, short_names
from atlasjax.errors import UserError, unknown
from atlasjax.targets import Target, as_target, class_logit, difference, unit
from atlasjax.workflows.networks import Opened

LAYERS = 3
CLASSES = 4  # that are explained, where nobody names any
UNITS = 3  # of a network without classes
STRIDE = 8  # px that a position stands for at least
LEAST = 4  # rows and columns: with fewer positions, there is little to be seen of where


class Asked(NamedTuple):
    """One thing that is explained.

    Attributes:
        name: for people.
        target: the number that it is.
        class_index: the class that it is, or -1.
    """

    name: str
    target: Target
    class_index: int = -1


def layers_of(
    shapes: Mapping[str, tuple[int, ...]], side: int, wanted: Sequence[str] | None
) -> list[str]:
    """Return the layers to look at, from the input to the output.

    By default, of those in which a position stands for at least 8 x 8 pixels and of which there are
    4 x 4: the last of each of the three coarsest sizes; where there are two sizes, the last of the
    finer one, and the first and the last of the coarser one, since positions of the first see
    least; and of a single size, as in a transformer, layers at thirds of the depth. Branches are
    left out, and what hangs beside the network, since later layers are finer.

    Args:
        shapes: of every layer, as `workflows.networks.shapes` returns them.
        side: of the images, in px.
        wanted: their names, or None.

    Raises:
        UserError: no such layer, one without positions, or a network without any that has.

    >>> sizes = {"a": (32, 32, 8), "b": (16, 16, 8), "b/1x1": (16, 16, 4), "c": (8, 8, 8)}
    >>> layers_of(sizes | {"d": (4, 4, 16), "e": (1, 1, 16), "logits": (10,)}, 128, None)
    ['b', 'c', 'd']
    >>> layers_of({f"block {i}": (7, 7, 64) for i in range(9)}, 56, None)
    ['block 2', 'block 5', 'block 8']
    """
    if wanted is not None:
        for name in wanted:
            if name not in shapes:
                raise unknown("layer", name, shapes)
            if len(shapes[name]) != 3:
                raise UserError(f"layer {name!r} has no positions: its shape is {shapes[name]}")
        return sorted(set(wanted), key=list(shapes).index)
    found = [n for n, s in shapes.items() if len(s) == 3 and min(s[:2]) >= LEAST]
    coarse = [n for n in found if max(shapes[n][:2]) * STRIDE <= side] or found
    trunk = _trunk([n for n in coarse if not is_part(n, shapes)], shapes) or coarse
    if not trunk:
        raise UserError("no layer of this network has 4 x 4 positions: name some with layers")
    last = list({shapes[n][:2]: n for n in trunk}.values())
    if len(last) >= LAYERS:
        return last[-LAYERS:]
    # With as many channels, what comes first is the finer layer pooled.
    coarser = [
        n
        for n in trunk
        if shapes[n][:2] == shapes[last[-1]][:2] and shapes[n][2] != shapes[last[0]][2]
    ]
    if len(last) == LAYERS - 1 and len(coarser) > 1:
        return [last[0], coarser[0], coarser[-1]]
    steps = {round((i + 1) * len(trunk) / LAYERS) - 1 for i in range(LAYERS)}
    return [trunk[i] for i in sorted(steps) if i >= 0]


def _trunk(names: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return the layers that no finer one follows."""
    kept, finest = [], 0
    for name in reversed(names):
        finest = max(finest, shapes[name][0])
        if shapes[name][0] == finest:
            kept.append(name)
    return kept[::-1]


def targets_of(
    outputs: Float[np.ndarray, "images outputs"],
    labels: Sequence[int | None],
    opened: Opened,
    wanted: Sequence[Any] | None,
) -> list[Asked]:
    """Return what is explained of a network with classes.

    By default the classes that the network holds most likely in any of the images, and those that
    the images are of; and how far the first lies above the second.

    Args:
        outputs: the logits of every image.
        labels: the class that each image is of, or None.
        opened: the network.
        wanted: classes by name, number or WordNet id, or targets; or None. Two classes are
            explained with their difference.

    Raises:
        UserError: no such class.
    """
    names = short_names(opened.classes)
    if wanted is not None:
        asked = [_asked(one, opened, names) for one in wanted]
    else:
        ranked = np.sort(outputs, 1)[:, ::-1]
        place = np.argsort(-outputs, 1)
        nearness = outputs - ranked[:, :1]  # 0 for what an image is taken for
        order = np.argsort(-nearness.max(0), kind="stable")
        first = [int(place[0, 0]), int(place[0, 1])]
        more = [*(int(k) for k in labels if k is not None), *map(int, order)]
        chosen = list(dict.fromkeys([*first, *more]))[: max(CLASSES, len(outputs) + 1)]
        asked = [_class(index, names) for index in chosen]
    if len(asked) == 2 or wanted is None:
        a, b = asked[0], asked[1] if len(asked) > 1 else asked[0]
        if min(a.class_index, b.class_index) >= 0 and a.class_index != b.class_index:
            both = difference(a.class_index, b.class_index)
            asked.insert(0, Asked(f"{a.name} rather than {b.name}", both))
    return asked


def units_of(layer: str, strength: Float[np.ndarray, " channels"]) -> list[Asked]:
    """Return what is explained of a network without classes: its strongest channels.

    Args:
        layer: the last of those that are looked at.
        strength: of every channel of it, over the images.

    >>> [asked.name for asked in units_of("mixed4d", np.array([0.0, 3.0, 1.0, 2.0]))]
    ['mixed4d:1', 'mixed4d:3', 'mixed4d:2']
    """
    strongest = np.argsort(-strength, kind="stable")[:UNITS]
    return [Asked(f"{layer}:{i}", unit(layer, int(i))) for i in strongest]


def _asked(one: Any, opened: Opened, names: Sequence[str]) -> Asked:
    if isinstance(one, Target):
        return Asked("target", one)
    if isinstance(one, str) and not (":" in one and one.rpartition(":")[2].isdigit()):
        return _class(resolve(one, opened.classes), names)
    if isinstance(one, str):
        return Asked(one, as_target(one))
    target = as_target(one)
    if isinstance(one, tuple):
        return Asked(" rather than ".join(str(names[i]) for i in one), target)
    return Asked("target", target) if callable(one) else _class(int(one), names)


def _class(index: int, names: Sequence[str]) -> Asked:
    if not 0 <= index < len(names):
        raise UserError(f"class {index}: must be from 0 to {len(names) - 1}")
    return Asked(names[index], class_logit(index), index)


def is_part(name: str, shapes: Mapping[str, Any]) -> bool:
    """Whether a layer is inside another: a branch, a submodule, or a value before the rectifier."""
    ends = [i for i, letter in enumerate(name) if letter in "./"]
    return any(name[:end] in shapes for end in ends)
