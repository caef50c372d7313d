"""Explain: why the network gives this answer for this image, as arrays and as a page.

`atlasjax explain` calls this and nothing else.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from atlasjax.classes import short_names
from atlasjax.errors import UserError
from atlasjax.page.explanation.contents import Explanation, Flow, Layer, Method, Picture
from atlasjax.planes import as_planes
from atlasjax.progress import Progress, at_once, bar, spinner
from atlasjax.runs.record import versions
from atlasjax.saliency.methods import METHODS, check_methods, methods_for
from atlasjax.taps import as_pytree, capture, identity
from atlasjax.targets import Target, evaluate
from atlasjax.workflows.explaining import layers as of_layers
from atlasjax.workflows.explaining import of_run
from atlasjax.workflows.explaining.choices import Asked, layers_of, targets_of, units_of
from atlasjax.workflows.explaining.images import Given, read
from atlasjax.workflows.explaining.layers import LayerSettings
from atlasjax.workflows.explaining.maps import maps
from atlasjax.workflows.networks import Opened, as_recorded, shapes

DEFAULT_METHOD = "rise"
"""The map that the page shows at first: `benchmarks/saliency.py` finds none better."""


class Explained(NamedTuple):
    """An explanation and where its page is.

    Attributes:
        page: the file to open.
        explanation: all of it, as arrays.
    """

    page: Path
    explanation: Explanation


def explain(
    model: Any,
    images: Any,
    *,
    layers: Sequence[str] | None = None,
    classes: Sequence[Any] | None = None,
    methods: Sequence[str] | None = None,
    groups: int = 6,
    settings: LayerSettings | None = None,
    checked: bool = True,
    weights: str | os.PathLike | None = None,
    class_names: Any = None,
    out: str | os.PathLike | None = None,
    seed: int = 0,
    command: str | None = None,
    network: Any = None,
) -> Explained:
    """Explain a network's answers to single images, and write a page that shows it.

    For some layers: the activation grid, groups, channels and what each does to the answer, and
    what a layer does to the next. For the image: a map of every saliency method, and how far each
    can be trusted.

    Args:
        model: the network, as for `run`; or the folder of a finished run, whose network it is.
        images: one or several of: the path of a file; a scene such as `scenes:wok/22`; an array
            [h, w, c] of uint8, or of floats in [0, 1]; an array of several; or, of a run, the
            number of an image in its images, as `Examples.image` has it.
        layers: names; by default three, see `explaining.choices.layers_of`.
        classes: what is explained: classes by name, number or WordNet id, units such as
            "mixed4d:18", or targets of `atlasjax.targets`. By default the classes that the images
            are taken for, and the difference of the first two; of a network without classes its
            strongest units.
        methods: names of saliency methods; by default all that the network has what is needed for.
        groups: how many groups each layer's activations are parted into.
        settings: how else layers are shown, see `explaining.layers.LayerSettings`.
        checked: whether it is measured how far the maps can be trusted.
        weights: file of the network's weights.
        class_names: one for each logit, or a file with one on each line.
        out: the folder; explained/IMAGE by default, of a run in its folder, whose page links what
            is explained there.
        seed: of everything that is drawn at random.
        command: how it was asked for, for the record.
        network: a run's network, as for `run`, if its record does not find it.

    Returns:
        The page, and everything on it as arrays.

    Raises:
        UserError: no such network, run, image, layer, class or method.

    >>> explain("googlenett", "scenes:wok")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no model 'googlenett'; did you mean googlenet...
    """
    began = time.perf_counter()
    settings = replace(settings or LayerSettings(), groups=groups)
    if groups < 1:
        raise UserError(f"groups {groups}: must be at least 1")
    opened, run = of_run.opened_of(model, weights, seed, class_names, network)
    given = read(images, opened, run)
    network, shape = as_planes(as_pytree(opened.network.model)), opened.shape
    chosen = layers_of(shapes(opened.found, shape[0]), shape[0], layers)
    names, left_out = _methods(network, shape, chosen[-1], methods)
    seen = np.stack([one.image for one in given]).astype(np.float32) / 255
    asked, outputs = _asked(opened, network, seen, given, chosen[-1], classes)
    targets = [one.target for one in asked]
    values, of_black = (_values(network, x, targets) for x in (seen, np.zeros_like(seen)))
    key = jax.random.key(seed)
    by_layer = (settings, len(opened.classes), key)
    find = partial(
        maps, network, seen, targets, names, values - of_black, chosen[-1], key, checked=checked
    )
    found, shown, lines = _found(network, seen, targets, chosen, find, by_layer)
    pictures = [
        Picture(
            one.name,
            one.image,
            one.label,
            outputs[i],
            values[i],
            tuple(layer[i] for layer in shown),
            tuple(flow[i] for flow in lines),
            found[i],
        )
        for i, one in enumerate(given)
    ]
    record = _record(opened, given, chosen, seed, command) | {
        "seconds": round(time.perf_counter() - began, 1)
    }
    explanation = Explanation(
        pictures=tuple(pictures),
        targets=tuple(one.name for one in asked),
        target_classes=tuple(one.class_index for one in asked),
        class_names=tuple(known.name for known in opened.classes),
        short_names=tuple(short_names(opened.classes)),
        default_method=DEFAULT_METHOD if DEFAULT_METHOD in names else names[0],
        record=record,
        notes=tuple(_notes(opened, left_out, classes)),
    )
    return Explained(of_run.written(explanation, given, out, run), explanation)


def _methods(
    network: Any, shape: tuple[int, int, int], layer: str, wanted: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Return the methods to use, and those that this network cannot have."""
    if wanted is not None:
        return [method.name for method in check_methods(wanted, network, shape, layer)], []
    names = list(methods_for(network, shape, layer))
    return names, [METHODS[name].title for name in METHODS if name not in names]


def _asked(
    opened: Opened,
    network: Any,
    images: Float[np.ndarray, "b h w c"],
    given: Sequence[Given],
    layer: str,
    classes: Sequence[Any] | None,
) -> tuple[list[Asked], Float[np.ndarray, "b outputs"]]:
    """Return what is explained, and what the network says of each image."""

    @jax.jit
    def look(network: Any, images: Array) -> tuple[Array, Array]:
        value = capture(network, images, [layer])[layer]
        return network(images, identity).reshape(len(images), -1), value.mean((0, 1, 2))

    outputs, strength = map(np.asarray, look(network, images))
    if opened.classes or classes is not None:
        return targets_of(outputs, [one.label for one in given], opened, classes), outputs
    return units_of(layer, strength), outputs


def _values(
    network: Any, images: Float[np.ndarray, "b h w c"], targets: Sequence[Target]
) -> Float[np.ndarray, "b targets"]:
    @jax.jit
    def all_of(network: Any, images: Array, targets: list[Target]) -> list[Array]:
        return [evaluate(target, network, images) for target in targets]

    return np.stack(jax.device_get(all_of(network, images, list(targets))), 1)


def _found(
    network: Any,
    images: Float[np.ndarray, "b h w c"],
    targets: Sequence[Target],
    layers: Sequence[str],
    find: Callable[..., list[tuple[Method, ...]]],
    how: tuple[LayerSettings, int, Any],
) -> tuple[list[tuple[Method, ...]], list[list[Layer]], list[list[Flow]]]:
    """Return maps of each image, what each layer shows of it, and what lies between layers."""

    def look(name: str, progress: Progress) -> tuple[of_layers.Seen, list[Layer]]:
        settings, classes, key = how
        seen = of_layers.see(network, name, images, targets, settings, key)
        return seen, of_layers.drawn(network, seen, images, settings, classes, key, progress)

    def line(pair: tuple[of_layers.Seen, of_layers.Seen], progress: Progress) -> list[Flow]:
        return of_layers.flows(network, *pair, images)

    with bar("explain", "%") as progress:
        found: list[Any] = at_once(
            [lambda own: find(progress=own), *(partial(look, name) for name in layers)], progress
        )
    by_image, *shown = found
    with spinner("lines between layers"):
        lines = at_once([partial(line, pair) for pair in pairwise(seen for seen, _ in shown)])
    return by_image, [made for _, made in shown], lines


def _record(
    opened: Opened, given: Sequence[Given], layers: Sequence[str], seed: int, command: str | None
) -> dict[str, Any]:
    return {
        "model": opened.found.reference or opened.found.entry.name,
        **as_recorded(opened),
        "images": [one.name for one in given],
        "numbers": [one.number for one in given],
        "layers": list(layers),
        "seed": seed,
        "versions": versions(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }


def _notes(opened: Opened, left_out: Sequence[str], classes: Sequence[Any] | None) -> list[str]:
    notes = []
    if not opened.classes and classes is None:
        notes.append("The network has no classes: its strongest units are explained instead.")
    if left_out:
        notes.append(f"Left out, since this network has not what they need: {', '.join(left_out)}.")
    return notes
