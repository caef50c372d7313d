"""Make: an experiment in, an atlas out, with everything that belongs to a run.

`atlasjax run` calls this and nothing else.
"""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from jax.sharding import Mesh

from atlasjax import data
from atlasjax.adapters.entry import ModelEntry
from atlasjax.atlas.examples import Examples
from atlasjax.atlas.level import Level
from atlasjax.errors import UserError, unknown
from atlasjax.fidelity.report.words import TRUSTED
from atlasjax.fidelity.report.write import report, trusted
from atlasjax.page.export import export
from atlasjax.page.related import related_maps
from atlasjax.parallel import mesh_of
from atlasjax.planes import as_planes
from atlasjax.runs import host as hosts
from atlasjax.runs import pipeline
from atlasjax.runs import record as records
from atlasjax.runs.check import check
from atlasjax.runs.estimate import Estimate
from atlasjax.runs.examples import examples, open_examples
from atlasjax.runs.experiment import Experiment, completed
from atlasjax.runs.fresh import clear
from atlasjax.runs.host import ALONE, Host
from atlasjax.runs.job import Run
from atlasjax.runs.open import Atlas
from atlasjax.runs.stages.activations import check_networks
from atlasjax.storage import artifacts, lock, mending, sums
from atlasjax.taps import layers
from atlasjax.workflows import begin as begins
from atlasjax.workflows import own_file, together
from atlasjax.workflows.networks import Opened, as_recorded, find, fitted, open_network
from atlasjax.workflows.open import open_atlas
from atlasjax.workflows.own_file import OwnFile
from atlasjax.workflows.reopen import other_network


def run(
    experiment: str | os.PathLike | Experiment,
    model: Any = None,
    images: Any = None,
    *,
    weights: str | os.PathLike | None = None,
    class_names: Any = None,
    out: str | os.PathLike | None = None,
    command: str | None = None,
    fresh: bool = False,
    say: Callable[[str], object] | None = None,
    devices: int | None = None,
    process: int = 0,
    processes: int = 1,
    coordinator: str = "",
    **settings: Any,
) -> Atlas:
    """Make an atlas: collect, lay out, cut, draw, and write the page, the examples and the report.

    What is there already, made from the same things, is not made again; so a run that was stopped
    goes on. What is damaged is made again. Progress is shown on a terminal and in a notebook.

    Args:
        experiment: a name that `atlasjax list` lists, a Python file with a CONFIG, or an
            `Experiment`.
        model: the network: a name, a Python file with a MODEL, `package.module:name`, a
            `ModelEntry`, or a network of any kind that `atlasjax.adapt` takes. By default the
            experiment's own.
        images: a folder or any other name that `open_images` takes; an `ImageSource`; an array
            [n, h, w, c] of uint8, or of floats in [0, 1]; or an iterable of such arrays that can be
            gone through again. By default the experiment's own.
        weights: file of the network's weights.
        class_names: one for each logit, or a file with one on each line, in place of the network's.
        out: the run folder; runs/NAME by default.
        command: how it was asked for, for the record.
        fresh: remove at first what an earlier run made in the folder.
        say: called with what will be made again and why, and what room and time it takes, a line
            each, before anything is computed. They are in the run's log as well.
        devices: how many of this process's devices to use; all by default.
        process: the number of this process, where several make the run together, from 0; see
            `docs/hosts.md`.
        processes: how many there are.
        coordinator: what tells the run from another that has the same settings and is given the
            same folder, such as the first process's address; the same in all processes.
        settings: any field of the experiment, in place of its own value.

    Returns:
        The atlas; its page is `index.html` in its folder.

    Raises:
        UserError: no such experiment, network, images, layer or setting, or one that nothing can be
            made with; a run folder that another process is using; too little room on the disk.

    >>> run("quickstart", model="googlenett")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no model 'googlenett'; did you mean googlenet...
    """
    paths = {"weights": weights, "out": out}
    asked = _asked(experiment, model, images, paths, class_names, settings)
    folder, mesh = artifacts.make_run_folder(asked.config.run_dir), mesh_of(devices)
    say = say or (lambda line: None)
    member = together.member_of(asked.config, process, processes, coordinator)
    with begins.with_room(folder), lock.alone(folder, member=member):
        if process:
            names = [known.name for known in asked.opened.classes]
            together.follow(_job(folder, asked, mesh), names, member, say)
            return open_atlas(folder)
        if fresh:
            clear(folder)
        return _made_in(folder, asked, command, say, mesh, together.first(member, say))


def forecast(
    experiment: str | os.PathLike | Experiment,
    model: Any = None,
    images: Any = None,
    *,
    weights: str | os.PathLike | None = None,
    out: str | os.PathLike | None = None,
    **settings: Any,
) -> Estimate:
    """Estimate what a run takes, from what is in its folder already, and make nothing.

    Args:
        experiment: as for `run`, and so is all else.
        model: the network.
        images: the images.
        weights: file of the network's weights.
        out: the run folder.
        settings: any field of the experiment.

    Returns:
        Bytes that are still to be made, and seconds as far as they are known from this folder.

    Raises:
        UserError: as `run`.

    >>> forecast("quickstart", model="googlenett")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no model 'googlenett'; did you mean googlenet...
    """
    asked = _asked(experiment, model, images, {"weights": weights, "out": out}, None, settings)
    job = _job(asked.config.run_dir.absolute(), asked)
    check_networks(job)
    return begins.forecast(job, [known.name for known in asked.opened.classes])


class _Ready(NamedTuple):
    """What a run needs, found and opened."""

    config: Experiment
    opened: Opened
    source: data.ImageSource


def _asked(
    experiment: str | os.PathLike | Experiment,
    model: Any,
    images: Any,
    paths: Mapping[str, str | os.PathLike | None],
    class_names: Any,
    settings: Mapping[str, Any],
) -> _Ready:
    config, file, _ = asked_for(experiment)
    chosen = network_of(config, file, model)
    config = _changed(config, {n: os.fspath(p) for n, p in paths.items() if p is not None})
    config = _changed(config, settings)
    if isinstance(images, str | os.PathLike):
        config, images = replace(config, images=os.fspath(images)), None
    check(config)
    found = find(chosen)
    if images is None and config.images is None:
        raise UserError("no images: give --images FOLDER, or --images tfds:NAME/SPLIT")
    given = config.images if images is None else images
    source = data.open_images(given, config.max_images, config.range)
    config = replace(config, images=config.images if images is None else None)
    alone = found.reference is None and not isinstance(chosen, ModelEntry)
    found = fitted(found, config, source if alone and images is not None else None)
    opened = open_network(found, config.weights, config.seed, class_names)
    config = replace(config, model=found.reference or found.entry.name)
    config = completed(config, found.entry.image_size, found.entry.early_layers, len(source))
    return _Ready(config, opened, source)


def _job(folder: Path, asked: _Ready, mesh: Mesh | None = None, host: Host = ALONE) -> Run:
    config, opened, source = asked
    entry = opened.found.entry
    inputs = {"channels": entry.channels, "other_sizes": entry.other_sizes, "host": host}
    inputs |= {} if mesh is None else {"mesh": mesh}
    other = other_network(config, opened)
    return Run(config, *opened.network, source, folder, other=other, **inputs)


def _made_in(
    folder: Path,
    asked: _Ready,
    command: str | None,
    say: Callable[[str], object],
    mesh: Mesh,
    host: Host,
) -> Atlas:
    config, opened, _ = asked
    job, names = _job(folder, asked, mesh, host), [known.name for known in opened.classes]
    check_networks(job)  # before the record of an earlier run there is overwritten
    begins.begin(job, names, say)
    if host.processes > 1:
        hosts.begin(folder, host.session)
    record = records.begun(job, as_recorded(opened), command)
    earlier = records.earlier_seconds(folder)
    sums.forget(folder, [records.FILE])
    artifacts.write_json(folder / records.FILE, record | {"seconds": earlier})
    finished = pipeline.run(job)
    if command is None:  # which shows them at its end
        for remark in finished.remarks:
            warnings.warn(remark, stacklevel=3)
    patches = {level: open_examples(folder, *level) for level in examples(job)}
    page = report(job, finished.levels, names)
    record |= records.ended(job, finished, earlier) | {"report": page.name}
    artifacts.write_json(folder / records.FILE, record)
    opens = config.opens_on or _opening(job, trusted(folder))
    _export(folder, finished.levels, record, opened, patches, opens)
    if host.processes > 1:
        mending.clear_away(folder)  # what others that were killed left, after the folder was swept
        hosts.begin(folder, host.session, finished=True)
    return open_atlas(folder)


def _opening(job: Run, trust: Mapping[str, float]) -> str:
    """Return the layer that the page opens on: the deepest that has a good map, or else any."""
    side = job.config.crop[0]
    deep = layers(as_planes(job.model), (side, side, job.channels))
    order = [name for name in deep if name in job.config.layers]
    good = [name for name in order if trust.get(name, 0.0) >= TRUSTED]
    return (good or order or [*job.config.layers])[-1]


def _export(
    folder: Path,
    levels: Mapping[tuple[str, int], Level],
    record: Mapping[str, Any],
    opened: Opened,
    patches: Mapping[tuple[str, int], Examples],
    opens: str,
) -> None:
    wnids = [known.wnid for known in opened.classes]
    export(
        folder,
        levels,
        record,
        [known.name for known in opened.classes],
        wnids if any(wnids) else [],
        examples={level: found.patch for level, found in patches.items()},
        example_images={level: found.image for level, found in patches.items()},
        related=related_maps(folder),
        opens=opens,
    )


class Asked(NamedTuple):
    """An experiment that was asked for.

    Attributes:
        config: the experiment.
        file: the user's file that it is in, if it is in one.
        documentation: its file's docstring.
    """

    config: Experiment
    file: OwnFile | None
    documentation: str


def asked_for(experiment: str | os.PathLike | Experiment) -> Asked:
    """Find the experiment that is meant.

    Args:
        experiment: as for `run`.

    Raises:
        UserError: no such experiment, or a file without one.

    >>> asked_for("googlenet").config.model
    'googlenet'
    """
    from atlasjax import experiments

    if isinstance(experiment, Experiment):
        return Asked(experiment, None, "")
    if not own_file.is_own_file(experiment):
        config, documentation = experiments.load(os.fspath(experiment))
        return Asked(config, None, documentation)
    file = own_file.read(os.fspath(experiment))
    if file.config is None:
        raise UserError(f"{file.path}: no CONFIG = Experiment(...) in it")
    return Asked(file.config, file, file.documentation)


def network_of(config: Experiment, file: OwnFile | None, model: Any = None) -> Any:
    """Return what `networks.find` is to find: what was named, the file's MODEL, or the config's.

    Args:
        config: the experiment.
        file: the user's file that it is in, if it is in one.
        model: what the user named besides, if anything.

    Raises:
        UserError: there is none of these.
    """
    if model is not None:
        return model
    own = None if file is None else file.model
    if file is not None and own is not None and config.model in (None, own.name):
        return file
    if config.model is None:
        where = "" if file is None else f"{file.path}: "
        raise UserError(
            f"{where}no network: give MODEL = ModelEntry(...) beside CONFIG, its name as "
            "Experiment(model=...), or model= from Python"
        )
    return config.model


def _changed(config: Experiment, settings: Mapping[str, Any]) -> Experiment:
    known = [field.name for field in fields(Experiment)]
    for name in settings:
        if name not in known:
            raise unknown("setting of an experiment", name, known)
    listed = {n: tuple(v) if isinstance(v, list) else v for n, v in settings.items()}
    return replace(config, **listed)
