"""Which images a comparison is of, where it is to be of those of its classes alone."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from atlasjax.atlas.collect import Activations
from atlasjax.classes import ClassName
from atlasjax.data.scenes import scenes
from atlasjax.errors import UserError
from atlasjax.runs import class_part
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Run
from atlasjax.runs.stages.effects import CellAttributions
from atlasjax.storage import artifacts
from atlasjax.workflows import views
from atlasjax.workflows.reopen import Reopened

CLASSES = (ClassName("n01", "tench"), ClassName("n02", "grey whale"), ClassName("n03", "wok"))


def opened() -> Reopened:
    nothing: Any = None
    return Reopened(nothing, CLASSES, {}, nothing)


def labelled(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let the run's images have classes, in an order of their own."""
    monkeypatch.setattr(views, "images_of", lambda run, instead: SimpleNamespace(classes=names))


def test_labels_are_those_of_the_images_not_of_the_network(monkeypatch: pytest.MonkeyPatch):
    labelled(monkeypatch, "n03", "something else", "grey whale", "wok", "n01")
    assert views._labels(opened(), (2, 1)) == [0, 2, 3]
    assert views._labels(opened(), (0,)) == [4]


def test_a_class_of_which_there_are_no_images(monkeypatch: pytest.MonkeyPatch):
    labelled(monkeypatch, "n03")
    with pytest.raises(UserError, match="labelled as 'grey whale'; their classes are n03"):
        views._labels(opened(), (2, 1))
    labelled(monkeypatch)
    with pytest.raises(UserError, match="labelled as 'wok'; they have none"):
        views._labels(opened(), (2, 1))


def test_a_part_is_of_what_is_labelled_or_of_what_speaks_for_the_classes(tmp_path: Path):
    label = np.array([0, 1, 2, 2, 0])
    found = Activations(
        np.eye(5, 4, dtype=np.float32),
        np.zeros((5, 2), int),
        np.arange(5),
        label,
        np.array([1, 1, 4]),
    )
    config = Experiment("stub", "stub", ("any",))
    run = Run(config, lambda images, tap: images, "none", scenes(1), tmp_path)
    folder = run.layer("any")
    folder.mkdir(parents=True)
    # Everything speaks for the last class alone.
    effect = np.tile(np.array([0, 0, 1], np.float16), (5, 1))
    artifacts.save(folder / "activations.npz", found, "x")
    made_from = artifacts.fingerprint(**class_part.origins.attribution("x"))
    artifacts.save(folder / "attribution.npz", CellAttributions(effect), made_from)
    bounds = {"top": 9, "evidence": 1.0}
    own = class_part.part_of(run, "any", (0, 1), **bounds, labels=[0, 1])
    assert own.which.tolist() == [0, 1, 4]
    np.testing.assert_array_equal(own.values(), found.value[[0, 1, 4]])
    assert class_part.part_of(run, "any", (2,), **bounds).which.tolist() == [0, 1, 2, 3, 4]
    assert own.digest != class_part.part_of(run, "any", (0, 1), **bounds, labels=[0, 1, 2]).digest
