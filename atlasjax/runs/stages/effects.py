"""The attribution of every activation to every class, on disk in half precision."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Float16

from atlasjax import progress
from atlasjax.atlas.attribution import attributions
from atlasjax.errors import UserError
from atlasjax.runs import host, origins
from atlasjax.runs.job import Run
from atlasjax.runs.stages import stored
from atlasjax.storage import artifacts, rows
from atlasjax.taps import as_pytree, identity

FILE = "attribution.npz"


class Attributions(NamedTuple):
    """The effect of every activation of a layer on every logit."""

    value: Float16[np.ndarray, "n classes"]


class CellAttributions(NamedTuple):
    """The mean effect of each cell's activations on every logit."""

    value: Float[np.ndarray, "cells classes"]


def effects(
    run: Run, name: str, digest: str
) -> tuple[Callable[[], Float16[np.ndarray, "n classes"]], str]:
    """Return what gives a layer's attributions, from disk or by a pass over the images.

    Memory holds one part of them at a time. They are read where they lie on disk.

    Args:
        run: the run.
        name: the layer, whose activations are on disk.
        digest: their fingerprint.

    Returns:
        What gives the attributions, and their fingerprint.
    """
    made_from = artifacts.fingerprint(**origins.attribution(digest))
    path = run.layer(name) / FILE

    def read() -> Float16[np.ndarray, "n classes"]:
        found = rows.mapped(path, "value", made_from)
        if found is None:
            _compute(run, name, digest, path, made_from)
            found = rows.mapped(path, "value", made_from)
        assert found is not None, "written just before"
        return found

    return read, made_from


def attributed(run: Run, name: str, digest: str) -> None:
    """See that a layer's attributions are on disk, and nothing else of them.

    A run that has those of its cells asks for no others, but the atlases of classes do.

    Args:
        run: the run.
        name: the layer.
        digest: the fingerprint of its activations.
    """
    read, made_from = effects(run, name, digest)
    if not artifacts.holds(run.layer(name) / FILE, made_from):
        read()
    for part in run.layer(name).glob("attribution-*.npz"):  # of a run killed just here
        part.unlink()


def _compute(run: Run, name: str, digest: str, path: Path, made_from: str) -> None:
    """Compute what is not there yet part by part, then join the parts."""
    index = stored.read_index(run.layer(name) / stored.FILE, digest)
    kept = stored.kept_of(index)
    classes = classes_of(run, name)
    if not classes:  # nothing to be said of any, whatever the images are
        empty = np.zeros((int(kept.sum()), 0), np.float16)
        artifacts.save(path, Attributions(empty), made_from)
        return
    parts = _parts(run, name, index)
    own = part_digest(run, made_from)
    title = f"attribution {name}"
    with run.timed(title), progress.bar(title, "activations") as report:
        while left := [path for path in parts if not artifacts.holds(path, own)]:
            compute_parts(run, name, index, own, report)
            host.wait(run.host, run.folder, title, lambda: _lacking(left, own))
        pieces = (_read(part, own) for part in parts)
        rows.write(path, "value", pieces, (int(kept.sum()), classes), np.float16, made_from)
    for part in parts:
        part.unlink()


def share(run: Run, name: str, digest: str) -> None:
    """Make this process's share of a layer's attributions, where they are not there.

    Args:
        run: the run, of several processes.
        name: the layer.
        digest: the fingerprint of its activations.
    """
    made_from = artifacts.fingerprint(**origins.attribution(digest))
    if artifacts.holds(run.layer(name) / FILE, made_from) or not classes_of(run, name):
        return
    index = stored.read_index(run.layer(name) / stored.FILE, digest)
    title = f"attribution {name}"
    with run.timed(title), progress.bar(title, "activations") as report:
        compute_parts(run, name, index, part_digest(run, made_from), report)


def _lacking(parts: Iterable[Path], made_from: str) -> list[int]:
    """Return the numbers of parts that are not there."""
    return [_number(path) for path in parts if not artifacts.holds(path, made_from)]


def _number(part: Path) -> int:
    return int(part.stem.rpartition("-")[2])


def part_digest(run: Run, made_from: str) -> str:
    """Return the fingerprint of the parts of a layer's attributions, of the whole's."""
    return artifacts.fingerprint(whole=made_from, images=len(stored.shards(run)[0]))


def compute_parts(
    run: Run, name: str, index: stored.Index, made_from: str, report: progress.Progress
) -> None:
    """Compute those parts of a layer's attributions that are not there, one for each shard.

    Args:
        run: the run.
        name: the layer.
        index: of its activations.
        made_from: the fingerprint of a part.
        report: called with the number of activations done.
    """
    parts = _parts(run, name, index)
    mine = [path for path in parts if run.host.owns(_number(path))]
    left = [path for path in mine if not artifacts.holds(path, made_from)]
    each, kept = int(index.rows), stored.kept_of(index)
    images, places = index.image[::each], index.position.reshape(-1, each, 2)
    which = np.concatenate([parts[path] for path in left]) if left else np.zeros(0, np.int64)
    done = len(kept) - len(which) * each
    report(done, len(kept))
    if not left:
        return
    network, layer = run.network(name)
    gone = attributions(
        network.model,
        layer,
        run.batches(parts=[images[parts[path]] for path in left]),
        places[which],
        mesh=run.mesh,
        note=run.remark,
    )
    shown = _reported(gone, done, len(kept), report)
    grouped = _grouped(shown, [len(parts[path]) * each for path in left])
    own = [kept.reshape(-1, each)[parts[path]].ravel() for path in left]
    taken = (value[which] for value, which in zip(grouped, own, strict=True))
    for path, value in zip(left, _numbers(run, name, taken), strict=True):
        artifacts.save(path, Attributions(value), made_from)


def _parts(run: Run, name: str, index: stored.Index) -> dict[Path, np.ndarray]:
    """Return where each part is, and of which of the images that can be read."""
    images, found = index.image[:: int(index.rows)], {}
    for number, shard in enumerate(stored.shards(run)):
        own = np.flatnonzero((images >= shard[0]) & (images <= shard[-1]))
        if len(own):
            found[run.layer(name) / f"attribution-{number:05}.npz"] = own
    return found


def classes_of(run: Run, name: str) -> int:
    """Return how many classes a layer's network has, without computing anything.

    Args:
        run: the run.
        name: the layer.
    """
    side = run.config.crop[0]
    images = jax.ShapeDtypeStruct((1, side, side, run.channels), np.float32)
    model = as_pytree(run.network(name)[0].model)
    return jax.eval_shape(lambda m, x: m(x, identity), model, images).shape[-1]


def _numbers(run: Run, name: str, pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Put no effect where it is NaN, as where a network takes the root of 0; the log tells it."""
    for piece in pieces:
        bad = int(np.isnan(piece).any(1).sum())
        if bad:
            run.remark(f"attribution {name}: NaN for {bad} of {len(piece)} activations, taken as 0")
        yield np.nan_to_num(piece, nan=0.0) if bad else piece


def _reported(
    pieces: Iterator[np.ndarray], done: int, total: int, report: progress.Progress
) -> Iterator[np.ndarray]:
    report(done, total)
    for piece in pieces:
        done += len(piece)
        report(done, total)
        yield piece


def _grouped(pieces: Iterator[np.ndarray], sizes: Sequence[int]) -> Iterator[np.ndarray]:
    """Put successive pieces together, until there are as many rows as each size says."""
    for size in sizes:
        held: list[np.ndarray] = []
        while sum(map(len, held)) < size:
            held.append(next(pieces))
        yield np.concatenate(held)


def _read(part: Path, made_from: str) -> np.ndarray:
    found = artifacts.load(part, Attributions, made_from)
    if found is None:
        part.unlink(missing_ok=True)
        raise UserError(
            f"{part} was damaged and is removed now; the same command goes on from here"
        )
    return found.value
