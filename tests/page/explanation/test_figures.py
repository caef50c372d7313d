"""Figures: which there are, that both formats are pictures, and that odd names do no harm."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from explanations import explanation
from PIL import Image

from atlasjax.page.explanation.drawing import heat, spotlight, stretched
from atlasjax.page.explanation.figures import short_targets, write_figures


@pytest.fixture(scope="module")
def odd():
    """An explanation whose names a plotting library may stumble over."""
    made = explanation(size=24, targets=2, methods=2, icon=12, shown=3)
    names = ("$x_{", "\u732b <b>\n\x00", *made.class_names[2:])
    picture = replace(made.pictures[0], name="$\udcff&.png")
    return replace(
        made,
        pictures=(picture,),
        targets=names[:2],
        target_classes=(0, 1),
        class_names=names,
        short_names=names,
    )


@pytest.fixture(scope="module")
def folder(odd, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures") / "0-odd"
    return folder, write_figures(folder, odd, odd.pictures[0])


def test_every_figure_is_there_in_both_formats(folder):
    folder, drawn = folder
    assert [one["title"] for one in drawn] == [
        "Groups of mixed4a",
        "Grid of mixed4a",
        "Groups of mixed4d",
        "Grid of mixed4d",
        "Lines between layers",
        "All methods",
        "Gradient",
        "Gradient \u00d7 input",
    ]
    for one in drawn:
        png, svg = (folder.parents[0] / file.removeprefix("figures/") for file in one["files"])
        with Image.open(png) as picture:
            assert picture.format == "PNG"
            assert picture.width > 200
        assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    assert len(list(folder.iterdir())) == 2 * len(drawn)


def test_names_are_said_as_they_are_where_a_figure_can(folder):
    texts = [
        element.text
        for element in ElementTree.parse(folder[0] / "flow.svg").iter()
        if element.tag.endswith("text")
    ]
    assert "$x_{" in texts  # no formula
    assert "\u732b <b> \ufffd" in texts


def test_targets_are_called_by_short_names_and_units_by_their_own(odd):
    assert short_targets(odd) == ["$x_{", "\u732b <b> \ufffd"]
    units = explanation(classes=0, targets=2)
    assert short_targets(units) == ["mixed4d:379", "mixed4d:380"]


def test_heat_has_the_sign_and_the_place_of_the_map():
    image = np.full((40, 60, 3), 120, np.uint8)
    values = np.zeros((4, 6))
    values[0, 0], values[3, 5] = 2, -2
    made = heat(image, values).astype(int)
    assert made[2, 2, 2] > made[2, 2, 0] + 50  # blue for
    assert made[37, 57, 0] > made[37, 57, 2] + 50  # orange against
    assert np.ptp(made[2, 57]) == np.ptp(made[37, 2]) == 0  # grey where there is nothing


def test_a_spotlight_keeps_what_is_lit_and_darkens_the_rest():
    image = np.full((20, 20, 1), 200, np.uint8)
    values = np.zeros((2, 2))
    values[1, 0] = 7
    made = spotlight(image, values)
    assert made.shape == (20, 20, 3)
    assert made[18, 1].tolist() == [200, 200, 200]
    assert made[1, 18].max() < 70


def test_a_map_of_nothing_but_nan_is_empty():
    values = np.full((3, 3), np.nan)
    assert not stretched(values, 6, 6).any()
    image = np.zeros((6, 6, 3), np.uint8)
    assert (heat(image, values) == 140).all()
