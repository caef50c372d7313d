"""Questions: what a tree may ask of an image, as directions of a layer, and how each is shown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, UInt8

from atlasjax import trees
from atlasjax.atlas.level import Level
from atlasjax.atlas.positions import placed
from atlasjax.blocks.groups import groups
from atlasjax.blocks.icons import icons
from atlasjax.data import ImageSource
from atlasjax.data.patches import LARGEST, Wanted, cut_all, windows
from atlasjax.data.subset import Subset
from atlasjax.errors import UserError, unknown
from atlasjax.page.tree import Feature
from atlasjax.planes import as_planes
from atlasjax.progress import Progress, bar, silent
from atlasjax.receptive import field_within
from atlasjax.runs.examples import open_examples
from atlasjax.runs.job import Run
from atlasjax.taps import capture, layers
from atlasjax.trees import Features

KINDS = ("cells", "groups", "units")
GROUPED = 48  # images whose activations are parted into groups
PATCHES = 4
ICON = 80  # px


class Questions(NamedTuple):
    """What a tree may ask of an image.

    Attributes:
        kind: "cells", "groups", "units" or "directions".
        layer: of the run.
        grid: of the cells; None for others.
        direction: one for each question.
        level: the cells; None for others.
    """

    kind: str
    layer: str
    grid: int | None
    direction: Float[np.ndarray, "n channels"]
    level: Level | None = None

    @property
    def name(self) -> str:
        """What they are called."""
        return called(self.layer, self.grid)


def called(layer: str, grid: int | None) -> str:
    """Return what a layer's questions are called, at a grid where they have one.

    >>> called("mixed4d", 12), called("mixed4d", None)
    ('mixed4d 12', 'mixed4d')
    """
    return layer if grid is None else f"{layer} {grid}"


def asked(
    kind: str | Float[np.ndarray, "n channels"],
    atlas: Any,
    job: Run,
    layer: str | None,
    grid: int | None,
    grouped: ImageSource,
    count: int,
) -> list[Questions]:
    """Return the questions of every layer, and of every grid where they are about cells.

    Args:
        kind: one of `KINDS`, or directions of a layer, one a row.
        atlas: of the run.
        job: of the run.
        layer: the only one, if given; directions need it.
        grid: likewise.
        grouped: images whose activations are parted into groups.
        count: how many groups.

    Raises:
        UserError: no such kind, layer or grid.
    """
    if not isinstance(kind, str):
        if layer is None:
            raise UserError("directions are of one layer: give layer=")
        return [Questions("directions", layer, None, np.asarray(kind, np.float32))]
    if kind not in KINDS:
        raise unknown("features", kind, KINDS)
    names = [layer] if layer is not None else list(atlas.layers)
    if kind == "cells":
        return _of_cells(atlas, names, grid)
    if grid is not None:
        raise UserError(f"grid {grid}: only cells have one; leave it out for {kind}")
    for name in names:
        if name not in atlas.layers:
            raise unknown("layer", name, atlas.layers)
    if kind == "units":
        return [Questions(kind, n, None, np.eye(_shape(job, n)[-1], dtype="f")) for n in names]
    return [Questions(kind, n, None, _groups(job, n, grouped, count)) for n in names]


def seen(
    job: Run, questions: Sequence[Questions], source: ImageSource, pool: str
) -> list[Features]:
    """Return what images answer to questions, each layer's in one pass over them.

    Cells are asked for by the cosine, since they stand for what an activation looks like; units,
    groups and directions by the activation itself.

    Args:
        job: of the run.
        questions: of one kind.
        source: the images.
        pool: "max" or "mean" over an image.
    """
    parts: dict[int, Features] = {}
    for layer, cosine in dict.fromkeys((q.layer, q.level is not None) for q in questions):
        own = [
            i for i, q in enumerate(questions) if (q.layer, q.level is not None) == (layer, cosine)
        ]
        along = np.concatenate([questions[i].direction for i in own])
        network, name = job.network(layer)
        with bar(f"images through {layer}", "images") as report:
            images = _images(job, source, report)
            found = trees.pooled(network.model, name, along, images, pool=pool, cosine=cosine)
        ends = np.cumsum([len(questions[i].direction) for i in own])
        starts = np.concatenate([[0], ends[:-1]])
        for i, start, end in zip(own, starts, ends, strict=True):
            part = slice(start, end)
            parts[i] = Features(found.value[:, part], found.position[:, part], found.logits)
    return [parts[i] for i in range(len(questions))]


def drawn(
    job: Run, questions: Questions, found: Features, source: ImageSource, used: Sequence[int]
) -> dict[int, Feature]:
    """Return how questions are shown: each by its icon and by the patches that have most of it.

    Args:
        job: of the run.
        questions: what is asked.
        found: what the images answered.
        source: these images.
        used: the numbers of the questions.
    """
    if questions.level is not None:
        return {i: _cell(job, questions, questions.level, i) for i in used}
    if not used:
        return {}
    network, name = job.network(questions.layer)
    # A unit is drawn by its own number, so that it looks the same in every tree.
    numbers = list(used) if questions.kind == "units" else None
    with bar("icons", "icons") as report:
        how = {"numbers": numbers, "size": ICON, "progress": report}
        directions = questions.direction[list(used)]
        pictures = icons(network.model, name, directions, jax.random.key(0), **how)
    patches = _patches(job, questions.layer, found, source, used)
    one = questions.kind.removesuffix("s")
    return {
        i: Feature(f"{one} {i} of {questions.layer}", pictures[k], patches[k], False)
        for k, i in enumerate(used)
    }


def _of_cells(atlas: Any, names: Sequence[str], grid: int | None) -> list[Questions]:
    found = [(name, g) for name in names for g in atlas.grids(name) if grid in (None, g)]
    if not found:
        there = sorted({g for name in names for g in atlas.grids(name)})
        raise UserError(f"no grid {grid}; there are {', '.join(map(str, there))}")
    levels = [atlas.level(*one) for one in found]
    return [
        Questions("cells", *one, level.direction, level)
        for one, level in zip(found, levels, strict=True)
    ]


def _cell(job: Run, questions: Questions, level: Level, cell: int) -> Feature:
    grid = questions.grid
    assert grid is not None  # cells have one
    try:
        examples = open_examples(job.folder, questions.layer, grid)
        there = [k for k, image in enumerate(examples.image[cell]) if image >= 0]
        patches = [examples.patch[cell][k] for k in there]
    except UserError:  # a run without examples
        patches = []
    text = f"cell {level.x[cell]}, {level.y[cell]} of {questions.layer}"
    return Feature(text, level.icon[cell], patches)


def _groups(
    job: Run, layer: str, source: ImageSource, count: int
) -> Float[np.ndarray, "groups channels"]:
    """Return the directions of the groups that a layer's activations are parted into."""
    network, name = job.network(layer)
    model = as_planes(network.model)
    look = jax.jit(lambda x: capture(model, x.astype("float32") / 255, [name])[name])
    values = [np.asarray(look(batch)) for batch in _images(job, source)]
    rows = np.concatenate([value.reshape(-1, value.shape[-1]) for value in values])
    parted = groups(rows[None, :, None], count, jax.random.key(0))
    return parted.direction[np.linalg.norm(parted.direction, axis=1) > 0]


def _shape(job: Run, layer: str) -> tuple[int, ...]:
    network, name = job.network(layer)
    side = job.config.crop[0]
    return layers(as_planes(network.model), (side, side, job.channels))[name]


def _images(job: Run, source: ImageSource, report: Progress = silent) -> Iterator[np.ndarray]:
    done = 0
    for batch in job.batches(source):
        yield batch.images
        done += len(batch.images)
        report(done, len(source))


def _patches(
    job: Run, layer: str, found: Features, source: ImageSource, used: Sequence[int]
) -> list[list[UInt8[np.ndarray, "s s c"]]]:
    """Cut out of the images that have most of each question what the strongest position sees."""
    rows = np.argsort(-found.value[:, list(used)], axis=0, kind="stable")[:PATCHES].T
    position = found.position[rows, np.array(used)[:, None]]
    needed = np.unique(rows)
    network, name = job.network(layer)
    shape, side = _shape(job, layer), job.config.crop[0]
    is_placed = len(shape) == 3 and placed(shape[:2])
    field = field_within(network.model, name, shape[0] if is_placed else 1, side, job.channels)
    largest = LARGEST if is_placed else 1.0  # what has no places is about the whole image
    window = windows(position.reshape(-1, 2), field, side, largest=largest)
    wanted: Mapping[str, Wanted] = {
        layer: Wanted(np.searchsorted(needed, rows), window.reshape(*rows.shape, 3))
    }
    images = job.batches(Subset(source, tuple(needed.tolist())))
    return [list(one) for one in cut_all(wanted, images, channels=job.channels)[layer]]
