"""Every number of an explained image, read by NumPy alone."""

import re

import numpy as np
import pytest
from explanations import explanation

from atlasjax.page.explanation import arrays as module
from atlasjax.page.explanation.arrays import arrays, write_arrays


@pytest.fixture(scope="module")
def made():
    return explanation(classes=6)


@pytest.fixture(scope="module")
def found(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("arrays") / "one.npz"
    write_arrays(path, made, made.pictures[0])
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def test_the_image_and_the_answer(found, made):
    picture = made.pictures[0]
    np.testing.assert_array_equal(found["image"], picture.image)
    np.testing.assert_array_equal(found["output"], picture.output)
    np.testing.assert_array_equal(found["value"], picture.value)
    assert int(found["label"]) == picture.label
    assert tuple(found["targets"]) == made.targets
    assert tuple(found["class_names"]) == made.class_names
    assert tuple(found["target_classes"]) == made.target_classes


def test_layers_and_flows(found, made):
    assert found["layers"].tolist() == ["mixed4a", "mixed4d"]
    for layer in made.pictures[0].layers:
        at = f"layer/{layer.name}"
        for key in ("norm", "grid", "effect", "dictionary", "completeness"):
            np.testing.assert_array_equal(found[f"{at}/{key}"], getattr(layer, key))
        assert float(found[f"{at}/unexplained"]) == layer.unexplained
        for key in ("groups", "channels"):
            held = getattr(layer, key)
            assert tuple(found[f"{at}/{key}/names"]) == held.names
            for part in ("icon", "map", "effect", "classes"):
                np.testing.assert_array_equal(found[f"{at}/{key}/{part}"], getattr(held, part))
    flow = made.pictures[0].flows[0]
    np.testing.assert_array_equal(found["flow/0/groups"], flow.groups)
    np.testing.assert_array_equal(found["flow/0/positions"], flow.positions)


def test_methods_and_their_checks(found, made):
    for method in made.pictures[0].methods:
        at = f"method/{method.name}"
        np.testing.assert_array_equal(found[f"{at}/map"], method.map)
        assert bool(found[f"{at}/signed"]) == method.signed
        for check in ("completeness", "insertion", "deletion", "weights", "labels"):
            expected = [getattr(one, check) for one in method.checks]
            np.testing.assert_array_equal(found[f"{at}/{check}"], expected)


def test_no_key_is_without_a_word(found):
    """Every key is in the table of the module, and every row of the table has a key."""
    table = re.findall(r"^\| ([^|]*) \|", module.__doc__ or "", re.MULTILINE)
    rows = [name for row in table for name in re.findall(r"`([^`]+)`", row)]
    stand = {"LAYER": r"mixed4[ad]", "METHOD": r"\w+", "N": r"\d+", r"\.\.\.": r"\w+"}
    patterns = []
    for row in rows:
        pattern = re.escape(row)
        if row == "method/METHOD/CHECK":
            pattern = r"method/\w+/(completeness|insertion|deletion|weights|labels)"
        for word, meant in stand.items():
            pattern = pattern.replace(word, meant)
        patterns.append(pattern)
    for key in found:
        assert any(re.fullmatch(pattern, key) for pattern in patterns), key
    for pattern in patterns:
        assert any(re.fullmatch(pattern, key) for key in found), pattern


def test_no_classes_and_no_label():
    made = explanation(classes=0, targets=2)
    found = arrays(made, made.pictures[0])
    assert int(found["label"]) == -1
    assert found["class_names"].shape == (0,)
    assert found["class_names"].dtype.kind == "U"  # text, though there is none
    assert found["layer/mixed4a/groups/classes"].shape == (4, 0)
