"""The truth about a finished run: every planted shortcut scored in every layer.

Beside `pipeline`, whose artifacts it reads; what a score is stands in `fidelity.truth`.
"""

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float16

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.comparison import comparison
from atlasjax.atlas.examples import field_of
from atlasjax.atlas.grid import Cells, average, fitting, grid
from atlasjax.atlas.rows import take
from atlasjax.data import ImageSource, prepare
from atlasjax.errors import UserError, unknown
from atlasjax.fidelity.truth import Score, on_part, score
from atlasjax.progress import Progress, silent
from atlasjax.runs.experiment import Experiment, from_json
from atlasjax.runs.open import finished_run
from atlasjax.runs.stages import stored
from atlasjax.runs.stages.effects import CellAttributions
from atlasjax.storage import artifacts
from atlasjax.storage import rows as disk
from atlasjax.storage.remedy import damaged
from atlasjax.taps import Model

MORE_THAN = 2  # activations in a cell of a comparison; as `compare` draws it


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
class SceneSource(ImageSource, Protocol):
    """A source of images whose parts are known. Its classes are in the order of the logits."""

    def scene(self, index: int, /) -> Scene:
        """Return one image with its parts."""
        ...


class Row(NamedTuple):
    """One shortcut in one layer.

    Attributes:
        shortcut: its name.
        layer: the layer's name.
        score: of the cells in the comparison of the shortcut's two classes.
        everywhere: of the cells of the whole atlas, at its finest level.
    """

    shortcut: str
    layer: str
    score: Score
    everywhere: Score

    @property
    def ratio(self) -> float | None:
        """How many times the fraction in randomly chosen cells of the atlas the precision is.

        None where random cells never have the part.
        """
        chance = self.everywhere.chance
        return self.score.precision / chance if chance else None


def score_run(
    folder: str | os.PathLike,
    model: Model,
    source: SceneSource,
    shortcuts: Mapping[str, Shortcut],
    *,
    layers: Sequence[str] | None = None,
    count: int = 10,
    draws: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Row]:
    """Score every planted shortcut in every layer of a finished run.

    The difference of two logits says something where the network decides between the two: in
    images of either class. Elsewhere it is large for reasons of its own (stripes weigh more for a
    wok than for a pan, in a zebra of which the network says neither). So what pushes from one class
    to the other is looked for in their comparison, of images of the two classes alone: the map that
    `compare` draws with `own_images`. Random cells are drawn from the whole atlas.

    Args:
        folder: the run folder.
        model: the run's network, with its weights.
        source: the run's images, with the truth about them.
        shortcuts: what was planted, by name.
        layers: some of the run's layers; all of them by default.
        count: how many cells to choose; see `score`.
        draws: how many random choices to compare with.
        seed: of these choices.
        progress: called with the number of comparisons done.

    Returns:
        One row for each layer and shortcut, in this order.

    Raises:
        UserError: no run, an artifact that is missing or damaged, or a class
            that the images do not have.

    >>> from atlasjax.data.scenes import scenes
    >>> score_run("runs/none/at/all", lambda x, tap: x, scenes(1), {})
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        folder = finished_run(folder)  # which says what is there instead
    config = _config(folder / "run.json")
    mask_of = _masks(source, *config.crop)
    pairs = {
        name: (_index(source, shortcut.source), _index(source, shortcut.target))
        for name, shortcut in shortcuts.items()
    }
    rows, names = [], config.layers if layers is None else layers
    progress(0, len(names) * len(shortcuts))
    for layer in names:
        atlas = _atlas(folder, layer, config.grids)
        field = field_of(model, layer, atlas.activations, config.crop[0])
        settings = {k: v for k, v in config.layout_settings(layer).items() if k != "method"}
        for name, shortcut in shortcuts.items():
            pair, mask = pairs[name], functools.partial(mask_of, shortcut.part)
            rate = functools.partial(score, count=count, draws=draws, seed=seed)
            on = on_part(atlas.activations, mask, field)
            compared = rate(*_compare(atlas, on, pair, settings), *pair)
            whole = rate(atlas.cells, atlas.effect, on, *pair)
            rows.append(Row(name, layer, compared, whole))
            progress(len(rows), len(names) * len(shortcuts))
    return rows


class _Atlas(NamedTuple):
    """What a run left of one layer: its activations, and the cells of its finest level."""

    activations: Activations
    each: Float16[np.ndarray, "n classes"]  # attribution of every activation; it lies on disk
    cells: Cells
    effect: Float[np.ndarray, "cells classes"]


def _atlas(folder: Path, name: str, grids: Sequence[int]) -> _Atlas:
    here = folder / "layers" / artifacts.folder_name(name)
    level = here / f"grid-{max(grids)}"
    each = disk.mapped(here / "attribution.npz", "value")
    if each is None:
        raise damaged(here / "attribution.npz")
    return _Atlas(
        stored.read(here / stored.FILE),
        each,
        artifacts.read(level / "cells.npz", Cells),
        artifacts.read(level / "attribution.npz", CellAttributions).value,
    )


def _compare(
    atlas: _Atlas, on: Bool[np.ndarray, " n"], pair: tuple[int, int], settings: Mapping[str, Any]
) -> tuple[Cells, Float[np.ndarray, "cells classes"], Bool[np.ndarray, " k"]]:
    """Lay out and cut the comparison of two classes, as `compare` does with their own images.

    Returns:
        Its cells, their effects, and which of its activations are on the part.
    """
    which = np.flatnonzero(np.isin(atlas.activations.label, pair))
    value, effect = take(atlas.activations.value, which), np.asarray(atlas.each[which])
    xy = comparison(value, effect, *pair, **settings)
    cells = grid(xy, value, fitting(xy, more_than=MORE_THAN), more_than=MORE_THAN)
    return cells, average(cells, effect), on[which]


def _masks(
    source: SceneSource, image_size: int, resize: int
) -> Callable[[str, int], Bool[np.ndarray, "h w"]]:
    """Return what gives a part's mask as the network sees the image: resized and cut alike."""

    @functools.cache
    def mask_of(part: str, index: int) -> Bool[np.ndarray, "h w"]:
        grey = np.where(source.scene(index).mask(part), 255, 0).astype(np.uint8)
        return prepare(np.stack([grey] * 3, -1), image_size, resize)[..., 0] >= 128

    return mask_of


def _index(source: SceneSource, name: str) -> int:
    if name not in source.classes:
        raise unknown("class", name, source.classes)
    return source.classes.index(name)


def _config(path: Path) -> Experiment:
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, UserError):
        raise UserError(f"{path} is missing or damaged: run the experiment again") from None
