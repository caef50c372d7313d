"""Choices: which layers and targets an explanation has where nobody says."""

import numpy as np
import pytest

from atlasjax.adapters.entry import ModelEntry
from atlasjax.classes import ClassName
from atlasjax.errors import UserError
from atlasjax.runs.job import Network
from atlasjax.targets import class_logit, difference
from atlasjax.workflows.explaining.choices import layers_of, targets_of, units_of
from atlasjax.workflows.networks import Found, Opened, shapes

NAMES = ("cat", "dog", "cow", "hen", "pig", "fox")


@pytest.fixture
def opened() -> Opened:
    classes = tuple(ClassName(f"n{i}", name) for i, name in enumerate(NAMES))
    entry = ModelEntry("toy", load=lambda: None)
    model = lambda images, tap: images.mean((1, 2))  # noqa: E731
    return Opened(Network(model, "toy:0"), Found(entry, None), classes, (8, 8, 3))


@pytest.mark.parametrize(
    ("model", "side", "expected"),
    [
        ("inception_v1_scenes", 96, ["mixed3b", "mixed4a", "mixed4e"]),
        ("googlenet", 224, ["mixed3b", "mixed4e", "mixed5b"]),
        # Whose auxiliary heads hang beside it.
        ("inception5h", 224, ["mixed3b", "mixed4e", "mixed5b"]),
    ],
)
def test_layers_are_the_last_of_their_sizes_or_the_first_of_the_coarser(
    model: str, side: int, expected: list[str]
):
    assert layers_of(shapes(model, side), side, None) == expected


def test_submodules_and_branches_are_no_layers_of_their_own():
    found = {f"block.{i}{part}": (6, 6, 8) for i in range(3) for part in ("", ".norm", "/query")}
    assert layers_of(found, 96, None) == ["block.0", "block.1", "block.2"]


def test_named_layers_come_in_the_order_of_the_network():
    known = {"a": (4, 4, 2), "b": (4, 4, 2), "logits": (3,)}
    assert layers_of(known, 32, ["b", "a", "b"]) == ["a", "b"]
    with pytest.raises(UserError, match="no layer 'c'"):
        layers_of(known, 32, ["c"])
    with pytest.raises(UserError, match="'logits' has no positions"):
        layers_of(known, 32, ["logits"])
    with pytest.raises(UserError, match="4 x 4 positions"):
        layers_of({"logits": (3,)}, 32, None)


def test_the_first_question_is_why_this_rather_than_that(opened: Opened):
    outputs = np.array([[0.0, 5.0, 1.0, 4.0, -1.0, -2.0]])
    asked = targets_of(outputs, [2], opened, None)
    # The two that it is taken for, what it is, and the next likely.
    assert [one.name for one in asked] == ["dog rather than hen", "dog", "hen", "cow", "cat"]
    assert [one.class_index for one in asked] == [-1, 1, 3, 2, 0]
    assert np.array_equal(asked[0].target.data.classes, difference(1, 3).data.classes)


def test_classes_may_be_named(opened: Opened):
    outputs = np.zeros((1, 6))
    asked = targets_of(outputs, [None], opened, ["pig", "n0"])
    assert [one.name for one in asked] == ["pig rather than cat", "pig", "cat"]
    (alone,) = targets_of(outputs, [None], opened, ["5"])
    assert alone.name == "fox"
    assert np.array_equal(alone.target.data.classes, class_logit(5).data.classes)
    several = targets_of(outputs, [None], opened, ["cat", "mixed4c:7", (2, 1)])
    assert [one.name for one in several] == ["cat", "mixed4c:7", "cow rather than dog"]
    with pytest.raises(UserError, match="no class 'cart'"):
        targets_of(outputs, [None], opened, ["cart"])
    with pytest.raises(UserError, match="class 9: must be from 0 to 5"):
        targets_of(outputs, [None], opened, [9])


def test_without_classes_the_strongest_units_are_asked_for():
    asked = units_of("a", np.array([1.0, 1.0, 3.0, 0.0]))
    assert [one.name for one in asked] == ["a:2", "a:0", "a:1"]
