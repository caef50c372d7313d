"""Origins: what every artifact of a run is made from, in one place.

An artifact is made again when its origin is another, and only then: these are the settings and the
artifacts that it depends on, by name. Its fingerprint is that of its origin.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from atlasjax.atlas.drawer import IconSettings
from atlasjax.atlas.methods import source_of
from atlasjax.data.patches import LARGEST, SIZE
from atlasjax.runs.job import Run
from atlasjax.runs.stages import EXAMPLES_FORMAT, FORMAT

Origin = Mapping[str, Any]
"""Names and values that JSON can hold, as `artifacts.fingerprint` takes them."""


def images(run: Run) -> Origin:
    """Return what decides which images are looked at, where, and how they are prepared."""
    config = run.config
    return {
        "format": FORMAT,
        "images": run.source.fingerprint(),
        "samples": config.samples_per_image,
        "size": config.crop,
        "seed": config.seed,
    }


def skipped(run: Run) -> Origin:
    """Return the origin of what there is to say of the images."""
    return {"stage": "skipped", **images(run)}


def activations(run: Run, places: Mapping[str, tuple]) -> dict[str, Origin]:
    """Return the origin of each layer's activations.

    Args:
        run: the run.
        places: what the positions depend on, by layer.
    """
    shared, found = images(run), {}
    for name in run.names:
        network, layer = run.network(name)
        own = {"weights": network.weights, "layer": layer, "places": places[name]}
        found[name] = {"stage": "collect", **own, **shared}
    return found


def field(run: Run, name: str) -> Origin:
    """Return the origin of where a layer's positions lie."""
    network, layer = run.network(name)
    own = {"weights": network.weights, "layer": layer, "size": run.config.crop[0]}
    return {"stage": "field", "format": FORMAT, **own}


def whitening(run: Run, name: str, activations: str) -> Origin:
    """Return the origin of a layer's whitening, of the fingerprint of its activations."""
    ridge = run.config.ridge if run.config.whitens(name) else None
    return {"stage": "whitening", "activations": activations, "ridge": ridge, "format": FORMAT}


def layout(
    run: Run, group: Sequence[str], activations: Sequence[str], before: str | None
) -> Origin:
    """Return the origin of a map.

    Args:
        run: the run.
        group: the layers that share it.
        activations: the fingerprints of their activations.
        before: that of the map with which it is aligned.
    """
    settings = run.config.layout_settings(group[0])
    return {
        "stage": "layout",
        "activations": list(activations),
        "before": before,
        "format": FORMAT,
        **settings,
        "method": source_of(settings["method"]),
    }


def attribution(activations: str | None) -> Origin:
    """Return the origin of a layer's attributions, of the fingerprint of its activations."""
    return {"stage": "attribution", "activations": activations}


def cells(run: Run, layout: str, size: int) -> Origin:
    """Return the origin of the cells of a grid, of the fingerprint of the map."""
    return {"stage": "grid", "layout": layout, "size": size, "more_than": run.config.more_than}


def cell_attribution(cells: str, attribution: str) -> Origin:
    """Return the origin of the mean effects of cells."""
    return {"stage": "attribution", "cells": cells, "attribution": attribution}


def whitened(cells: str, whitening: str) -> Origin:
    """Return the origin of the whitened directions of cells."""
    return {"stage": "whitened", "cells": cells, "whitening": whitening}


def icons(run: Run, name: str, cells: str, settings: IconSettings, coarser: str | None) -> Origin:
    """Return the origin of a level's icons.

    Args:
        run: the run.
        name: the layer.
        cells: the fingerprint of the level's.
        settings: how they are drawn.
        coarser: the fingerprint of the icons that these start from; None where from noise.
    """
    # Icons do not depend on how many are drawn at a time, nor those that start from noise on how
    # others are refined.
    apart = {"batch"} if coarser is not None else {"batch", "refine_steps", "initial_scale"}
    whitens = run.config.whitens(name)
    return {
        "stage": "icons",
        "cells": cells,
        "settings": {n: v for n, v in dataclasses.asdict(settings).items() if n not in apart},
        "whiten": whitens,
        "ridge": run.config.ridge if whitens else None,
        "devices": run.mesh.size,
        "coarser": coarser,
    }


def examples(cells: str | None, k: int) -> Origin:
    """Return the origin of a level's examples, of the fingerprint of its cells."""
    shown = {"format": EXAMPLES_FORMAT, "k": k, "size": SIZE, "largest": LARGEST}
    return {"stage": "examples", "cells": cells, **shown}
