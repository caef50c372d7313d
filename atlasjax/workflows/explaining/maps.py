"""Maps: every saliency method's, with how far each can be trusted."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.fidelity.perturbation import areas, perturbation
from atlasjax.fidelity.randomization import randomized, similarity
from atlasjax.page.explanation.contents import Checks, Method
from atlasjax.progress import Progress, silent
from atlasjax.saliency.baselines import baseline_of
from atlasjax.saliency.maps import saliency_maps
from atlasjax.saliency.methods import METHODS
from atlasjax.saliency.passes import CHUNK
from atlasjax.taps import Model
from atlasjax.targets import Target

STEPS = 8  # of insertion and deletion
SETTINGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "smoothgrad": {"samples": 16},
        "integrated_gradients": {"steps": 24},
        "rise": {"samples": 400},
        "lime": {"samples": 256},
    }
)
"""Fewer versions of an image than the methods take by default: a page is to be there soon."""
BLURRED = "blurred"
COMPLETE = ("integrated_gradients", "gradient_times_input")
"""Methods whose maps should add up to the change of the target from a black image."""


def maps(
    model: Model,
    images: Float[np.ndarray, "b h w c"],
    targets: Sequence[Target],
    methods: Sequence[str],
    change: Float[np.ndarray, "b targets"],
    layer: str,
    key: Key[Array, ""],
    *,
    checked: bool = True,
    progress: Progress = silent,
) -> list[tuple[Method, ...]]:
    """Return the maps of all methods, for each image.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        targets: what is explained.
        methods: their names.
        change: how far each target lies above that of a black image.
        layer: for those that need one.
        key: what is drawn at random.
        checked: whether it is measured how far the maps of the first target can be trusted.
        progress: called with the number of maps done, and to do.
    """
    find = partial(maps_of, layer=layer, key=key)
    found = find(model, images, list(targets), methods, progress=progress)
    checks = _checks(model, images, targets, found, change, find, key) if checked else {}
    nothing = tuple(Checks() for _ in targets)
    return [
        tuple(
            Method(
                name,
                METHODS[name].title,
                found[name][i],
                METHODS[name].signed,
                checks.get(name, [nothing] * len(images))[i],
            )
            for name in methods
        )
        for i in range(len(images))
    ]


def maps_of(
    model: Model,
    images: Float[np.ndarray, "b h w c"],
    target: Any,
    methods: Sequence[str],
    *,
    layer: str,
    key: Key[Array, ""] | None = None,
    progress: Progress = silent,
) -> dict[str, Float[np.ndarray, "..."]]:
    """Return maps with the samples that they have on the page, in chunks that all calls share.

    Args:
        model: as for `saliency_maps`, and so are all others.
        images: likewise.
        target: likewise.
        methods: likewise.
        layer: likewise.
        key: likewise.
        progress: likewise.
    """
    return saliency_maps(
        model,
        images,
        target,
        methods=methods,
        layer=layer,
        key=key,
        settings={name: options for name, options in SETTINGS.items() if name in methods},
        chunk=CHUNK,
        progress=progress,
    )


def _checks(
    model: Model,
    images: Float[np.ndarray, "b h w c"],
    targets: Sequence[Target],
    found: dict[str, Float[np.ndarray, "b targets h w"]],
    change: Float[np.ndarray, "b targets"],
    find: Callable[..., dict[str, Any]],
    key: Key[Array, ""],
) -> dict[str, list[tuple[Checks, ...]]]:
    """Measure the maps of the first target; those of others have completeness and labels."""
    first = targets[0]
    blurred = np.asarray(baseline_of(jnp.asarray(images), BLURRED))
    shuffled = _of_shuffled(model, images, targets, list(found), find, key)
    checks = {}
    for name, maps in found.items():
        put = areas(perturbation(model, images, first, maps[:, 0], blurred, steps=STEPS))
        nan = np.full(len(images), np.nan)
        alike = similarity(maps[:, 0], shuffled[name]) if name in shuffled else nan
        sums = maps.sum((2, 3))
        checks[name] = [
            tuple(
                Checks(
                    completeness=_gap(float(sums[i, t]), float(change[i, t]))
                    if name in COMPLETE
                    else np.nan,
                    insertion=float(put.insertion[i]) if t == 0 else np.nan,
                    deletion=float(put.deletion[i]) if t == 0 else np.nan,
                    weights=float(alike[i]) if t == 0 else np.nan,
                    labels=_other(maps[i], t),
                )
                for t in range(len(targets))
            )
            for i in range(len(images))
        ]
    return checks


def _of_shuffled(
    model: Model,
    images: Float[np.ndarray, "b h w c"],
    targets: Sequence[Target],
    methods: Sequence[str],
    find: Callable[..., dict[str, Any]],
    key: Key[Array, ""],
) -> dict[str, Float[np.ndarray, "b h w"]]:
    """Return the first target's maps of the network with shuffled weights; none without weights."""
    try:
        network = randomized(model, jax.random.fold_in(key, 1))
    except UserError:
        return {}
    # In the shapes of the maps themselves, so that the same programs serve.
    shared = [name for name in methods if METHODS[name].shares]
    alone = [name for name in methods if name not in shared]
    found = {}
    for names, asked in ((shared, list(targets)), (alone, [targets[0]])):
        if names:
            found |= find(network, images, asked, names)
    return {name: maps[:, 0] for name, maps in found.items()}


def _gap(total: float, change: float) -> float:
    return float(abs(total - change) / abs(change)) if change else float("nan")


def _other(maps: Float[np.ndarray, "targets h w"], target: int) -> float:
    """Return how alike a target's map is to that of the target which it is least like."""
    others = [i for i in range(len(maps)) if i != target]
    if not others:
        return float("nan")
    found = similarity(np.repeat(maps[target][None], len(others), 0), maps[others])
    return float(np.nanmin(found)) if np.isfinite(found).any() else float("nan")
