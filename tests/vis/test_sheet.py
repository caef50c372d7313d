"""The contact sheet: every picture in its place, legible, nothing lost."""

import numpy as np
import pytest
from PIL import Image

from atlasjax import vis
from atlasjax.data.channels import as_rgb
from atlasjax.errors import UserError
from atlasjax.vis.sheet import shown, to_bytes


def gallery(count: int, size: int = 128, columns: int = 0) -> vis.Gallery:
    images = np.random.default_rng(0).uniform(size=(count, size, size, 3)).astype(np.float32)
    captions = tuple(str(i) for i in range(count))
    return vis.Gallery(images, np.arange(count, dtype=np.float32), captions, "x", "t", columns)


def test_pictures_are_rounded_and_cut_off():
    values = np.array([-1.0, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, 2.0])
    page = to_bytes(np.tile(values[:, None, None], (1, 1, 3)))
    assert page[:, 0, 0].tolist() == [0, 0, 1, 254, 255, 255]


def test_every_picture_is_in_its_place():
    made = gallery(5, columns=3)
    page = vis.sheet(made)
    places = []
    for image in map(to_bytes, made.images):
        hits = [
            (y, x)
            for y, x in zip(*np.where((page[:, :, :] == image[0, 0]).all(-1)), strict=True)
            if (page[y : y + 128, x : x + 128] == image).all()
        ]
        assert len(hits) == 1
        places += hits
    rows, columns = zip(*places, strict=True)
    assert rows[0] == rows[1] == rows[2] < rows[3] == rows[4]
    assert columns[0] == columns[3] < columns[1] == columns[4] < columns[2]


def test_captions_and_footer_are_written():
    made = gallery(2)
    plain = vis.sheet(made._replace(captions=("", ""), reached=np.full(2, np.nan, np.float32)))
    full = vis.sheet(made, "googlenet")
    below = slice(16 + 128, 16 + 128 + 26)
    assert (full[below] < 100).any()
    assert not (plain[below] < 100).any()
    assert (full[-40:] < 200).any()


def test_a_long_caption_stays_under_its_picture():
    made = gallery(2)
    long = vis.sheet(made._replace(captions=("a very long caption, " * 9, "1")))
    gap = slice(16 + 128, 16 + 128 + 10)  # between the two
    assert (long[:, gap] == vis.sheet(made)[:, gap]).all()


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 3), (5, 5), (12, 4), (16, 4), (24, 6), (7, 4)]
)
def test_rows_are_full_where_they_can_be(count: int, columns: int):
    page = vis.sheet(gallery(count, 32))
    assert page.shape[1] == 2 * 16 + columns * 138 - 10


def test_small_pictures_are_enlarged():
    assert vis.sheet(gallery(4, 48)).shape == vis.sheet(gallery(4, 144)).shape


@pytest.mark.parametrize(
    ("value", "measure", "text"),
    [
        (float("nan"), "cosine", ""),
        (0.123, "cosine of style", "0.12"),
        (0.004, "probability", "0%"),
        (1234.5, "activation", "1234"),
        (0.01234, "activation", "0.0123"),
    ],
)
def test_numbers_are_short(value: float, measure: str, text: str):
    assert shown(value, measure) == text


@pytest.mark.parametrize(("count", "columns"), [(0, None), (3, 0), (3, -1)])
def test_sheets_that_cannot_be(count: int, columns: int | None):
    with pytest.raises(UserError, match="at least"):
        vis.sheet(gallery(count), columns=columns)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_pictures_of_other_channels_are_shown_in_grey_or_false_colours(tmp_path, channels: int):
    made = gallery(2)
    some = np.random.default_rng(0).uniform(size=(2, 128, 128, channels)).astype(np.float32)
    whole = np.round(some * 255).astype(np.uint8)
    colours = made._replace(images=as_rgb(whole).astype(np.float32) / np.float32(255))
    made = made._replace(images=some)
    np.testing.assert_array_equal(vis.sheet(made), vis.sheet(colours))
    page = vis.save(made, tmp_path / "a.png", {})
    with Image.open(page.parent / "a" / "000-0.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), as_rgb(whole[0]))
