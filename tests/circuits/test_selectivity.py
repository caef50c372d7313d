"""Selectivity against curves whose measures are known in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.circuits.selectivity import angular, chromatic, joint
from atlasjax.errors import UserError

ANGLES = np.arange(0, 360, 1.0)


def von_mises(centre, sharpness: float) -> np.ndarray:
    return np.exp(sharpness * (np.cos(np.radians(ANGLES[:, None] - np.atleast_1d(centre))) - 1))


@given(centre=st.integers(0, 359), sharpness=st.sampled_from([0.5, 2.0, 8.0]))
def test_a_bump_is_found_where_it_is_as_wide_as_it_is(centre: int, sharpness: float):
    found = angular(ANGLES, von_mises(centre, sharpness))
    assert found.preferred[0] == centre
    assert abs((found.mean[0] - centre + 180) % 360 - 180) < 1e-6
    np.testing.assert_allclose(found.opposite[0], np.exp(-2 * sharpness), rtol=1e-3)
    bottom = 1 + np.log(0.5) / sharpness  # cosine where the bump is half as high
    width = 2 * np.degrees(np.arccos(bottom)) if bottom > -1 else 360
    np.testing.assert_allclose(found.width[0], width, atol=0.05)  # lines between degrees


def test_strength_is_that_of_circular_statistics():
    """Of a rectified cosine it is pi / 4; of a raised one 1 / 2; of one angle 1; of none 0."""
    cosine = np.cos(np.radians(ANGLES))
    one = (ANGLES == 30).astype(float)
    every = np.stack([cosine, 1 + cosine, one, np.ones(360), -np.ones(360)], 1)
    found = angular(ANGLES, every)
    np.testing.assert_allclose(found.strength, [np.pi / 4, 0.5, 1, 0, 0], atol=1e-4)
    assert found.peak.tolist() == [1, 2, 1, 1, -1]


def test_orientations_are_measured_on_half_a_circle():
    angles = np.arange(0, 180, 5.0)
    bump = np.cos(np.radians(angles - 175))[:, None] ** 8  # nearest to 175, which 0 is next to
    found = angular(angles, bump, 180)
    assert found.preferred[0] == 175
    assert abs(found.mean[0] - 175) < 1e-6
    assert found.opposite[0] < 1e-6


def test_two_opposite_bumps_have_no_direction():
    """Two bumps of equal height cancel in the mean, and each is the other's opposite."""
    found = angular(ANGLES, von_mises(40, 6) + von_mises(220, 6))
    assert found.strength[0] < 1e-6
    np.testing.assert_allclose(found.opposite, 1, rtol=1e-6)


def test_angles_must_be_even():
    with pytest.raises(UserError, match="3 angles: must lie evenly over 360 degrees"):
        angular(np.array([0.0, 10.0, 200.0]), np.ones((3, 1)))


def test_colours_and_grey():
    hue = np.arange(0, 360, 30.0)
    red = np.maximum(np.cos(np.radians(hue)), 0)
    answer = np.stack([red, np.zeros(12), np.ones(12)], 1)
    found = chromatic(hue, answer, np.array([0.0, 2.0, 3.0]))
    assert found.preferred[0] == 0
    assert found.grey.tolist() == [-1.0, 1.0, 0.5]
    assert found.strength[0] > 0.7 > 0.01 > found.strength[2]


def test_a_family_that_tiles_the_circle_covers_it_evenly():
    even = joint(ANGLES, von_mises(np.arange(0, 360, 36), 6), list(range(10)))
    assert (even.angle == np.arange(0, 360, 36)).all()
    assert even.gap == 36
    # Halfway between two peaks each is at exp(6 (cos 18 deg - 1)).
    np.testing.assert_allclose(even.evenness, np.exp(6 * (np.cos(np.radians(18)) - 1)), rtol=1e-6)
    gapped = joint(ANGLES, von_mises(np.arange(0, 360, 36), 6), [0, 1, 2, 3, 4])
    assert gapped.gap == 216
    assert gapped.evenness < 0.01
    with pytest.raises(UserError, match="a family without units"):
        joint(ANGLES, von_mises(0, 1), [])
