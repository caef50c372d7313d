"""Patches: windows by properties, patches to the pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.data import Batch
from atlasjax.data.patches import Wanted, cut_all, windows
from atlasjax.receptive import ReceptiveField


@given(
    position=st.tuples(st.integers(0, 13), st.integers(0, 13)),
    size=st.integers(1, 400),
    offset=st.integers(-60, 20),
    largest=st.sampled_from([0.25, 0.5, 1.0]),
)
def test_a_window_lies_inside_the_image_and_as_near_to_the_centre_as_it_can(
    position, size, offset, largest
):
    field = ReceptiveField(16.0, float(offset), size)
    top, left, side = windows(np.array([position]), field, 224, largest=largest)[0].tolist()
    assert side == min(size, round(224 * largest))
    for corner, at in ((top, position[0]), (left, position[1])):
        assert 0 <= corner <= 224 - side
        wanted = offset + 16 * at - (side - 1) / 2
        nearest_inside = min(max(wanted, 0), 224 - side)
        assert abs(corner - nearest_inside) <= 0.5


def test_a_window_that_fits_is_the_receptive_field_itself():
    # Position 3 of a layer of stride 4 that sees 5 px around 4 * 3 + 1.
    window = windows(np.array([[3, 4]]), ReceptiveField(4.0, 1.0, 5), 32)
    assert window.tolist() == [[11, 15, 5]]


def test_every_patch_is_cut_from_its_own_image_and_place():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 12, 12, 3), dtype=np.uint8)
    batches = [
        Batch(images[:2], np.array([4, 7]), np.zeros(2, int), ("broken",)),
        Batch(images[2:], np.array([9]), np.zeros(1, int), ()),
    ]
    want = {
        "coarse": Wanted(np.array([[9, 4]]), np.array([[[0, 1, 4], [8, 8, 4]]])),
        "fine": Wanted(
            np.array([[4, -1], [5, 7]]),
            np.array([[[3, 2, 4], [0, 0, 4]], [[0, 0, 4], [2, 6, 4]]]),
        ),
    }
    told = []
    found = cut_all(
        want, batches, 4, total=4, progress=lambda done, total: told.append((done, total))
    )
    assert (found["coarse"][0, 0] == images[2, 0:4, 1:5]).all()
    assert (found["coarse"][0, 1] == images[0, 8:, 8:]).all()
    assert (found["fine"][0, 0] == images[0, 3:7, 2:6]).all()
    assert (found["fine"][1, 1] == images[1, 2:6, 6:10]).all()
    assert not found["fine"][0, 1].any()  # none was asked for
    assert not found["fine"][1, 0].any()  # the image is not there
    assert told == [(0, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("channels", [1, 4])
def test_patches_have_all_channels_of_the_images(channels: int):
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, channels), dtype=np.uint8)
    batch = Batch(images, np.array([3, 4]), np.full(2, -1), ())
    want = {"a": Wanted(np.array([[4, -1]]), np.array([[[2, 1, 4], [0, 0, 4]]]))}
    found = cut_all(want, [batch], 4, channels=channels)["a"]
    assert found.shape == (1, 2, 4, 4, channels)
    np.testing.assert_array_equal(found[0, 0], images[1, 2:6, 1:5])
