"""A run: the stages one after another, each from the artifact of the one before.

    images --collect--> activations --layout--> map --grid--> cells --icons--> icons
                            |                                   ^
                            +---------- attribution ------------+

A stage whose artifact is on disk, made from the same things, is not run again. Everything cheap
enough to fail early comes before anything slow: all grids are cut before the first icon is drawn.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float16

from atlasjax import progress
from atlasjax.atlas.batching import icon_batch
from atlasjax.atlas.drawable import drawable_size
from atlasjax.atlas.drawer import Draw, Icons, IconSettings, icon_drawer
from atlasjax.atlas.grid import Cells, average, grid
from atlasjax.atlas.icons import icon_keys, icons
from atlasjax.atlas.level import Level
from atlasjax.atlas.rows import Rows
from atlasjax.atlas.zoom import Drawn, starts
from atlasjax.runs import host, origins
from atlasjax.runs.check import check
from atlasjax.runs.job import Run
from atlasjax.runs.stages import effects as stage_effects
from atlasjax.runs.stages import stored, whitening
from atlasjax.runs.stages.activations import (
    collected,
    kinds,
    left_out,
    reader,
    shapes_of,
    skipped,
)
from atlasjax.runs.stages.activations import remarks as of_images
from atlasjax.runs.stages.effects import CellAttributions, attributed, effects
from atlasjax.runs.stages.layout import Laid, lay_out, prepare
from atlasjax.runs.stages.layout import remarks as of_maps
from atlasjax.runs.stages.whitening import Whitening
from atlasjax.storage import artifacts


class Map(NamedTuple):
    """A layer laid out, to be cut and drawn.

    Attributes:
        name: the layer.
        laid: places of its activations.
        effects: gives the attribution of each of them.
        whitening: gives how directions are compared.
        made_from: fingerprints of the attributions and the whitening.
    """

    name: str
    laid: Laid
    effects: Callable[[], Float16[np.ndarray, "n classes"]]
    whitening: Callable[[], Whitening]
    made_from: Mapping[str, str]


Cut = dict[int, tuple[Cells, str]]  # by grid, with their fingerprints


class Finished(NamedTuple):
    """What a run made.

    Attributes:
        levels: by layer and grid, in the order of the config.
        sampled: for each layer the number of activations.
        skipped: images and folders that could not be read, with the reason.
        remarks: what there is to say of the images and the maps as a whole.
    """

    levels: dict[tuple[str, int], Level]
    sampled: dict[str, int]
    skipped: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def run(run: Run) -> Finished:
    """Make an atlas, or finish one that was begun.

    Args:
        run: what to make, of what, and where.

    Returns:
        The finished levels. Their artifacts are in the run's folder; `page.export` makes the page.

    Raises:
        UserError: settings, layers or grids that no atlas can be made with.
    """
    check(run.config)
    prepare(run)  # UMAP compiles while the images are looked at
    digests, maps, cells = collected(run), {}, {}
    before: dict[tuple, Laid] = {}  # the last map of each kind, with which the next is aligned
    kind = kinds(shapes_of(run)) if run.config.aligned else {}
    for group in run.maps:
        found = _map(run, group, digests, before.get(kind[group[0]]) if kind else None)
        if kind:
            before[kind[group[0]]] = found[group[0]][0].laid
        for name, (laid, cut_up) in found.items():
            maps[name], cells[name] = laid, cut_up
    levels = {}
    for name, laid in maps.items():
        attributed(run, name, digests[name])
        levels |= draw(run, laid, cells[name])
    sampled = {name: len(laid.laid.xy) for name, laid in maps.items()}
    said = (*of_images(run), *left_out(run), *of_maps(run), *of_icons(levels), *run.journal.remarks)
    return Finished(levels, sampled, skipped(run), said)


def of_icons(levels: Mapping[tuple[str, int], Level]) -> tuple[str, ...]:
    """Return what there is to say of icons that became no numbers while they were drawn.

    Args:
        levels: by layer and grid.
    """
    bad = {at: np.count_nonzero(~np.isfinite(level.cosine)) for at, level in levels.items()}
    return tuple(
        f"layer {name}, {size} x {size}: {bad[name, size]} of {len(level.cosine)} icons became NaN "
        "or infinite while they were drawn, and say nothing"
        for (name, size), level in levels.items()
        if bad[name, size]
    )


def _map(
    run: Run, group: Sequence[str], digests: Mapping[str, str], before: Laid | None
) -> dict[str, tuple[Map, Cut]]:
    """Lay out one layer, or those that share a map, and cut it by every grid."""
    read = {name: functools.cache(reader(run, name, digests[name])) for name in group}
    values = {name: (lambda name=name: read[name]().value) for name in group}
    moments = {n: functools.partial(stored.moment, run.layer(n) / stored.FILE) for n in group}
    white = {n: whitening.whiten(run, n, moments[n], digests[n]) for n in group}
    matrices = {name: give for name, (give, _) in white.items()}
    laid = lay_out(run, group, values, matrices, digests, before)
    found = {}
    for name in group:
        effect, digest = effects(run, name, digests[name])
        made_from = {"attribution": digest, "whitening": white[name][1]}
        whole = Map(name, laid, effect, matrices[name], made_from)
        found[name] = (whole, cut(run, whole, values[name]))
    return found


def cut(run: Run, laid: Map, values: Callable[[], Rows]) -> Cut:
    """Cut a map by every grid of the run.

    Args:
        run: whose grids, and in whose folder.
        laid: the map.
        values: gives its activations.

    Returns:
        The cells of each grid.

    Raises:
        UserError: a grid so fine that no cell is kept.
    """
    more_than, found = run.config.more_than, {}
    for size in run.config.grids:
        digest = artifacts.fingerprint(**origins.cells(run, laid.laid.digest, size))

        def divide(size: int = size) -> Cells:
            return grid(laid.laid.xy, values(), size, more_than=more_than)

        path = run.level(laid.name, size) / "cells.npz"
        found[size] = (artifacts.cached(path, Cells, digest, divide), digest)
    return found


def draw(run: Run, laid: Map, cells: Cut) -> dict[tuple[str, int], Level]:
    """Finish the levels of a map: their attributions and their icons.

    Args:
        run: how icons are drawn, and in whose folder.
        laid: the map.
        cells: what `cut` returned.

    Returns:
        The levels, by layer and grid.
    """
    name, levels = laid.name, {}
    effect_of, matrix_of = functools.cache(laid.effects), functools.cache(laid.whitening)
    width = next(iter(cells.values()))[0].direction.shape[1]
    settings, coarser = icon_settings(run, name, width), None
    drawer = _drawer(run, name, settings, matrix_of)
    for size, (these, digest) in sorted(cells.items(), key=lambda item: item[0]):
        attribution = origins.cell_attribution(digest, laid.made_from["attribution"])
        effect = artifacts.cached(
            run.level(name, size) / "attribution.npz",
            CellAttributions,
            artifacts.fingerprint(**attribution),
            lambda these=these: CellAttributions(average(these, effect_of())),
        )
        whitened = artifacts.fingerprint(**origins.whitened(digest, laid.made_from["whitening"]))
        whitening.record(run, name, size, these, whitened, matrix_of)
        drawn, finished = _icons(run, name, size, these, digest, settings, drawer, coarser)
        if run.config.coarse_to_fine:
            coarser = Drawn(these.direction, drawn.icon, finished)
        levels[name, size] = Level(
            these.x,
            these.y,
            these.count,
            these.direction,
            drawn.cosine,
            effect.value,
            drawn.icon,
        )
    return {(name, size): levels[name, size] for size in cells}


def icon_settings(run: Run, name: str, width: int) -> IconSettings:
    """Return how a layer's icons are drawn: at the images' size, if the network takes no other.

    Args:
        run: the run.
        name: the layer.
        width: its channels.
    """
    network, layer = run.network(name)
    settings, side = run.config.icon_settings(name), run.config.crop[0]
    if run.other_sizes is None:
        size = drawable_size(network.model, layer, settings.size, side, width, run.channels)
    else:
        size = settings.size if run.other_sizes else side
    settings = dataclasses.replace(settings, size=size, channels=run.channels)
    if run.config.icon_batch is not None:
        return settings
    return dataclasses.replace(settings, batch=icon_batch(network.model, settings, run.mesh))


class _JoinedError(Exception):
    """All icons of a level are there, those that are still to be drawn here as well."""


def share(run: Run, planned: Mapping[str, str]) -> None:
    """Make the share of a process that follows another, which makes all else.

    Args:
        run: the run.
        planned: the fingerprint of each artifact, by its path in the run folder.

    Raises:
        BegunAgainError: the other one began anew, or ended.
    """
    digests = collected(run)
    for name in run.names:
        stage_effects.share(run, name, digests[name])

    def await_(path: Path) -> str:
        digest = planned[path.relative_to(run.folder).as_posix()]
        title = f"{path.stem} of {path.parent.name}"
        there = functools.partial(artifacts.holds, path, digest)
        host.wait(run.host, run.folder, title, lambda: () if there() else (0,))
        return digest

    for name in run.names:
        white = run.layer(name) / "whitening.npz"
        await_(white)
        matrix = functools.cache(functools.partial(artifacts.read, white, Whitening))
        drawer, coarser = None, None
        for size in sorted(run.config.grids):
            path = run.level(name, size) / "cells.npz"
            digest, these = await_(path), artifacts.read(path, Cells)
            settings = icon_settings(run, name, these.direction.shape[1])
            drawer = drawer or _drawer(run, name, settings, matrix)
            drawn, finished = _icons(run, name, size, these, digest, settings, drawer, coarser)
            if run.config.coarse_to_fine:
                coarser = Drawn(these.direction, drawn.icon, finished)


def _drawer(
    run: Run, name: str, settings: IconSettings, matrix: Callable[[], Whitening]
) -> Callable[[int], Draw]:
    """Return what gives the function that draws so many of this layer's icons, when asked for."""

    @functools.cache
    def drawer(batch: int) -> Draw:
        network, layer = run.network(name)
        white = matrix().matrix if run.config.whitens(name) else None
        own = dataclasses.replace(settings, batch=batch)
        return icon_drawer(network.model, layer, own, white, run.mesh)

    return drawer


def _icons(
    run: Run,
    name: str,
    size: int,
    cells: Cells,
    digest: str,
    settings: IconSettings,
    drawer: Callable[[int], Draw],
    coarser: Drawn | None,
) -> tuple[Icons, str]:
    """Draw a level's icons, keeping every batch as soon as it is done; return their fingerprint."""
    config = run.config
    folder = run.level(name, size)
    before = None if coarser is None else coarser.made_from
    made_from = artifacts.fingerprint(**origins.icons(run, name, digest, settings, before))
    keys = icon_keys(jax.random.key(config.seed), name, size, cells.x, cells.y)

    part, whole = artifacts.fingerprint(icons=made_from, batch=settings.batch), folder / "icons.npz"
    title = f"icons {name} {size} x {size}"

    def keep(number: int, compute: Callable[[], Icons]) -> Icons:
        path = folder / f"icons-{number:04}.npz"

        def missing() -> tuple[int, ...]:
            there = artifacts.holds(path, part) or artifacts.holds(whole, made_from)
            return () if there else (number,)

        while not run.host.owns(number):
            host.wait(run.host, run.folder, title, missing)
            found = artifacts.load(path, Icons, part)
            if found is not None:
                return found
            if artifacts.holds(whole, made_from):
                raise _JoinedError
        return artifacts.cached(path, Icons, part, compute)

    def compute() -> Icons:
        draw = drawer(settings.batch)
        with run.timed(title), progress.bar(title, "icons") as report:
            return icons(
                draw,
                cells.direction,
                keys,
                starts(coarser, cells.direction),
                batch=settings.batch,
                attempts=settings.attempts,
                retry_below=settings.retry_below,
                keep=keep,
                smaller=drawer,
                note=run.remark,
                progress=report,
            )

    if run.host.follows:
        with contextlib.suppress(_JoinedError):
            if not artifacts.holds(whole, made_from):
                compute()
        there = functools.partial(artifacts.holds, whole, made_from)
        host.wait(run.host, run.folder, title, lambda: () if there() else (0,))
        return artifacts.read(whole, Icons), made_from
    drawn = artifacts.cached(whole, Icons, made_from, compute)
    for file in folder.glob("icons-*.npz"):
        file.unlink()
    return drawn, made_from
