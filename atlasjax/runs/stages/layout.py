"""A layer's map, or one map that the layers of two networks share."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from atlasjax import progress
from atlasjax.atlas.joint import joint
from atlasjax.atlas.layout import layout
from atlasjax.atlas.methods import UMAP
from atlasjax.atlas.rows import Rows, pieces
from atlasjax.atlas.warmup import warm_up
from atlasjax.errors import UserError
from atlasjax.runs import origins
from atlasjax.runs.job import Run
from atlasjax.runs.stages import stored
from atlasjax.runs.stages.whitening import Whitening
from atlasjax.storage import artifacts


class Layout(NamedTuple):
    """A layer's map.

    Attributes:
        xy: x to the right and y downwards, in [0, 1].
        note: what there is to say of it, a line of text; mostly empty.
    """

    xy: Float[np.ndarray, "n 2"]
    note: np.ndarray = np.array("")


class Laid(NamedTuple):
    """A map.

    Attributes:
        xy: its places.
        digest: its fingerprint.
        rows: gives what tells which activations they are of; see `stored.rows_of`.
    """

    xy: Float[np.ndarray, "n 2"]
    digest: str
    rows: Callable[[], Int[np.ndarray, " n"] | None] = lambda: None


def prepare(run: Run) -> None:
    """Begin to compile what the layouts need, where one is not on disk yet.

    Args:
        run: the run.
    """
    settings = [run.config.layout_settings(group[0]) for group in run.maps]
    laid = all((run.layer(name) / "layout.npz").exists() for name in run.names)
    if not laid and run.config.layout == UMAP:
        count = len(run.source) * run.config.samples_per_image
        warm_up(count, [one["metric"] for one in settings])


def lay_out(
    run: Run,
    group: Sequence[str],
    values: Mapping[str, Callable[[], Rows]],
    whitenings: Mapping[str, Callable[[], Whitening]],
    digests: Mapping[str, str],
    before: Laid | None,
) -> Laid:
    """Lay one layer out, if that was not done yet; or the same layer of two networks.

    Args:
        run: the run.
        group: the layers that share the map.
        values: their activations, of the same images and positions.
        whitenings: their whitenings, which only a shared map needs.
        digests: fingerprints of the activations.
        before: the map that this one is aligned with.

    Returns:
        The map, which is kept with every layer of the group.
    """
    settings = run.config.layout_settings(group[0])
    metric = settings["metric"]
    aligned = None if before is None else before.digest
    origin = origins.layout(run, group, [digests[name] for name in group], aligned)
    digest = artifacts.fingerprint(**origin)

    rows = functools.partial(stored.rows_of, run.layer(group[0]) / stored.FILE)

    def features() -> Rows:
        if len(group) == 1:
            return values[group[0]]()
        _check_same(run, group)
        return joint([_whitened(values[n](), whitenings[n]().matrix) for n in group], metric)

    def lay() -> Layout:
        found, title, notes = features(), f"layout {group[0]}", [""]
        like = None if before is None else _like(before, rows(), len(found))
        with run.timed(title), progress.spinner(f"{title}: {len(found):,} activations"):
            xy = layout(found, like=like, note=notes.append, **settings)
        return Layout(xy, np.array(notes[-1]))

    laid = artifacts.cached(run.layer(group[0]) / "layout.npz", Layout, digest, lay)
    for name in group[1:]:
        artifacts.cached(run.layer(name) / "layout.npz", Layout, digest, lambda: laid)
    return Laid(laid.xy, digest, rows)


def _like(before: Laid, rows: Int[np.ndarray, " n"] | None, count: int) -> Float[np.ndarray, "n 2"]:
    """Return the places in the map before; the middle of it for what was left out there."""
    known = before.rows()
    if len(before.xy) == count and (known is None or rows is None or np.array_equal(known, rows)):
        return before.xy
    assert known is not None, "of activations that this version collected"
    assert rows is not None, "likewise"
    _, here, there = np.intersect1d(rows, known, return_indices=True)
    found = np.full((count, 2), 0.5, before.xy.dtype)
    found[here] = before.xy[there]
    return found


def _check_same(run: Run, group: Sequence[str]) -> None:
    """Refuse one map for layers of which not the same activations are left out."""
    every = [stored.rows_of(run.layer(name) / stored.FILE) for name in group]
    found = [one for one in every if one is not None]
    if any(not np.array_equal(one, found[0]) for one in found):
        raise UserError(
            f"{' and '.join(map(repr, group))} cannot share a map: activations are NaN or infinite "
            "in one network and not in the other"
        )


def _whitened(values: Rows, matrix: Float[np.ndarray, "c c"]) -> Float32[np.ndarray, "n c"]:
    return np.concatenate([(piece @ matrix).astype(np.float32) for _, piece in pieces(values)])


def remarks(run: Run) -> tuple[str, ...]:
    """Return what there is to say of the maps of a run, a line each."""
    paths = {group[0]: run.layer(group[0]) / "layout.npz" for group in run.maps}
    found = {name: artifacts.load(path, Layout) for name, path in paths.items()}
    said = {name: str(laid.note) for name, laid in found.items() if laid is not None}
    return tuple(f"layer {name}: {note}" for name, note in said.items() if note)
