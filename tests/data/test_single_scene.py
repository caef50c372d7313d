"""One scene by its name."""

import numpy as np
import pytest

from atlasjax.data.scenes import CLASSES, draw_scene
from atlasjax.data.scenes.single import from_name
from atlasjax.errors import UserError


def test_it_is_the_scene_of_that_kind_number_and_seed():
    found = from_name("scenes:wok/22@7")
    expected = draw_scene("wok", 7, 22)
    assert np.array_equal(found.image, expected.image)
    assert found.label == CLASSES.index("wok")
    control = from_name("scenes:noodles-removed/3")
    assert np.array_equal(control.image, draw_scene("wok", 1, 3, "noodles-removed").image)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scenes:wonk", "no kind of scene 'wonk'; did you mean wok"),
        ("scenes:wok/", "a scene is named"),
        ("scenes:wok/x", "a scene is named"),
        ("scenes:wok/1@", "a scene is named"),
        ("scenes:", "no kind of scene ''"),
    ],
)
def test_other_names_are_refused(name: str, said: str):
    with pytest.raises(UserError, match=said):
        from_name(name)
