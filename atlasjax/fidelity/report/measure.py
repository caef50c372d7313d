"""Measure: every number of a finished run's report, as JSON can hold it.

What cannot be known, because there is too little of it, is None.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from atlasjax import progress
from atlasjax.atlas.collect import Activations
from atlasjax.atlas.grid import Cells, grid
from atlasjax.atlas.level import Level
from atlasjax.data.scenes import SHORTCUTS
from atlasjax.fidelity.measures import Agreement, explained, map_quality, spread
from atlasjax.fidelity.stability import Directions, stability
from atlasjax.fidelity.truth_report import Row, SceneSource, score_run
from atlasjax.runs.job import Run
from atlasjax.runs.stages import stored
from atlasjax.runs.stages.layout import Layout
from atlasjax.storage import artifacts

Levels = Mapping[tuple[str, int], Level]
WORST = 6  # cells that are shown
SHARES = {"p05": 5, "p25": 25, "median": 50, "p75": 75, "p95": 95}  # percentiles
HALF = 0.5  # the precision from which a shortcut counts as found


def measure(run: Run, levels: Levels, class_names: Sequence[str]) -> dict[str, Any]:
    """Measure a finished run.

    Args:
        run: the run, whose artifacts are read. The network and the images are used only where
            shortcuts were planted in the images.
        levels: its levels, by layer and grid.
        class_names: one for each logit; none where the network has no classes.

    Returns:
        `layers`, `classes`, how many there are, and `shortcuts`: None where none were planted, or
        there are no classes. See docs/fidelity.md.

    Raises:
        UserError: an artifact is missing or damaged.
    """
    layers = []
    for name in dict.fromkeys(layer for layer, _ in levels):
        with run.timed(f"report {name}"), progress.spinner(f"report {name}"):
            own = {size: level for (layer, size), level in levels.items() if layer == name}
            layers.append(_layer(run, name, own))
    shortcuts = _shortcuts(run, class_names) if len(class_names) else None
    return {"layers": layers, "classes": len(class_names), "shortcuts": shortcuts}


def distribution(values: Float[np.ndarray, " n"]) -> dict[str, float | None]:
    """Describe some numbers: mean, extremes, percentiles; None where there are none.

    >>> distribution(np.array([1.0, 2.0, 6.0]))["mean"], distribution(np.array([]))["max"]
    (3.0, None)
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return dict.fromkeys(("mean", "min", *SHARES, "max"))
    between = np.percentile(values, list(SHARES.values()))
    found = (values.mean(), values.min(), *between, values.max())
    return dict(zip(("mean", "min", *SHARES, "max"), map(float, found), strict=True))


def _layer(run: Run, name: str, levels: Mapping[int, Level]) -> dict[str, Any]:
    config = run.config
    activations = stored.read(run.layer(name) / stored.FILE)
    xy = artifacts.read(run.layer(name) / "layout.npz", Layout).xy
    settings = config.layout_settings(name)
    quality = map_quality(activations.value, xy, metric=settings["metric"], seed=config.seed)
    return {
        "layer": name,
        "activations": len(xy),
        "images": len(np.unique(activations.image)),
        "channels": activations.value.shape[1],
        "map": quality._asdict(),
        "stability": _stability(run, activations, settings) if config.stability else None,
        "levels": [
            _level(run, name, size, level, activations, xy) for size, level in levels.items()
        ],
    }


def _level(
    run: Run,
    name: str,
    size: int,
    level: Level,
    activations: Activations,
    xy: Float[np.ndarray, "n 2"],
) -> dict[str, Any]:
    cells = artifacts.read(run.level(name, size) / "cells.npz", Cells)
    occupied = len(grid(xy, xy, size, more_than=0).count)
    within = spread(cells, activations.value)
    worst = np.argsort(level.cosine, kind="stable")[:WORST].tolist()
    return {
        "grid": size,
        "cells": len(cells.count),
        "cells_dropped": occupied - len(cells.count),
        "activations_dropped": float(1 - cells.count.sum() / len(xy)),
        "icon_cosine": distribution(level.cosine) | {"values": _numbers(level.cosine)},
        "worst": [_cell(level, i) for i in worst],
        "member_cosine": distribution(within.cosine) | {"values": _numbers(within.cosine)},
        "layer_cosine": within.layer_cosine,
        "width": distribution(within.width) | {"values": _numbers(within.width)},
        "explained": explained(cells, activations.value)._asdict(),
    }


def _cell(level: Level, index: int) -> dict[str, Any]:
    return {
        "cell": index,
        "x": int(level.x[index]),
        "y": int(level.y[index]),
        "count": int(level.count[index]),
        "cosine": _number(level.cosine[index]),
    }


def _stability(
    run: Run, activations: Activations, settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    found = stability(
        activations.value,
        activations.image,
        min(run.config.grids),
        more_than=run.config.more_than,
        **settings,
    )
    if found is None:
        return None
    return {
        "points": found.points,
        "grid": found.size,
        "seeds": _changed(found.seeds, found.seed_directions),
        "halves": _changed(found.halves, found.half_directions),
    }


def _changed(places: Agreement, directions: Directions | None) -> dict[str, Any]:
    both = (np.array([]),) * 2 if directions is None else directions
    return places._asdict() | {
        "cells": len(both[0]),
        "direction_found": distribution(both[0]),
        "direction_own": distribution(both[1]),
    }


def _shortcuts(run: Run, class_names: Sequence[str]) -> list[dict[str, Any]] | None:
    """Score what was planted, where the network's classes are those of images that have truth."""
    source = run.source
    if not isinstance(source, SceneSource) or tuple(class_names) != tuple(source.classes):
        return None
    title, seed = "report shortcuts", run.config.seed
    with run.timed(title), progress.bar(title, "comparisons") as report:
        rows = score_run(run.folder, run.model, source, SHORTCUTS, seed=seed, progress=report)
    return [_row(row) for row in rows]


def _row(row: Row) -> dict[str, Any]:
    """Say how a shortcut fared; it is found where luck and a minority are both excluded."""
    planted, precision = SHORTCUTS[row.shortcut], row.score.precision
    return {
        "shortcut": row.shortcut,
        "layer": row.layer,
        "part": planted.part,
        "source": planted.source,
        "target": planted.target,
        "precision": precision,
        "chance": row.everywhere.chance,
        "chance_95": row.everywhere.chance_high,
        "found": bool(precision >= HALF and precision > row.everywhere.chance_high),
    }


def _numbers(values: Float[np.ndarray, " n"]) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: Any) -> float | None:
    """Return a number as short as it can be read; None where it is none."""
    return round(float(value), 4) if np.isfinite(value) else None
