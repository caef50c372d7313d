"""A run: the stages one after another, each from the artifact of the one before.

    images --collect--> activations --layout--> map --grid--> cells --icons--> icons
                            |                                   ^
                            +---------- attribution ------------+

A stage whose artifact is on disk, made from the same things, is not run again. Everything cheap
enough to fail early comes before anything slow: all grids are cut before the first icon is drawn.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Float16

from atlasjax import progress, storage
from atlasjax.atlas.attribution import attribute
from atlasjax.atlas.collect import Activations, check_layers, collect
from atlasjax.atlas.grid import Cells, average, grid
from atlasjax.atlas.icons import Draw, Icons, icon_drawer, icon_keys, icons
from atlasjax.atlas.layout import layout
from atlasjax.atlas.level import Level
from atlasjax.atlas.whitening import second_moment, whitening
from atlasjax.atlas.zoom import Drawn, starts
from atlasjax.experiment import check
from atlasjax.job import Run

FORMAT = 2  # of the artifacts; raised when what a stage computes changes


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
        xy, laid = _layout(run, name, activations, digests[name])
        sampled[name] = len(xy)
        for level_size in config.grids:
            cells[name, level_size] = _cells(run, name, level_size, activations, xy, laid)
    levels = {}
    for name in config.layers:
        activations = _activations(run, name, digests[name])
        values = _attributions(run, name, activations, digests[name])
        drawer, coarser = _drawer(run, name, activations), None
        for level_size in sorted(config.grids):
            these, digest = cells[name, level_size]
            effect = storage.cached(
                run.level(name, level_size) / "attribution.npz",
                CellAttributions,
                storage.fingerprint(cells=digest, stage="attribution"),
                lambda these=these, values=values: CellAttributions(average(these, values().value)),
            )
            drawn, made_from = _icons(run, name, level_size, these, digest, drawer, coarser)
            if config.coarse_to_fine:
                coarser = Drawn(these.direction, drawn.icon, made_from)
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
    return Finished({key: levels[key] for key in cells}, sampled, names)


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
    missing = [name for name in config.layers if not storage.holds(paths[name], digests[name])]
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


def _activations(run: Run, name: str, digest: str) -> Callable[[], Activations]:
    """Return what gives the layer's activations, read when they are first asked for."""

    @functools.cache
    def read() -> Activations:
        path = run.layer(name) / "activations.npz"
        found = storage.load(path, Activations, digest)
        if found is None:  # damaged where `storage.holds` does not look
            path.unlink(missing_ok=True)
            _collect(run)
            found = storage.load(path, Activations, digest)
        assert found is not None, "collected just before"
        return found

    return read


def _layout(
    run: Run, name: str, activations: Callable[[], Activations], digest: str
) -> tuple[Float[np.ndarray, "n 2"], str]:
    """Lay the layer out, if that was not done yet; return the places and their fingerprint."""
    settings = run.config.layout_settings(name)
    laid = storage.fingerprint(stage="layout", activations=digest, **settings)

    def lay() -> Layout:
        value = activations().value
        title = f"layout {name}"
        with run.timed(title), progress.spinner(f"{title}: {len(value):,} activations"):
            return Layout(layout(value, **settings))

    return storage.cached(run.layer(name) / "layout.npz", Layout, laid, lay).xy, laid


def _cells(
    run: Run,
    name: str,
    size: int,
    activations: Callable[[], Activations],
    xy: Float[np.ndarray, "n 2"],
    laid: str,
) -> tuple[Cells, str]:
    """Cut the layer's map; return the cells and their fingerprint."""
    more_than = run.config.more_than
    cut = storage.fingerprint(stage="grid", layout=laid, size=size, more_than=more_than)

    def divide() -> Cells:
        return grid(xy, activations().value, size, more_than=more_than)

    return storage.cached(run.level(name, size) / "cells.npz", Cells, cut, divide), cut


def _attributions(
    run: Run, name: str, activations: Callable[[], Activations], digest: str
) -> Callable[[], Attributions]:
    """Return what gives the layer's attributions, from disk or by a pass over the images."""

    def compute() -> Attributions:
        found, title = activations(), f"attribution {name}"
        with run.timed(title), progress.bar(title, "activations") as report:
            value = attribute(run.model, name, run.batches(), found, mesh=run.mesh, progress=report)
        return Attributions(value)

    made_from = storage.fingerprint(stage="attribution", activations=digest)
    path = run.layer(name) / "attribution.npz"
    return lambda: storage.cached(path, Attributions, made_from, compute)


def _drawer(run: Run, name: str, activations: Callable[[], Activations]) -> Callable[[], Draw]:
    """Return what gives the function that draws this layer's icons, made when first asked for."""
    config = run.config

    @functools.cache
    def drawer() -> Draw:
        matrix = None
        if config.whitens(name):
            matrix = whitening(second_moment(activations().value), config.ridge)
        return icon_drawer(run.model, name, config.icon_settings(name), matrix, run.mesh)

    return drawer


def _icons(
    run: Run,
    name: str,
    size: int,
    cells: Cells,
    digest: str,
    drawer: Callable[[], Draw],
    coarser: Drawn | None,
) -> tuple[Icons, str]:
    """Draw a level's icons, keeping every batch as soon as it is done; return their fingerprint."""
    config = run.config
    folder = run.level(name, size)
    settings = config.icon_settings(name)
    made_from = storage.fingerprint(
        stage="icons",
        cells=digest,
        settings=repr(settings),
        whiten=config.whitens(name),
        ridge=config.ridge,
        devices=run.mesh.size,
        coarser=None if coarser is None else coarser.made_from,
    )
    keys = icon_keys(jax.random.key(config.seed), name, size, cells.x, cells.y)

    def keep(number: int, compute: Callable[[], Icons]) -> Icons:
        return storage.cached(folder / f"icons-{number:04}.npz", Icons, made_from, compute)

    def compute() -> Icons:
        draw, title = drawer(), f"icons {name} {size} x {size}"
        with run.timed(title), progress.bar(title, "icons") as report:
            return icons(
                draw,
                cells.direction,
                keys,
                starts(coarser, cells.direction),
                batch=settings.batch,
                attempts=settings.attempts,
                enough=settings.enough,
                keep=keep,
                progress=report,
            )

    drawn = storage.cached(folder / "icons.npz", Icons, made_from, compute)
    for part in folder.glob("icons-*.npz"):
        part.unlink()
    return drawn, made_from
