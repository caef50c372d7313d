"""The attribution of every activation to every class, on disk in half precision."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Float16

from atlasjax import progress
from atlasjax.atlas.attribution import attributions, samples_of
from atlasjax.atlas.collect import Activations
from atlasjax.data.subset import Subset
from atlasjax.errors import UserError
from atlasjax.runs import origins
from atlasjax.runs.job import Run
from atlasjax.storage import artifacts, rows
from atlasjax.taps import as_pytree, identity

FILE = "attribution.npz"
PART = 32_768  # activations, about: how much at most is done again after an interruption


class Attributions(NamedTuple):
    """The effect of every activation of a layer on every logit."""

    value: Float16[np.ndarray, "n classes"]


class CellAttributions(NamedTuple):
    """The mean effect of each cell's activations on every logit."""

    value: Float[np.ndarray, "cells classes"]


def effects(
    run: Run, name: str, activations: Callable[[], Activations], digest: str
) -> tuple[Callable[[], Float16[np.ndarray, "n classes"]], str]:
    """Return what gives a layer's attributions, from disk or by a pass over the images.

    Memory holds one part of them at a time. They are read where they lie on disk.

    Args:
        run: the run.
        name: the layer.
        activations: reads the layer's activations.
        digest: their fingerprint.

    Returns:
        What gives the attributions, and their fingerprint.
    """
    made_from = artifacts.fingerprint(**origins.attribution(digest))
    path = run.layer(name) / FILE

    def read() -> Float16[np.ndarray, "n classes"]:
        found = rows.mapped(path, "value", made_from)
        if found is None:
            _compute(run, name, activations(), path, made_from)
            found = rows.mapped(path, "value", made_from)
        assert found is not None, "written just before"
        return found

    return read, made_from


def attributed(run: Run, name: str, activations: Callable[[], Activations], digest: str) -> None:
    """See that a layer's attributions are on disk, and nothing else of them.

    A run that has those of its cells asks for no others, but the atlases of classes do.

    Args:
        run: the run.
        name: the layer.
        activations: as for `effects`.
        digest: likewise.
    """
    read, made_from = effects(run, name, activations, digest)
    if not artifacts.holds(run.layer(name) / FILE, made_from):
        read()
    for part in run.layer(name).glob("attribution-*.npz"):  # of a run killed just here
        part.unlink()


def _compute(run: Run, name: str, activations: Activations, path: Path, made_from: str) -> None:
    """Compute what is not there yet part by part, then join the parts."""
    if not classes_of(run, name):  # nothing to be said of any, whatever the images are
        empty = np.zeros((len(activations.value), 0), np.float16)
        artifacts.save(path, Attributions(empty), made_from)
        return
    samples, batch = samples_of(activations), run.image_batch
    images = activations.image[::samples]
    each = max(PART // (samples * batch), 1) * batch  # images; whole batches, as without parts
    places = activations.position.reshape(-1, samples, 2)
    whole, made_from = made_from, artifacts.fingerprint(whole=made_from, images=each)  # of a part
    parts = [
        path.with_name(f"attribution-{number:05}.npz") for number in range(-(-len(images) // each))
    ]
    done = sum(1 for _ in itertools.takewhile(lambda p: artifacts.holds(p, made_from), parts))
    network, layer = run.network(name)
    title = f"attribution {name}"
    with run.timed(title), progress.bar(title, "activations") as report:
        if done < len(parts):
            left = Subset(run.source, tuple(images[done * each :].tolist()))
            found = attributions(
                network.model, layer, run.batches(left), places[done * each :], mesh=run.mesh
            )
            shown = _reported(found, done * each * samples, len(activations.value), report)
            values = _numbers(run, name, _grouped(shown, each * samples))
            for part, value in zip(parts[done:], values, strict=True):
                artifacts.save(part, Attributions(value), made_from)
        shape = (len(activations.value), _read(parts[0], made_from).shape[1])
        pieces = (_read(part, made_from) for part in parts)
        rows.write(path, "value", pieces, shape, np.float16, whole)
    for part in parts:
        part.unlink()


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
            run.log(f"attribution {name}: NaN for {bad} of {len(piece)} activations, taken as 0")
        yield np.nan_to_num(piece, nan=0.0) if bad else piece


def _reported(
    pieces: Iterator[np.ndarray], done: int, total: int, report: progress.Progress
) -> Iterator[np.ndarray]:
    report(done, total)
    for piece in pieces:
        done += len(piece)
        report(done, total)
        yield piece


def _grouped(pieces: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Put consecutive pieces together until they are `size` rows; the last may be fewer."""
    held: list[np.ndarray] = []
    for piece in pieces:
        held.append(piece)
        if sum(map(len, held)) >= size:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def _read(part: Path, made_from: str) -> np.ndarray:
    found = artifacts.load(part, Attributions, made_from)
    if found is None:
        part.unlink(missing_ok=True)
        raise UserError(
            f"{part} was damaged and is removed now; the same command goes on from here"
        )
    return found.value
