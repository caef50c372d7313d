"""Landscape: the loss of a network on a person's images, around its weights, as a page.

`atlasjax landscape` calls this and nothing else. The surfaces are kept in the folder point by
point: a call that was stopped goes on.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from atlasjax import landscape, progress
from atlasjax.errors import UserError, unknown
from atlasjax.landscape import Direction, Trajectory
from atlasjax.page.landscape.contents import Contents, Shown
from atlasjax.page.landscape.contents import Path as Way
from atlasjax.page.landscape.write import write
from atlasjax.runs.record import versions
from atlasjax.storage import artifacts, lock
from atlasjax.vis.files import plain
from atlasjax.workflows.networks import Opened, as_recorded, find, open_network
from atlasjax.workflows.unit_site.images import as_classes, opened_images

KINDS = ("random", "between", "path", "hessian")
MARGIN = 0.2  # of the path's extent, that the surface goes on beyond it
FOLDER = "work"


class Landscape(NamedTuple):
    """Surfaces and where their page is.

    Attributes:
        page: the file to open.
        contents: all of it, as arrays.
    """

    page: Path
    contents: Contents


class _Plan(NamedTuple):
    """One surface to compute: around which network, along what, where, with which path."""

    name: str
    model: Any
    directions: tuple[Direction, ...]
    axes: tuple[str, ...]
    at: tuple[np.ndarray, ...]
    path: Trajectory | None = None


def loss_surface(
    model: Any,
    images: Any,
    *,
    weights: str | os.PathLike | Sequence[str | os.PathLike] | None = None,
    directions: str | None = None,
    dimensions: int | None = None,
    points: int | None = None,
    span: float = 1.0,
    normalization: str = "filter",
    curvature: int = 0,
    max_images: int | None = 512,
    class_names: Any = None,
    out: str | os.PathLike | None = None,
    seed: int = 0,
    command: str | None = None,
) -> Landscape:
    """Compute the loss of a network around its weights, and write the page.

    Args:
        model: the network, as for `run`.
        images: what `run` takes for images. Without classes of the network's, what it takes each
            image for counts as right.
        weights: a file of the network's weights; or several, such as the checkpoints of a training
            in their order.
        directions: "random", one surface around each file; "between", from the first file to each
            of the others; "path", the principal directions of all files, with the path on the
            surface around the last; "hessian", its leading eigenvectors, for each file. By default
            "random" for one file, "between" for two, "path" for more.
        dimensions: 1 to 3 directions; 2 by default, and for "between" one for each other file.
        points: along each direction; by default 101, 51 or 11.
        span: how far random directions and eigenvectors are followed.
        normalization: of random directions; see `landscape.random`.
        curvature: points along each direction of a map of curvature; 0 for none.
        max_images: take only so many images, evenly spaced over all.
        class_names: as for `units`.
        out: the folder; landscapes/MODEL by default.
        seed: of random directions.
        command: how it was asked for, for the record.

    Returns:
        The page, and everything on it as arrays.

    Raises:
        UserError: no such network, images or directions; files that do not fit one another.

    >>> loss_surface("googlenett", "photos")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no model 'googlenett'; did you mean googlenet...
    """
    found = find(model)
    files = _files(weights)
    kind, count = _kind(directions, dimensions, len(files))
    _check(points, span, curvature)
    opened = [open_network(found, file, seed, class_names) for file in files or [None]]
    names = _names(files, opened)
    pixels, labels, notes = _labelled(images, opened[0], max_images)
    settings = (count, points or landscape.POINTS[count], span, normalization, seed)
    plans = _plans(kind, opened, names, (pixels, labels), settings)
    folder = Path(out) if out is not None else Path("landscapes") / plain(found.entry.name)
    folder = artifacts.make_run_folder(folder)
    with lock.alone(folder):
        shown = tuple(
            _shown(plan, opened, names, (pixels, labels), curvature, folder / FOLDER / f"{i}.npz")
            for i, plan in enumerate(plans)
        )
        record = {
            "model": found.reference or found.entry.name,
            **as_recorded(opened[-1]),
            "images": len(pixels),
            "seed": seed,
            "versions": versions(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
        }
        contents = Contents(shown, record, (*notes, *_said(shown)))
        return Landscape(write(folder, contents), contents)


def _files(weights: Any) -> list[str | os.PathLike]:
    return [weights] if isinstance(weights, str | os.PathLike) else list(weights or ())


def _kind(directions: str | None, dimensions: int | None, files: int) -> tuple[str, int]:
    """Return what the directions are, and how many."""
    if directions is not None and directions not in KINDS:
        raise unknown("kind of direction", directions, KINDS)
    kind = directions or {0: "random", 1: "random", 2: "between"}.get(files, "path")
    count = dimensions or (files - 1 if kind == "between" else 2)
    if kind == "between" and not 2 <= files <= 4:
        raise UserError(f"{files} weights files: between networks there are 2 to 4")
    if kind == "between" and count != files - 1:
        raise UserError(f"{count} directions between {files} networks: there are {files - 1}")
    if kind == "path" and files <= count:
        raise UserError(f"{files} weights files: a path in {count} directions needs {count + 1}")
    if not 1 <= count <= 3:
        raise UserError(f"{count} directions: one, two or three")
    return kind, count


def _check(points: int | None, span: float, curvature: int) -> None:
    if points is not None and points < 2:
        raise UserError(f"points={points}: at least 2 along each direction")
    if not (0 < span < float("inf")):
        raise UserError(f"span={span:g}: greater than 0")
    if curvature < 0 or curvature == 1:
        raise UserError(f"curvature={curvature}: 0 for none, or at least 2 points")


def _names(files: Sequence[str | os.PathLike], opened: Sequence[Opened]) -> tuple[str, ...]:
    if not files:
        return (opened[0].found.entry.name,)
    stems = [Path(file).stem for file in files]
    unique = len(set(stems)) == len(stems)
    return tuple(stems if unique else [str(file) for file in files])


def _labelled(
    images: Any, opened: Opened, limit: int | None
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Return images as bytes with their classes, without those of classes the network has not."""
    looked = opened_images(images, opened, limit)
    parts = list(looked.batches())
    pixels = np.concatenate([part.images for part in parts])
    found = np.concatenate([part.label for part in parts])
    notes = [f"not readable: {name}" for part in parts for name in part.skipped]
    known = as_classes(looked.source.classes, opened.classes)
    if known is None:
        notes.append("The images have no class of the network's: right is what it says itself.")
        return pixels, None, notes
    labels = np.where(found >= 0, known[found], -1)
    there = labels >= 0
    if not there.all():
        notes.append(f"{(~there).sum()} images are of no class of the network's, and left out.")
    return pixels[there], labels[there].astype(np.int32), notes


def _plans(
    kind: str, opened: Sequence[Opened], names: Sequence[str], data: Any, settings: Any
) -> list[_Plan]:
    """Return the surfaces that are asked for."""
    count, points, span, normalization, seed = settings
    models = [one.network.model for one in opened]
    square = tuple(np.linspace(-span, span, points) for _ in range(count))
    if kind == "path":
        way = landscape.principal(models[-1], models, count)
        axes = tuple(f"PC {k + 1} ({share:.0%})" for k, share in enumerate(way.explained))
        at = tuple(_around(way.coordinates[:, k], points) for k in range(count))
        return [_Plan(names[-1], models[-1], way.directions, axes, at, way)]
    if kind == "between":
        along = tuple(landscape.between(models[0], other) for other in models[1:])
        at = tuple(np.linspace(-0.5, 1.5, points) for _ in along)
        axes = tuple(f"from {names[0]} to {other}" for other in names[1:])
        return [_Plan(names[0], models[0], along, axes, at)]
    plans = []
    for model, name in zip(models, names, strict=True):
        if kind == "hessian":
            spectrum = landscape.eigenvectors(model, *data, count=count)
            axes = tuple(f"eigenvector of {value:.3g}" for value in spectrum.values)
            plans.append(_Plan(name, model, spectrum.directions, axes, square))
            continue
        # Networks that are compared are moved by the same noise, each at its own scale.
        keys = jax.random.split(jax.random.key(seed), count)
        along = tuple(landscape.random(model, k, normalization=normalization) for k in keys)
        axes = tuple(f"random direction {k + 1}" for k in range(count))
        plans.append(_Plan(name, model, along, axes, square))
    return plans


def _around(places: np.ndarray, points: int) -> np.ndarray:
    """Return places from one end of a path to the other and some way beyond."""
    low, high = float(places.min()), float(places.max())
    margin = MARGIN * (high - low)
    return np.linspace(low - margin, high + margin, points)


def _shown(
    plan: _Plan,
    opened: Sequence[Opened],
    names: tuple[str, ...],
    data: Any,
    curvature: int,
    keep: Path,
) -> Shown:
    """Compute one surface with all that is drawn on it."""
    with progress.bar(f"surface of {plan.name}", "points") as report:
        given = (plan.model, plan.directions, *data)
        surface = landscape.surface(*given, at=plan.at, keep=keep, progress=report)
    way = None if plan.path is None else _way(plan.path, opened, names, data)
    return Shown(plan.name, surface, plan.axes, way, _curved(plan, data, curvature))


def _way(path: Trajectory, opened: Sequence[Opened], names: tuple[str, ...], data: Any) -> Way:
    pixels, labels = data
    if labels is None:
        labels = landscape.answers(opened[-1].network.model, pixels)
    measured = [landscape.evaluate(one.network.model, pixels, labels) for one in opened]
    loss, accuracy = np.array(measured).T
    return Way(path.coordinates, loss, accuracy, path.aside, names)


def _curved(plan: _Plan, data: Any, points: int) -> landscape.Curvature | None:
    if not points:
        return None
    at = [np.linspace(places[0], places[-1], points) for places in plan.at]
    with progress.bar(f"curvature of {plan.name}", "points") as report:
        return landscape.curvature(plan.model, plan.directions, *data, at=at, progress=report)


def _said(shown: Sequence[Shown]) -> list[str]:
    """Return what there is to say of the surfaces: what is not finite, what is not in the plane."""
    notes = []
    for one in shown:
        missing = int((~np.isfinite(one.surface.loss)).sum())
        if missing:
            notes.append(
                f"{one.name}: at {missing} of {one.surface.loss.size} points the loss is "
                "not finite; they are marked."
            )
        if one.path is not None:
            notes.append(
                f"{one.name}: the path is that of {len(one.path.loss)} networks, projected; the "
                f"first lies {one.path.aside[0]:.0%} of its distance outside of the surface, the "
                f"one in the middle {one.path.aside[len(one.path.aside) // 2]:.0%}."
            )
    return notes
