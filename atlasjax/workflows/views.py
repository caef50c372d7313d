"""Views: more maps of a finished run, of one class or of two compared.

Each is an atlas of its own in a folder of the run, made of the activations and attributions that
the run left. The images are not looked at again.

    RUN/classes/wok/index.html
    RUN/comparisons/wok--frying-pan/index.html
"""

import dataclasses
import functools
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from atlasjax import progress
from atlasjax.atlas import select
from atlasjax.atlas.comparison import comparison, edges
from atlasjax.atlas.grid import fitting
from atlasjax.atlas.layout import layout
from atlasjax.atlas.methods import source_of
from atlasjax.classes import resolve, short_name, short_names
from atlasjax.errors import UserError, unknown
from atlasjax.page.export import export
from atlasjax.page.related import HOMES, related_maps, relink
from atlasjax.runs import pipeline
from atlasjax.runs.check import check
from atlasjax.runs.class_part import Part, part_of
from atlasjax.runs.experiment import as_json
from atlasjax.runs.job import Journal, Run
from atlasjax.runs.open import Atlas
from atlasjax.runs.record import quality
from atlasjax.runs.stages.layout import Laid, Layout
from atlasjax.storage import artifacts, lock, mending, sums
from atlasjax.workflows.open import open_atlas
from atlasjax.workflows.reopen import Reopened, images_of, reopen
from atlasjax.workflows.unit_site.images import as_classes

# What of a run's record is of the run alone.
PARENTS = ("finished", "seconds", "peak_memory_bytes", "levels", "activations", "report")

WAIT = 10.0  # seconds: for others who link their maps, which is quick


class Options(NamedTuple):
    """What the maps of a class and of two have in common.

    Attributes:
        layers: some of the run's layers; all of them by default.
        grids: cells in each direction, one map for each; by default the finest one whose cells
            hold nine tenths of the activations.
        top: how many activations to take that speak most for a class, at most; see
            `atlas.select.of_class`.
        evidence: and how much of all that speaks for it they are to hold.
        more_than: a cell is drawn when it holds more activations than this; fewer than a whole
            run's, since a class has few.
        own_images: take all activations of images that are labelled as the classes, and none of
            others, whatever they speak for. What the network goes by between the two is to be
            looked for there: elsewhere a difference of two logits is large for reasons of its own.
        out: folder of the result; one in the run folder by default.
        command: how it was asked for, for the record.
    """

    layers: Sequence[str] | None = None
    grids: Sequence[int] | None = None
    top: int = select.TOP
    evidence: float = select.EVIDENCE
    more_than: int = 2
    own_images: bool = False
    out: str | os.PathLike | None = None
    command: str | None = None


def class_atlas(
    folder: str | os.PathLike,
    which: str | int,
    *,
    weights: str | os.PathLike | None = None,
    model: Any = None,
    **options: Any,
) -> Atlas:
    """Make the atlas of one class: of the activations that speak for it, laid out anew.

    It can be stopped and called again, as a run can.

    Args:
        folder: a finished run's.
        which: the class, by its WordNet id, its index or any part of its name that no other has.
        weights: where the network's weights file is now, if not where it was.
        model: the network, as for `run`, if the record does not find it.
        options: see `Options`.

    Returns:
        The class's atlas; its page is `index.html` in its folder.

    Raises:
        UserError: no finished run; no such class or layer, or no classes at all; too few
            activations.

    Source: Carter et al. 2019, "Focusing on a single classification".

    >>> class_atlas("runs/none/at/all", "wok")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    _need_classes(folder, "atlas of a class")
    opened, chosen = reopen(folder, weights, model=model), Options(**options)
    return _make(opened, (resolve(str(which), opened.classes),), chosen)


def compare(
    folder: str | os.PathLike,
    left: str | int,
    right: str | int,
    *,
    weights: str | os.PathLike | None = None,
    model: Any = None,
    **options: Any,
) -> Atlas:
    """Make the comparison of two classes: what tells them apart, from left to right.

    Args:
        folder: a finished run's.
        left: the class on the left; see `class_atlas`.
        right: the class on the right.
        weights: where the network's weights file is now, if not where it was.
        model: the network, as for `run`, if the record does not find it.
        options: see `Options`.

    Returns:
        The comparison, an atlas whose page is `index.html` in its folder. `record["edges"]` holds
        for each layer what its left and right edge stand for, in logits.

    Raises:
        UserError: no finished run; no such class or layer, one class twice, or no classes at all;
            too few activations.

    Source: Carter et al. 2019, "Further isolating classes"; see `atlas.comparison`.

    >>> compare("runs/none/at/all", "wok", "frying pan")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    _need_classes(folder, "comparison of classes")
    opened, chosen = reopen(folder, weights, model=model), Options(**options)
    classes = tuple(resolve(str(which), opened.classes) for which in (left, right))
    if classes[0] == classes[1]:
        raise UserError(f"{left!r} and {right!r} are one class; compare two")
    return _make(opened, classes, chosen)


def _need_classes(folder: str | os.PathLike, wanted: str) -> None:
    """Refuse a run without classes before its network is loaded."""
    if not open_atlas(folder).class_names:
        raise UserError(
            f"the network of {os.fspath(folder)!r} has no classes (it gives no logits), "
            f"so there is no {wanted}"
        )


def _make(opened: Reopened, classes: tuple[int, ...], options: Options) -> Atlas:
    parent, names = opened.run, [_slug(opened, index) for index in classes]
    kind = "class" if len(classes) == 1 else "comparison"
    place = Path(options.out) if options.out else parent.folder / HOMES[kind] / "--".join(names)
    with lock.alone(parent.folder, WAIT):  # nobody is making it anew meanwhile
        run = _child(parent, place, options)
    with lock.alone(run.folder):
        return _made_in(opened, run, classes, options)


def _made_in(opened: Reopened, run: Run, classes: tuple[int, ...], options: Options) -> Atlas:
    parent, kind = opened.run, "class" if len(classes) == 1 else "comparison"
    mending.sweep(run.folder)
    shorts = short_names(opened.classes)
    title = " or ".join(shorts[i] for i in classes)
    # Before the record of an earlier atlas there is overwritten: it refuses what is out of range.
    bounds = {"top": options.top, "evidence": options.evidence}
    labels = _labels(opened, classes) if options.own_images else None
    parts = {
        name: part_of(parent, name, classes, **bounds, labels=labels)
        for name in _layers(run, options)
    }
    record: dict[str, Any] = {k: v for k, v in opened.record.items() if k not in PARENTS} | {
        "name": f"{parent.config.name}: {title}",
        "experiment": as_json(dataclasses.replace(run.config, out=None)),
        "kind": kind,
        "classes": list(classes),
        "top": options.top,
        "evidence": options.evidence,
        "own_images": options.own_images,
        "run": os.path.relpath(parent.folder, run.folder),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    record |= {"command": options.command} if options.command else {}
    sums.forget(run.folder, ["run.json"])
    artifacts.write_json(run.folder / "run.json", record)
    maps = {name: _map(run, name, part, classes, options) for name, part in parts.items()}
    levels = {}
    for own, laid, cells in maps.values():
        levels |= pipeline.draw(own, laid, cells)
    sampled = {name: len(part.which) for name, part in parts.items()}
    record["experiment"]["grids"] = sorted({grid for _, grid in levels})
    record |= {
        "seconds": {stage: round(seconds, 1) for stage, seconds in run.journal.seconds.items()},
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "activations": sampled,
        "levels": quality(pipeline.Finished(levels, sampled, ())),
    }
    if kind == "comparison":
        record["edges"] = {n: edges(part.effect(), *classes) for n, part in parts.items()}
    artifacts.write_json(run.folder / "run.json", record)
    inside = run.folder.resolve().is_relative_to(parent.folder)
    whole = f"{record['run']}/index.html".replace(os.sep, "/")
    export(
        run.folder,
        levels,
        record,
        [known.name for known in opened.classes],
        [known.wnid for known in opened.classes],
        kind=kind,
        classes=classes,
        related=[(f"All of {parent.config.name}", whole)] if inside else [],
    )
    with lock.alone(parent.folder, WAIT):  # so that of two at once neither forgets the other
        relink(parent.folder, related_maps(parent.folder))
    return open_atlas(run.folder)


def _labels(opened: Reopened, classes: Sequence[int]) -> list[int]:
    """Return the labels that the images of some classes have, in the images' own numbering."""
    names = images_of(opened.run, "own_images needs to know the classes of its images").classes
    known = as_classes(names, opened.classes)
    meant = [] if known is None else known.tolist()
    for index in classes:
        if index not in meant:
            name = short_names(opened.classes)[index]
            raise UserError(
                f"own_images: none of the images is labelled as {name!r}; "
                + (f"their classes are {', '.join(names)}" if names else "they have none")
            )
    return [label for label, index in enumerate(meant) if index in classes]


def _child(parent: Run, place: Path, options: Options) -> Run:
    """Return a run that draws as its parent does, but some layers and in a folder of its own."""
    config = parent.config
    changes: dict[str, Any] = {
        "grids": tuple(options.grids or config.grids),
        "more_than": options.more_than,
    }
    if options.layers is not None:
        for name in options.layers:
            if name not in parent.names:
                raise unknown("layer", name, parent.names)
        own = {parent.network(name)[1] for name in options.layers}
        changes["layers"] = tuple(name for name in config.layers if name in own)
    config = dataclasses.replace(config, align=False, **changes)
    check(config)
    folder = artifacts.make_run_folder(place)
    return dataclasses.replace(parent, config=config, folder=folder, journal=Journal())


def _layers(run: Run, options: Options) -> tuple[str, ...]:
    return run.names if options.layers is None else tuple(dict.fromkeys(options.layers))


def _map(
    run: Run, name: str, part: Part, classes: tuple[int, ...], options: Options
) -> tuple[Run, pipeline.Map, pipeline.Cut]:
    """Lay out what was selected of a layer, and cut it."""
    settings, values = run.config.layout_settings(name), functools.cache(part.values)
    method = settings.pop("method")
    digest = artifacts.fingerprint(
        stage="view", part=part.digest, method=source_of(method), **settings
    )
    if len(part.which) < 3:
        raise UserError(
            f"{name}: {len(part.which)} activations speak for the class; take more images or more "
            "samples per image, or another layer"
        )

    def lay() -> Layout:
        title = f"layout {name}"
        with run.timed(title), progress.spinner(f"{title}: {len(part.which):,} activations"):
            if len(classes) == 1:
                return Layout(layout(values(), method=method, note=run.log, **settings))
            return Layout(comparison(values(), part.effect(), *classes, **settings))

    xy = artifacts.cached(run.layer(name) / "layout.npz", Layout, digest, lay).xy
    config = run.config
    if options.grids is None:
        found = fitting(xy, more_than=config.more_than)
        config = dataclasses.replace(config, grids=(found,))
    own = dataclasses.replace(run, config=config)
    made_from = {"attribution": part.digest, "whitening": part.digest}
    laid = pipeline.Map(name, Laid(xy, digest), part.effect, part.whitening, made_from)
    return own, laid, pipeline.cut(own, laid, values)


def _slug(opened: Reopened, index: int) -> str:
    """Return a class's name as a folder's; with its number where several are called so.

    The same for classes whose names have nothing in them that a folder's may have.
    """
    shorts = [_folder(short_name(known)) for known in opened.classes]
    own = shorts[index]
    return own if own and shorts.count(own) == 1 else f"{own}-{index}".strip("-")


def _folder(name: str) -> str:
    """Return a name as it can be a folder's.

    >>> _folder("frying pan, frypan"), _folder("Band Aid")
    ('frying-pan-frypan', 'band-aid')
    """
    return re.sub(r"[^\w]+", "-", name.casefold()).strip("-")
