"""Tree: how a network decides between two classes, as a small tree over an atlas's cells."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from atlasjax import trees
from atlasjax.atlas.level import Level
from atlasjax.classes import resolve
from atlasjax.data import ImageSource, UnreadableImage
from atlasjax.data.subset import Subset
from atlasjax.errors import UserError
from atlasjax.page.tree import Feature, TreePage, write
from atlasjax.runs.examples import open_examples
from atlasjax.runs.job import Run
from atlasjax.storage import artifacts
from atlasjax.trees import Features, Tree
from atlasjax.vis.files import plain
from atlasjax.workflows.open import open_atlas
from atlasjax.workflows.reopen import images_of, reopen
from atlasjax.workflows.unit_site.images import as_classes

FEWEST = 20  # images of both classes, half of which the tree is grown from


class Explained(NamedTuple):
    """A tree and where its page is.

    Attributes:
        page: the file to open.
        layer: of the cells that it asks about.
        grid: of these cells.
        contents: all of the page.
        tried: the fidelity at each layer and grid.
    """

    page: Path
    layer: str
    grid: int
    contents: TreePage
    tried: dict[tuple[str, int], float]


class _Fitted(NamedTuple):
    tree: Tree
    fidelity: float
    path_length: float


def tree(
    run: str | os.PathLike,
    one: str,
    other: str,
    *,
    layer: str | None = None,
    grid: int | None = None,
    images: Any = None,
    max_leaves: int = 5,
    pool: str = "max",
    out: str | os.PathLike | None = None,
    weights: str | os.PathLike | None = None,
    model: Any = None,
    seed: int = 0,
    command: str | None = None,
) -> Explained:
    """Return the small tree that decides between two classes as a network does, as a page.

    What it asks about are an atlas's cells: how much the activation of an image that is most like a
    cell is like it (the cosine). It is grown from half of the images; its fidelity is that on the
    other half.

    Args:
        run: the folder of a finished run.
        one: a class, by name, number or WordNet id.
        other: another.
        layer: of the cells; by default the one whose tree is nearest to the network.
        grid: of the cells; likewise.
        images: of these two classes, as for `run`; by default those of the run.
        max_leaves: of the tree.
        pool: "max" or "mean" over an image.
        out: the folder; `trees` in the run's folder by default.
        weights: where the weights file is now.
        model: the network, if the run does not tell.
        seed: of which images the tree is grown from.
        command: how it was asked for, for the record.

    Raises:
        UserError: no such run, class, layer or grid; too few images; one class only.

    >>> tree("runs/none/at/all", "wok", "frying pan")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    atlas, again = open_atlas(run), reopen(run, weights, model=model)
    chosen = [resolve(name, again.classes) for name in (one, other)]
    if chosen[0] == chosen[1]:
        raise UserError(
            f"{one!r} and {other!r} are the same class, {again.classes[chosen[0]].name}"
        )
    levels = _levels(atlas, layer, grid)
    job = again.run
    source = images_of(job, "give images=", images)
    numbers, labels = _of_classes(source, again.classes, chosen)
    found: dict[tuple[str, int], _Fitted] = {}
    kept: dict[tuple[str, int], tuple[Level, Features]] = {}
    for name in levels:
        level = atlas.level(*name)
        seen = _seen(job, name[0], level, Subset(source, numbered(numbers)), pool)
        found[name], kept[name] = _fitted(seen, chosen, max_leaves, seed), (level, seen)
    best = max(found, key=lambda name: (found[name].fidelity, -found[name].tree.leaves))
    level, seen = kept[best]
    answers = seen.answers(chosen)
    accuracy = float((answers == labels).mean())
    used = sorted({int(f) for f in found[best].tree.feature if f >= 0})
    record = {
        "model": atlas.record.get("experiment", {}).get("model"),
        "images": len(numbers),
        "seed": seed,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }
    names = {c: again.classes[c].short for c in sorted(chosen)}
    contents = TreePage(
        found[best].tree,
        names,
        {f: _feature(atlas.folder, best, level, f) for f in used},
        found[best].fidelity,
        found[best].path_length,
        accuracy,
        record,
        (_said(found, best),),
    )
    folder = Path(out) if out is not None else Path(run) / "trees" / plain("-".join(names.values()))
    page = write(artifacts.make_run_folder(folder), contents)
    return Explained(page, *best, contents, {name: f.fidelity for name, f in found.items()})


def _levels(atlas: Any, layer: str | None, grid: int | None) -> list[tuple[str, int]]:
    """Return the layers and grids that are tried."""
    names = [layer] if layer is not None else list(atlas.layers)
    found = [(name, g) for name in names for g in atlas.grids(name) if grid in (None, g)]
    if not found:
        there = sorted({g for name in names for g in atlas.grids(name)})
        raise UserError(f"no grid {grid}; there are {', '.join(map(str, there))}")
    return found


def _of_classes(
    source: ImageSource, classes: Sequence[Any], chosen: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return which images are of the two classes, and of which."""
    known = as_classes(source.classes, classes)
    if known is None:
        raise UserError(
            "the images have no class of the network's: give images= of the two classes"
        )
    which: list[tuple[int, int]] = []
    for i in range(len(source)):
        try:
            label = source[i].label
        except UnreadableImage:
            continue
        if label >= 0 and known[label] in chosen:
            which.append((i, int(known[label])))
    if len(which) < FEWEST:
        raise UserError(
            f"{len(which)} images of these two classes: give at least {FEWEST}, images="
        )
    numbers, labels = np.array(which).T
    return numbers, labels


def numbered(numbers: np.ndarray) -> tuple[int, ...]:
    """Return numbers of images as Python's."""
    return tuple(int(n) for n in numbers)


def _seen(job: Run, layer: str, level: Level, source: ImageSource, pool: str) -> Features:
    network, own = job.network(layer)

    def images() -> Iterator[np.ndarray]:
        for batch in job.batches(source):
            yield batch.images

    return trees.pooled(network.model, own, level.direction, images(), pool=pool, cosine=True)


def _fitted(seen: Features, chosen: Sequence[int], max_leaves: int, seed: int) -> _Fitted:
    """Grow a tree from half of the images, and measure it on the others."""
    answers = seen.answers(chosen)
    order = np.random.default_rng(seed).permutation(len(answers))
    half, rest = np.split(order, [len(order) // 2])
    # So few leaves need no pruning, which would take away a quarter of the images.
    grown = trees.fit(
        seen.value[half], answers[half], max_leaves=max_leaves, prune=False, seed=seed
    )
    x = seen.value[rest]
    return _Fitted(
        grown, trees.fidelity(grown, x, answers[rest]), trees.average_path_length(grown, x)
    )


def _feature(folder: Path, name: tuple[str, int], level: Level, cell: int) -> Feature:
    try:
        examples = open_examples(folder, *name)
        there = [k for k, image in enumerate(examples.image[cell]) if image >= 0]
        patches = [examples.patch[cell][k] for k in there]
    except UserError:  # a run without examples
        patches = []
    text = f"cell {level.x[cell]}, {level.y[cell]} of {name[0]}"
    return Feature(text, level.icon[cell], patches)


def _said(found: dict[tuple[str, int], _Fitted], best: tuple[str, int]) -> str:
    others = ", ".join(f"{la} {g}: {f.fidelity:.1%}" for (la, g), f in found.items())
    return f"Of the cells of {best[0]}, grid {best[1]}. Fidelity by layer and grid: {others}."
