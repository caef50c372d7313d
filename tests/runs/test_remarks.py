"""What a run says of what it made: icons that are no numbers are named and counted."""

import numpy as np

from atlasjax.atlas.level import Level
from atlasjax.runs.pipeline import of_icons


def level(*cosine: float) -> Level:
    none = np.zeros(len(cosine))
    icon = np.zeros((len(cosine), 4, 4, 3), np.uint8)
    return Level(none, none, none, none, np.array(cosine, np.float32), none, icon)


def test_icons_that_are_no_numbers_are_counted():
    levels = {("mixed4c", 4): level(0.5, np.nan, np.inf), ("mixed4c", 8): level(0.5)}
    assert of_icons(levels) == (
        "layer mixed4c, 4 x 4: 2 of 3 icons became NaN or infinite while they were drawn, and say "
        "nothing",
    )
