"""Tree: how a network decides between two classes, as a small tree over what it sees."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax import trees
from atlasjax.classes import resolve
from atlasjax.data import ImageSource, UnreadableImage
from atlasjax.data.subset import Subset
from atlasjax.errors import UserError
from atlasjax.page.tree import TreePage, write
from atlasjax.storage import artifacts
from atlasjax.trees import Features, Tree
from atlasjax.vis.files import plain
from atlasjax.workflows.open import open_atlas
from atlasjax.workflows.questions import GROUPED, Questions, asked, called, drawn, seen
from atlasjax.workflows.reopen import images_of, reopen
from atlasjax.workflows.unit_site.images import as_classes

FEWEST = 20  # images of both classes, half of which the tree is grown from


class Explained(NamedTuple):
    """A tree and where its page is.

    Attributes:
        page: the file to open.
        layer: of what it asks about.
        grid: of the cells that it asks about; None for other features.
        contents: all of the page.
        tried: the fidelity at each layer, or layer and grid.
    """

    page: Path
    layer: str
    grid: int | None
    contents: TreePage
    tried: dict[str, float]

    @property
    def name(self) -> str:
        """What it asks about, as in `tried`."""
        return called(self.layer, self.grid)


class _Fitted(NamedTuple):
    tree: Tree
    fidelity: float
    path_length: float


def tree(
    run: str | os.PathLike,
    one: str,
    other: str,
    *,
    features: str | Float[np.ndarray, "n channels"] = "cells",
    layer: str | None = None,
    grid: int | None = None,
    groups: int = 12,
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
    cell is like it (the cosine). Or else how strong a layer's units are, or the groups of an NMF,
    or any directions. It is grown from half of the images; its fidelity is that on the other half.

    Args:
        run: the folder of a finished run.
        one: a class, by name, number or WordNet id.
        other: another.
        features: what the tree asks about: "cells" of the atlas, "groups" or "units" of a layer; or
            directions of a layer, one a row.
        layer: of the features; by default the one whose tree is nearest to the network.
        grid: of the cells; likewise.
        groups: how many, that the activations of the first images are parted into.
        images: of these two classes, as for `run`; by default those of the run.
        max_leaves: of the tree.
        pool: "max" or "mean" over an image.
        out: the folder; `trees` in the run's folder by default.
        weights: where the weights file is now.
        model: the network, if the run does not tell.
        seed: of which images the tree is grown from.
        command: how it was asked for, for the record.

    Raises:
        UserError: no such run, class, features, layer or grid; too few images; one class only.

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
    job = again.run
    source = images_of(job, "give images=", images)
    numbers, labels = _of_classes(source, again.classes, chosen)
    own = Subset(source, numbered(numbers))
    order = np.random.default_rng(seed).permutation(len(numbers))
    half, rest = np.split(order, [len(order) // 2])
    # Groups are of images that the tree is grown from, so that the others stay new to it.
    grouped = Subset(own, numbered(half[:GROUPED]))
    tried = asked(features, atlas, job, layer, grid, grouped, groups)
    found = seen(job, tried, own, pool)
    fitted = [_fitted(one, chosen, half, rest, max_leaves, seed) for one in found]
    best = max(range(len(tried)), key=lambda i: (fitted[i].fidelity, -fitted[i].tree.leaves))
    made, answers = fitted[best], found[best].answers(chosen)
    used = sorted({int(f) for f in made.tree.feature if f >= 0})
    record = {
        "model": atlas.record.get("experiment", {}).get("model"),
        "images": len(numbers),
        "seed": seed,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }
    names = {c: again.classes[c].short for c in sorted(chosen)}
    contents = TreePage(
        made.tree,
        names,
        drawn(job, tried[best], found[best], own, used),
        made.fidelity,
        made.path_length,
        float((answers == labels).mean()),
        record,
        (_said(tried, fitted, best),),
    )
    folder = Path(out) if out is not None else Path(run) / "trees" / plain("-".join(names.values()))
    page = write(artifacts.make_run_folder(folder), contents)
    shares = {q.name: one.fidelity for q, one in zip(tried, fitted, strict=True)}
    return Explained(page, tried[best].layer, tried[best].grid, contents, shares)


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


def _fitted(
    seen: Features,
    chosen: Sequence[int],
    half: Int[np.ndarray, " n"],
    rest: Int[np.ndarray, " m"],
    max_leaves: int,
    seed: int,
) -> _Fitted:
    """Grow a tree from half of the images, and measure it on the others."""
    answers = seen.answers(chosen)
    # So few leaves need no pruning, which would take away a quarter of the images.
    grown = trees.fit(
        seen.value[half], answers[half], max_leaves=max_leaves, prune=False, seed=seed
    )
    x = seen.value[rest]
    return _Fitted(
        grown, trees.fidelity(grown, x, answers[rest]), trees.average_path_length(grown, x)
    )


def _said(tried: Sequence[Questions], fitted: Sequence[_Fitted], best: int) -> str:
    shares = zip(tried, fitted, strict=True)
    others = ", ".join(f"{q.name}: {one.fidelity:.1%}" for q, one in shares)
    it = tried[best]
    grid = "" if it.grid is None else f", grid {it.grid}"
    by = "layer and grid" if it.grid is not None else "layer"
    return f"Of the {it.kind} of {it.layer}{grid}. Fidelity by {by}: {others}."
