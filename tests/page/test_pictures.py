import subprocess
import sys

import numpy as np
import pytest

from atlasjax.data.channels import as_rgb
from atlasjax.page.pictures import cell_size, picture, sheets, strips


def test_picture_has_every_icon_at_its_column_and_row(made, colour, places):
    drawn = picture(made(), 4)
    assert drawn.shape == (32, 32, 4)
    for i, (x, y) in enumerate(places):
        cell = drawn[y * 8 : y * 8 + 8, x * 8 : x * 8 + 8]
        assert (cell[..., :3] == colour(i)).all()
        assert (cell[..., 3] == 255).all()
    assert (drawn[..., 3] > 0).sum() == len(places) * 64


def test_icons_keep_their_own_orientation(made):
    level = made(((0, 0),))
    icon = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
    assert (picture(level._replace(icon=icon), 2)[:8, :8, :3] == icon[0]).all()


def test_picture_is_scaled_down_smoothly_to_the_largest_side(made):
    checkered = np.indices((1, 8, 8, 3)).sum(0).astype(np.uint8) % 2 * 200
    level = made(((1, 2),))._replace(icon=checkered)
    drawn = picture(level, 4, largest=18)
    assert drawn.shape == (16, 16, 4)
    inside = drawn[8:12, 4:8]
    assert (inside[..., 3] == 255).all()
    assert (np.abs(inside[..., :3].astype(int) - 100) < 40).all()
    assert cell_size(level, 4) == 8
    assert cell_size(level, 9000) == 1


def test_memory_of_a_fine_grid_is_that_of_its_picture():
    # In a process of its own: the largest memory of a process never goes down again.
    program = """
import resource, numpy as np
from atlasjax.page.export import picture
from atlasjax.atlas.level import Level
n = 160 * 160
at = np.arange(n)
icon = np.broadcast_to(np.full((1, 96, 96, 3), 9, np.uint8), (n, 96, 96, 3))
level = Level(at % 160, at // 160, at, np.ones((n, 1)), np.ones(n), np.ones((n, 1)), icon)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
drawn = picture(level, 160)
assert drawn.shape == (8160, 8160, 4)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / drawn.nbytes)
"""
    if sys.platform != "linux":
        pytest.skip("ru_maxrss is in KiB on Linux only")
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert float(found.stdout) < 1.2


@pytest.mark.parametrize("size", [8, 64, 100])
def test_sheets_put_together_are_the_picture(size, made):
    rng = np.random.default_rng(size)
    grid = 40
    x, y = np.divmod(rng.choice(grid * grid, 60, replace=False), grid)
    level = made(list(zip(x, y, strict=True)), size=size)
    side = 1024 // size
    whole = np.zeros((2 * grid * size + 1024,) * 2 + (4,), np.uint8)
    found = list(sheets(level, size))
    assert all(sheet.image[..., 3].any() for sheet in found)  # none is empty
    assert len({(sheet.column, sheet.row) for sheet in found}) == len(found)
    for column, row, image in found:
        assert image.shape == (side * size, side * size, 4)
        left, top = column * side * size, row * side * size
        whole[top : top + side * size, left : left + side * size] = image
    np.testing.assert_array_equal(whole[: grid * size, : grid * size], picture(level, grid))


def test_strips_keep_every_patch_in_order():
    patches = np.arange(7 * 3, dtype=np.uint8).reshape(7, 3, 1, 1, 1)
    patches = np.broadcast_to(patches, (7, 3, 300, 200, 3))
    found = list(strips(patches))
    assert [sheet.shape for sheet in found] == [(900, 1000, 3), (600, 1000, 3)]
    read = [
        sheet[row, column, 0]
        for sheet in found
        for row in range(0, len(sheet), 300)
        for column in range(0, 1000, 200)
    ]
    assert read[:21] == list(range(21))
    assert read[21:] == [0] * 4


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_icons_and_patches_of_other_channels_are_shown_in_colours_that_eyes_can_see(
    made, channels: int
):
    rng = np.random.default_rng(0)
    level = made()
    icon = rng.integers(0, 256, (5, 8, 8, channels), dtype=np.uint8)
    seen = level._replace(icon=as_rgb(icon))
    np.testing.assert_array_equal(picture(level._replace(icon=icon), 4), picture(seen, 4))
    small, expected = (list(sheets(it, 4)) for it in (level._replace(icon=icon), seen))
    np.testing.assert_array_equal(small[0].image, expected[0].image)
    patches = rng.integers(0, 256, (3, 2, 16, 16, channels), dtype=np.uint8)
    for strip, other in zip(strips(patches), strips(as_rgb(patches)), strict=True):
        np.testing.assert_array_equal(strip, other)
