"""Units: a site with a page for every unit of some layers, of any network.

`atlasjax units` calls this and nothing else. What is computed of each layer stands in `unit_site`,
and is kept in the site's folder as soon as it is done: a call that was stopped goes on, and later
calls add layers and units.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from atlasjax.classes import short_names
from atlasjax.page.units.contents import UnitSite
from atlasjax.runs.record import versions
from atlasjax.storage import artifacts, lock
from atlasjax.vis.files import plain
from atlasjax.workflows.networks import as_recorded, open_network, shapes
from atlasjax.workflows.networks import find as find_network
from atlasjax.workflows.unit_site import asked as asking
from atlasjax.workflows.unit_site.between import between
from atlasjax.workflows.unit_site.cells import opened_run
from atlasjax.workflows.unit_site.images import opened_images
from atlasjax.workflows.unit_site.job import Job
from atlasjax.workflows.unit_site.seen import Said, seen
from atlasjax.workflows.unit_site.settings import UnitSettings, check
from atlasjax.workflows.unit_site.shown import shown
from atlasjax.workflows.unit_site.work import FOLDER, Work


class Units(NamedTuple):
    """A site of units and where its page is.

    Attributes:
        page: the file to open.
        site: all of it, as arrays.
    """

    page: Path
    site: UnitSite


def units(
    model: Any,
    layers: Sequence[str] | None = None,
    images: Any = None,
    *,
    units: Any = None,
    weights: str | os.PathLike | None = None,
    class_names: Any = None,
    run: str | os.PathLike | None = None,
    names: str | os.PathLike | None = None,
    max_images: int | None = None,
    beyond: bool = False,
    settings: UnitSettings | None = None,
    out: str | os.PathLike | None = None,
    seed: int = 0,
    command: str | None = None,
    write: Callable[[Path, UnitSite], Path] | None = None,
) -> Units:
    """Make a site with a page for every unit of some layers.

    Each unit has pictures of what it looks for and what it is against, four that differ, patches of
    images, the histogram of its values, its tuning to stimuli, the strongest weights into it and
    out of it with what they come to, its branch, its mean for each class, and where an atlas has
    it. What is there already, made from the same things, is not made again.

    Args:
        model: the network, as for `run`.
        layers: names of layers with positions, whose units all are shown, but where `units` names
            some. Between those that follow one another weights are shown.
        images: what `run` takes for images; without any, there are no examples.
        units: some units of layers, such as ["mixed3b:379,385"], or {"mixed3b": [379, 385]}.
        weights: file of the network's weights.
        class_names: one for each logit, or a file with one on each line.
        run: the folder of an atlas of the same network, to show where in it each unit is.
        names: a JSON file of names and families, which a person edits.
        max_images: take only so many images, evenly spaced over all.
        beyond: whether the layer before the first and the one after the last are shown with their
            weights, though not their units.
        settings: how much is shown, see `unit_site.settings.UnitSettings`.
        out: the folder; units/MODEL by default. Units that it has from earlier calls stay.
        seed: of everything that is drawn at random.
        command: how it was asked for, for the record.
        write: writes the page, of the folder and the site; `page.units.write.write` by default.

    Returns:
        The page, and everything on it as arrays.

    Raises:
        UserError: no such network, layer, unit, images, run or file of names; or a folder that is a
            site of another network, or that another process is using.

    >>> units("googlenett", ["mixed3b"])
    Traceback (most recent call last):
    atlasjax.errors.UserError: no model 'googlenett'; did you mean googlenet...
    """
    settings = settings or UnitSettings()
    check(settings)
    found = find_network(model)
    known = shapes(found)
    asked = asking.read(layers, units, known)
    given = _named(names)
    opened = open_network(found, weights, seed, class_names)
    atlas = None if run is None else opened_run(run, opened.network.weights.partition(":")[2])
    looked = None if images is None else opened_images(images, opened, max_images)
    folder = Path(out) if out is not None else Path("units") / plain(opened.found.entry.name)
    folder = artifacts.make_run_folder(folder)
    work = Work(folder / FOLDER, opened.network.weights, seed)
    with lock.alone(folder):
        asked = asking.joined(work.folder, work.network, asked)
        asking.keep(work.folder, work.network, asked)
        job = Job(work, opened, known, settings, looked, atlas, folder, [], {}, {})
        site = given(_site(job, asked, beyond))
        record = _record(job, site, images, command)
        site = site._replace(record=record, notes=tuple(job.notes))
        return Units(_writer(write)(folder, site), site)


def _site(job: Job, asked: asking.Units, beyond: bool) -> UnitSite:
    """Compute everything, what is soon done first."""
    order = [name for name in job.shapes if name in asked]
    chosen = {name: _all(job, name, asked[name]) for name in order}
    with job.timed("examples"):
        said = _said(job, order)
    found = between(job, chosen, beyond)
    made = [shown(job, name, some, said.get(name), found) for name, some in chosen.items()]
    classes = job.opened.classes
    names, short = tuple(known.name for known in classes), tuple(short_names(classes))
    return UnitSite(tuple(made), names, short, {})


def _all(job: Job, layer: str, some: Sequence[int] | None) -> list[int]:
    return list(range(job.shapes[layer][-1]) if some is None else some)


def _said(job: Job, layers: Sequence[str]) -> Mapping[str, Said]:
    if job.images is None:
        job.note("No images were given: there are no examples, and nothing is ablated.")
        return {}
    classes = bool(job.opened.classes)
    if not classes:
        job.note("The network has no classes: nothing is said of where a unit matters to them.")
    return seen(job.work, job.model, layers, job.images, job.settings, classes)


def _named(names: str | os.PathLike | None) -> Callable[[UnitSite], UnitSite]:
    """Return what puts a person's names on a site; a file that is none is refused at once."""
    if names is None:
        return lambda site: site
    from atlasjax.page.units.names import named, read_names

    given = read_names(Path(names))
    return lambda site: named(site, given)


def _writer(write: Callable[[Path, UnitSite], Path] | None) -> Callable[[Path, UnitSite], Path]:
    if write is not None:
        return write
    from atlasjax.page.units import write as page

    return page.write


def _record(job: Job, site: UnitSite, images: Any, command: str | None) -> dict[str, Any]:
    opened, given = job.opened, job.images
    spec = os.fspath(images) if isinstance(images, str | os.PathLike) else None
    return {
        "model": opened.found.reference or opened.found.entry.name,
        **as_recorded(opened),
        "images": 0 if given is None else len(given.source),
        "images_from": spec,
        "layers": {layer.name: len(layer.number) for layer in site.layers},
        "seed": job.work.seed,
        "settings": asdict(job.settings),
        "contribution": "gradients" if job.settings.gradients else "weights times use",
        "versions": versions(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": dict(job.seconds),
        "processor_seconds": dict(job.processor),
        "command": command,
    }
