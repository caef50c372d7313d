"""A run: the stages one after another, each from the artifact of the one before.

    images --collect--> activations --layout--> map --grid--> cells --icons--> icons
                            |                                   ^
                            +---------- attribution ------------+

A stage whose artifact is on disk, made from the same things, is not run again. Everything cheap
enough to fail early comes before anything slow: all grids are cut before the first icon is drawn.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Float16

from atlasjax import progress, storage
from atlasjax.atlas.attribution import attribute
from atlasjax.atlas.collect import Activations, check_layers, collect
from atlasjax.atlas.grid import Cells, average, grid
from atlasjax.atlas.icons import Icons, icon_drawer, icon_keys, icons
from atlasjax.atlas.layout import layout
from atlasjax.atlas.level import Level
from atlasjax.atlas.whitening import second_moment, whitening
from atlasjax.data import ImageSource, batches
from atlasjax.experiment import Experiment, check
from atlasjax.parallel import batch_mesh
from atlasjax.taps import Model

FORMAT = 1  # of the artifacts; raised when what a stage computes changes


class Layout(NamedTuple):
    """A layer's map: x to the right and y downwards, in [0, 1]."""

    xy: Float[np.ndarray, "n 2"]


class Attributions(NamedTuple):
    """The effect of every activation of a layer on every logit."""

    value: Float16[np.ndarray, "n classes"]


class CellAttributions(NamedTuple):
    """The mean effect of each cell's activations on every logit."""

    value: Float[np.ndarray, "cells classes"]


class Skipped(NamedTuple):
    """Images that could not be read, with the reason."""

    names: np.ndarray


@dataclass(frozen=True)
class Run:
    """What the stages of one run share.

    Attributes:
        config: the experiment.
        model: the network, a callable pytree.
        weights: digest of its weights.
        source: the images.
        folder: where the artifacts are.
        mesh: the devices.
        seconds: how long each stage took, filled as they end; stages taken from disk are absent.
    """

    config: Experiment
    model: Model
    weights: str
    source: ImageSource
    folder: Path
    mesh: Mesh = field(default_factory=batch_mesh)
    seconds: dict[str, float] = field(default_factory=dict)

    def layer(self, name: str) -> Path:
        """The folder of a layer's artifacts."""
        return self.folder / "layers" / storage.folder_name(name)

    def level(self, name: str, size: int) -> Path:
        """The folder of the artifacts of a layer at one grid."""
        return self.layer(name) / f"grid-{size}"

    def batches(self) -> Iterator:
        """Go through the images, prepared as the network takes them."""
        config = self.config
        return batches(
            self.source, config.image_batch, image_size=config.image_size, resize=config.resize
        )

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage took, and write it to the run's log."""
        began = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - began
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with (self.folder / "run.log").open("a", encoding="utf-8") as log:
            log.write(f"{stamp}  {stage}: {self.seconds[stage]:.1f} s\n")


class Finished(NamedTuple):
    """What a run made.

    Attributes:
        levels: by layer and grid, in the order of the config.
        sampled: for each layer the number of activations.
        skipped: images that could not be read, with the reason.
    """

    levels: dict[tuple[str, int], Level]
    sampled: dict[str, int]
    skipped: tuple[str, ...]


def run(run: Run) -> Finished:
    """Make an atlas, or finish one that was begun.

    Args:
        run: what to make, of what, and where.

    Returns:
        The finished levels. Their artifacts are in the run's folder; `atlas.export` makes the page.

    Raises:
        UserError: settings, layers or grids that no atlas can be made with.
    """
    config = run.config
    check(config)
    size = config.image_size
    check_layers(run.model, config.layers, (size, size, 3), config.samples_per_image)
    digests = _collect(run)
    cells, sampled = {}, {}
    for name in config.layers:
        activations = _activations(run, name, digests[name])
        sampled[name] = len(activations.value)
        for level_size in config.grids:
            cells[name, level_size] = _cells(run, name, level_size, activations, digests[name])
    levels = {}
    for name in config.layers:
        activations = _activations(run, name, digests[name])
        values = _attributions(run, name, activations, digests[name])
        drawer = _drawer(run, name, activations)
        for level_size in config.grids:
            these, digest = cells[name, level_size]
            effect = storage.cached(
                run.level(name, level_size) / "attribution.npz",
                CellAttributions,
                storage.fingerprint(cells=digest, stage="attribution"),
                lambda these=these, values=values: CellAttributions(average(these, values().value)),
            )
            drawn = _icons(run, name, level_size, these, digest, drawer)
            levels[name, level_size] = Level(
                these.x,
                these.y,
                these.count,
                these.direction,
                drawn.cosine,
                effect.value,
                drawn.icon,
            )
    skipped = storage.load(run.folder / "skipped.npz", Skipped)
    names = () if skipped is None else tuple(map(str, skipped.names))
    return Finished(levels, sampled, names)


def _collect(run: Run) -> dict[str, str]:
    """See that every layer's activations are on disk; return their fingerprints."""
    config = run.config
    shared = {
        "format": FORMAT,
        "images": run.source.fingerprint(),
        "weights": run.weights,
        "samples": config.samples_per_image,
        "size": (config.image_size, config.resize),
        "seed": config.seed,
    }
    digests = {n: storage.fingerprint(stage="collect", layer=n, **shared) for n in config.layers}
    paths = {name: run.layer(name) / "activations.npz" for name in config.layers}
    missing = [n for n in config.layers if storage.load(paths[n], Activations, digests[n]) is None]
    if not missing:
        return digests
    with run.timed("collect"), progress.bar("collect", "images") as report:
        found = collect(
            run.model,
            run.batches(),
            missing,
            jax.random.key(config.seed),
            samples_per_image=config.samples_per_image,
            total=len(run.source),
            mesh=run.mesh,
            progress=report,
        )
        whole = storage.fingerprint(stage="skipped", **shared)
        storage.save(run.folder / "skipped.npz", Skipped(np.array(found.skipped, str)), whole)
        for name, activations in found.activations.items():
            storage.save(paths[name], activations, digests[name])
    return digests


def _activations(run: Run, name: str, digest: str) -> Activations:
    found = storage.load(run.layer(name) / "activations.npz", Activations, digest)
    assert found is not None, "collected just before"
    return found


def _cells(
    run: Run, name: str, size: int, activations: Activations, digest: str
) -> tuple[Cells, str]:
    """Lay the layer out, if that was not done yet, and cut it."""
    settings = run.config.layout_settings(name)
    laid = storage.fingerprint(stage="layout", activations=digest, **settings)

    def lay() -> Layout:
        with run.timed(f"layout {name}"), progress.spinner(f"layout {name}"):
            return Layout(layout(activations.value, **settings))

    xy = storage.cached(run.layer(name) / "layout.npz", Layout, laid, lay).xy
    more_than = run.config.more_than
    cut = storage.fingerprint(stage="grid", layout=laid, size=size, more_than=more_than)

    def divide() -> Cells:
        return grid(xy, activations.value, size, more_than=more_than)

    return storage.cached(run.level(name, size) / "cells.npz", Cells, cut, divide), cut


def _attributions(
    run: Run, name: str, activations: Activations, digest: str
) -> Callable[[], Attributions]:
    """Return what gives the layer's attributions, from disk or by a pass over the images."""

    def compute() -> Attributions:
        title = f"attribution {name}"
        with run.timed(title), progress.bar(title, "activations") as report:
            value = attribute(
                run.model, name, run.batches(), activations, mesh=run.mesh, progress=report
            )
        return Attributions(value)

    made_from = storage.fingerprint(stage="attribution", activations=digest)
    path = run.layer(name) / "attribution.npz"
    return lambda: storage.cached(path, Attributions, made_from, compute)


def _drawer(run: Run, name: str, activations: Activations) -> Callable:
    """Return the function that draws this layer's icons, compiled when it is first called."""
    config = run.config
    matrix = None
    if config.whiten and not config.is_early(name):
        matrix = whitening(second_moment(activations.value), config.ridge)
    return icon_drawer(run.model, name, config.icon_settings(name), matrix, run.mesh)


def _icons(run: Run, name: str, size: int, cells: Cells, digest: str, draw: Callable) -> Icons:
    """Draw a level's icons, keeping every batch as soon as it is done."""
    config = run.config
    folder = run.level(name, size)
    settings = config.icon_settings(name)
    made_from = storage.fingerprint(
        stage="icons",
        cells=digest,
        settings=repr(settings),
        whiten=config.whiten and not config.is_early(name),
        ridge=config.ridge,
        devices=run.mesh.size,
    )
    keys = icon_keys(jax.random.key(config.seed), name, size, cells.x, cells.y)

    def keep(number: int, compute: Callable[[], Icons]) -> Icons:
        return storage.cached(folder / f"icons-{number:04}.npz", Icons, made_from, compute)

    def compute() -> Icons:
        title = f"icons {name} {size} x {size}"
        with run.timed(title), progress.bar(title, "icons") as report:
            return icons(
                draw,
                cells.direction,
                keys,
                batch=settings.batch,
                attempts=settings.attempts,
                enough=settings.enough,
                keep=keep,
                progress=report,
            )

    drawn = storage.cached(folder / "icons.npz", Icons, made_from, compute)
    for part in folder.glob("icons-*.npz"):
        part.unlink()
    return drawn
