"""Channels: other numbers of them than Pillow knows, held against Pillow where it does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from atlasjax.data.channels import as_rgb, resized, to_channels
from atlasjax.errors import UserError


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_a_channel_is_resized_as_if_it_were_alone(h: int, w: int, height: int, width: int):
    image = noise(h, w, 3)
    method = Image.Resampling.LANCZOS
    expected = np.asarray(Image.fromarray(image).resize((width, height), method))
    for order in ([0], [0, 1], [0, 1, 2], [2, 1, 0, 1], [0, 1, 2, 2, 1, 0]):
        # Transparency, for which Pillow takes a second or fourth channel, would weigh the others.
        got = resized(image[..., order], height, width, method)
        np.testing.assert_array_equal(got, expected[..., order])


def test_grey_is_that_of_pillow_and_colour_the_same_thrice():
    image = noise(7, 9, 3)
    grey = to_channels(image, 1)
    np.testing.assert_array_equal(grey[..., 0], np.asarray(Image.fromarray(image).convert("L")))
    weights = np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[..., 0] - image @ weights).max() <= 0.5 + 0.01  # sums of 16 bits
    np.testing.assert_array_equal(to_channels(grey, 3), np.concatenate([grey] * 3, -1))
    np.testing.assert_array_equal(to_channels(image[:, ::2], 1), grey[:, ::2])


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_what_fits_is_left_as_it_is(channels: int):
    image = noise(2, 2, channels)
    assert to_channels(image, channels) is image


@pytest.mark.parametrize(("there", "wanted"), [(4, 3), (3, 4), (1, 2), (2, 1), (5, 1), (1, 5)])
def test_other_channels_are_refused(there: int, wanted: int):
    message = f"^images of {there} channels; the network takes {wanted}$"
    with pytest.raises(UserError, match=message):
        to_channels(noise(4, 4, there), wanted)


def test_false_colours():
    image = noise(5, 4, 3)
    assert as_rgb(image) is image
    np.testing.assert_array_equal(as_rgb(image[..., :1]), image[..., [0, 0, 0]])
    two = as_rgb(image[..., :2])
    np.testing.assert_array_equal(two[..., :2], image[..., :2])
    assert (np.abs(two[..., 2] - image[..., :2].mean(-1)) <= 0.5).all()


@given(st.integers(4, 20), st.integers(0, 9))
def test_many_channels_make_three_groups_in_their_order(channels: int, seed: int):
    images = noise(2, 3, channels, seed=seed)
    shown = as_rgb(images)
    assert shown.shape == (2, 3, 3)
    rest = channels
    sizes = []
    for groups in (3, 2, 1):
        sizes.append(-(-rest // groups))
        rest -= sizes[-1]
    assert max(sizes) - min(sizes) <= 1
    ends = np.cumsum([0, *sizes])
    for i in range(3):
        mean = images[..., ends[i] : ends[i + 1]].sum(-1) / sizes[i]
        assert (np.abs(shown[..., i] - mean) <= 0.5 + 1e-9).all()


def test_any_axes_before_the_channels():
    images = noise(2, 4, 3, 3, 5)
    np.testing.assert_array_equal(as_rgb(images)[1, 2], as_rgb(images[1, 2]))
