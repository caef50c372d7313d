"""The truth about a finished run: every planted shortcut scored in every level.

Beside `pipeline`, whose artifacts it reads; what a score is stands in `atlas.truth`.
"""

import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool

from atlasjax import storage
from atlasjax.atlas.collect import Activations
from atlasjax.atlas.grid import Cells
from atlasjax.atlas.open import finished_run
from atlasjax.atlas.truth import Score, on_part, score
from atlasjax.data import prepare
from atlasjax.errors import UserError, unknown
from atlasjax.pipeline import CellAttributions
from atlasjax.receptive import receptive_field
from atlasjax.taps import Model

T = TypeVar("T")  # a NamedTuple of arrays


@runtime_checkable
class Shortcut(Protocol):
    """A part that pushes from one class to another, all by name."""

    @property
    def part(self) -> str:
        """The part of the scene that was planted."""
        ...

    @property
    def source(self) -> str:
        """The class that it pushes away from."""
        ...

    @property
    def target(self) -> str:
        """The class that it pushes towards."""
        ...


@runtime_checkable
class Scene(Protocol):
    """An image whose parts are known."""

    def mask(self, part: str, /) -> Bool[np.ndarray, "h w"]:
        """Return where a part is; all False where it is absent."""
        ...


@runtime_checkable
class SceneSource(Protocol):
    """A source of images whose parts are known."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the logits."""
        ...

    def scene(self, index: int, /) -> Scene:
        """Return one image with its parts."""
        ...


class Row(NamedTuple):
    """One shortcut in one level.

    Attributes:
        shortcut: its name.
        layer: the layer's name.
        grid: cells in each direction.
        score: how well the level shows it.
    """

    shortcut: str
    layer: str
    grid: int
    score: Score

    @property
    def ratio(self) -> float | None:
        """How many times the chance the precision is; None where chance never finds the part."""
        return self.score.precision / self.score.chance if self.score.chance else None


def score_run(
    folder: str | os.PathLike,
    model: Model,
    source: SceneSource,
    shortcuts: Mapping[str, Shortcut],
    *,
    count: int = 10,
    draws: int = 1000,
    seed: int = 0,
) -> list[Row]:
    """Score every planted shortcut in every level of a finished run.

    Args:
        folder: the run folder.
        model: the run's network; its weights do not matter, see `receptive_field`.
        source: the run's images, with the truth about them.
        shortcuts: what was planted, by name.
        count: how many cells to choose; see `score`.
        draws: how many random choices to compare with.
        seed: of these choices.

    Returns:
        One row for each shortcut, layer and grid, in this order.

    Raises:
        UserError: a run that has not finished, an artifact that is missing or damaged, or a class
            that the images do not have.

    >>> class NoScenes:
    ...     classes = ("frying pan", "wok")
    ...     def scene(self, index): ...
    >>> score_run("runs/none/at/all", lambda x, tap: x, NoScenes(), {})
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    folder = finished_run(folder)
    settings = _settings(folder / "run.json")
    mask_of = _masks(source, settings["image_size"], settings["resize"])
    fields = {layer: receptive_field(model, layer) for layer in settings["layers"]}
    rows = []
    for name, shortcut in shortcuts.items():
        pair = _index(source, shortcut.source), _index(source, shortcut.target)
        for layer, field in fields.items():
            here = folder / "layers" / storage.folder_name(layer)
            activations = _read(here / "activations.npz", Activations)
            on = on_part(activations, lambda i, part=shortcut.part: mask_of(i, part), field)
            for grid in settings["grids"]:
                level = here / f"grid-{grid}"
                effect = _read(level / "attribution.npz", CellAttributions).value
                cells = _read(level / "cells.npz", Cells)
                found = score(cells, effect, on, *pair, count=count, draws=draws, seed=seed)
                rows.append(Row(name, layer, int(grid), found))
    return rows


def _masks(
    source: SceneSource, image_size: int, resize: int
) -> Callable[[int, str], Bool[np.ndarray, "h w"]]:
    """Return what gives a part's mask as the network sees the image: resized and cut alike."""

    @cache
    def mask_of(index: int, part: str) -> Bool[np.ndarray, "h w"]:
        grey = np.where(source.scene(index).mask(part), 255, 0).astype(np.uint8)
        return prepare(np.stack([grey] * 3, -1), image_size, resize)[..., 0] >= 128

    return mask_of


def _index(source: SceneSource, name: str) -> int:
    if name not in source.classes:
        raise unknown("class", name, source.classes)
    return source.classes.index(name)


def _settings(path: Path) -> Mapping[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))["experiment"]
        return {name: settings[name] for name in ("layers", "grids", "image_size", "resize")}
    except (OSError, ValueError, KeyError, TypeError):
        raise _unreadable(path) from None


def _read(path: Path, kind: type[T]) -> T:
    found = storage.load(path, kind)
    if found is None:
        raise _unreadable(path)
    return found


def _unreadable(path: Path) -> UserError:
    return UserError(f"{path} is missing or damaged: run the experiment again")
