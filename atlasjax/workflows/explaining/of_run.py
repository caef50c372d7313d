"""Images of a finished run explained: by its own network, on a page in its folder."""

import itertools
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlasjax.errors import UserError
from atlasjax.page import explained
from atlasjax.page.data import of_script
from atlasjax.page.explanation.contents import Explanation
from atlasjax.page.explanation.write import file_stem, write
from atlasjax.runs.open import INDEX, finished_run
from atlasjax.runs.record import FILE
from atlasjax.storage import artifacts, lock
from atlasjax.vis.files import plain
from atlasjax.workflows.explaining.images import Given
from atlasjax.workflows.networks import Opened, find, open_network
from atlasjax.workflows.own_file import is_own_file
from atlasjax.workflows.reopen import Reopened, reopen

WAIT = 600.0  # seconds: for others who write pages into the same run


def is_run(model: Any) -> bool:
    """Tell whether what is named is a run folder, not a network.

    Raises:
        UserError: it can only be a folder, and there is no finished run in it.

    >>> is_run("googlenet"), is_run("my_experiment.py")
    (False, False)
    >>> is_run("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    if not isinstance(model, str | os.PathLike) or is_own_file(model):
        return False
    folder = Path(model)
    if folder.is_dir() and any((folder / name).is_file() for name in (FILE, INDEX)):
        return True
    if ":" not in folder.name and len(folder.parts) > 1:  # no network is called so
        finished_run(folder)
    return False


def opened_of(
    model: Any, weights: str | os.PathLike | None, seed: int, class_names: Any, network: Any
) -> tuple[Opened, Reopened | None]:
    """Open the network that is meant, and the run that it is of, if a run is named.

    Args:
        model: a network, as for `run`, or the folder of a finished run.
        weights: file of the network's weights; of a run's, where it is now.
        seed: of random weights; a run has its own.
        class_names: as for `open_network`; a run has its own.
        network: a run's network, if its record does not find it.

    Raises:
        UserError: no such network or run, or class names or a network beside what has its own.
    """
    if not is_run(model):
        if network is not None:
            raise UserError("network: it is only for a run's folder, whose network it is")
        return open_network(find(model), weights, seed, class_names), None
    if class_names is not None:
        raise UserError(f"class_names: {str(model)!r} is a run, which has its own")
    run = reopen(model, weights, model=network)
    return run.opened, run


def written(
    explanation: Explanation,
    given: Sequence[Given],
    out: str | os.PathLike | None,
    run: Reopened | None,
) -> Path:
    """Write the page of explained images, in the folder of their run where they are of one.

    Args:
        explanation: what is shown.
        given: its images.
        out: the folder that was asked for.
        run: the run that they are of; None where they are of none.

    Returns:
        The page. Where it is inside the run's folder, the run's page links it, and it the run's.

    Raises:
        UserError: a folder that cannot be written to, or in which others write for long.
    """
    place = None if out is None else Path(out)
    if run is None:
        folder = place or Path(explained.HOME) / called(given[0].name)
        return write(artifacts.make_run_folder(folder), explanation)
    home = run.run.folder
    if place is not None and not place.resolve().is_relative_to(home):
        return write(artifacts.make_run_folder(place), explanation)
    with lock.alone(artifacts.make_run_folder(home / explained.HOME), WAIT):
        folder = artifacts.make_run_folder(place or _free(home, given))
        name = str(run.record.get("name") or run.run.config.name)
        back = Path(os.path.relpath(home / "index.html", folder)).as_posix()
        page = write(folder, replace(explanation, run=(name, back)))
        stems = {
            one.number: file_stem(i, one.name)
            for i, one in enumerate(given)
            if one.number is not None
        }
        explained.add(home, page, stems)
    return page


def called(name: str) -> str:
    """Return what the folder of an image is called.

    >>> called("photos/my dog.jpg"), called("wok/22"), called("!.jpg")
    ('my-dog', 'wok-22', 'image')
    """
    return plain(Path(name).stem if Path(name).suffix else name) or "image"


def _free(home: Path, given: Sequence[Given]) -> Path:
    """Return the first folder of the images' name that explains none but these."""
    name, numbers = called(given[0].name), {one.number for one in given}
    names = {one.name for one in given}
    for turn in itertools.count(1):
        folder = home / explained.HOME / (name if turn == 1 else f"{name}-{turn}")
        page = folder / "index.html"
        if not page.is_file():
            return folder
        address = page.relative_to(home).as_posix()
        there = {n for n, (found, _) in explained.table(home).items() if found == address}
        if there <= numbers and _names(folder) <= names:
            return folder
    raise AssertionError  # there is no end of names


def _names(folder: Path) -> set[str | None]:
    """Return the names of the images that a page explains; None among them if that is unknown."""
    try:
        text = (folder / "explanation.js").read_text(encoding="ascii")
        return {str(picture["name"]) for picture in of_script(text)["pictures"]}
    except (OSError, ValueError, LookupError, TypeError):
        return {None}
