"""Reading weights: strongest edges, factors, equivariance, bands, and heat maps."""

from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax import circuits
from atlasjax.errors import UserError

RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(size=(4, 6, 3, 5)).astype(np.float32)


def test_the_strongest_come_first():
    sums, norms = WEIGHTS.sum((2, 3)), np.linalg.norm(WEIGHTS.reshape(4, 6, -1), axis=2)
    found = circuits.strongest_in(WEIGHTS, 2, 3)
    assert found.units.tolist() == np.argsort(-norms[2])[:3].tolist()
    np.testing.assert_allclose(found.norm, norms[2, found.units], rtol=1e-6)
    np.testing.assert_allclose(found.total, sums[2, found.units], rtol=1e-5)
    out = circuits.strongest_out(WEIGHTS, 5, by="inhibition")
    inhibited = [o for o in np.argsort(sums[:, 5]) if sums[o, 5] < 0]
    assert out.units.tolist() == inhibited


def test_equals_are_in_the_order_of_their_numbers():
    found = circuits.strongest_in(np.ones((1, 5, 1, 1)), 0)
    assert found.units.tolist() == [0, 1, 2, 3, 4]
    assert len(circuits.strongest_in(np.zeros((1, 5, 1, 1)), 0).units) == 0


def test_units_and_orders_that_are_not_there_are_told():
    with pytest.raises(UserError, match="unit 4: must be from 0 to 3"):
        circuits.strongest_in(WEIGHTS, 4)
    with pytest.raises(UserError, match="no order 'sum'; there are norm, excitation, inhibition"):
        circuits.strongest_out(WEIGHTS, 0, by="sum")


def test_a_family_is_taken_apart_into_what_it_was_made_of():
    """Two kinds of source units, seen by three target units in ways of both signs."""
    share = np.array([[1, 2, 0, 0, 1], [0, 0, 3, 1, 0]], np.float32)
    kernel = RANDOM.normal(size=(3, 2, 3, 3)).astype(np.float32)
    found = circuits.weight_factors(np.einsum("ni,onhw->oihw", share, kernel), 2)
    assert found.unexplained < 1e-3
    expected = share / np.linalg.norm(share, axis=1, keepdims=True)
    order = np.argsort(found.share[:, 0])[::-1]
    np.testing.assert_allclose(found.share[order], expected, atol=0.02)  # as NMF converges
    assert found.share.min() >= 0
    np.testing.assert_allclose(np.linalg.norm(found.share, axis=1), 1, rtol=1e-5)
    again = circuits.weight_factors(WEIGHTS, 3, jax.random.key(1))
    same = circuits.weight_factors(WEIGHTS, 3, jax.random.key(1))
    np.testing.assert_array_equal(again.share, same.share)
    built = np.einsum("ni,onhw->oihw", again.share, again.kernel)
    rest = np.square(WEIGHTS - built).sum() / np.square(WEIGHTS).sum()
    assert again.unexplained == pytest.approx(rest, rel=1e-3)


def test_what_has_no_factors_is_refused():
    with pytest.raises(UserError, match="0 factors"):
        circuits.weight_factors(WEIGHTS, 0)
    with pytest.raises(UserError, match="all 0"):
        circuits.weight_factors(np.zeros((1, 2, 1, 1)), 1)


def gabor(degrees: float, side: int = 11, wave: float = 6.0) -> np.ndarray:
    """A bar across the middle, turned to the left, drawn and not resampled."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angle = np.deg2rad(degrees)
    across = -x * np.sin(angle) - y * np.cos(angle)
    return np.cos(2 * np.pi * across / wave) * np.exp(-(x**2 + y**2) / (side / 2.5) ** 2)


def test_units_turned_against_one_another_are_found():
    angles = [0, 30, 60, 90]
    family = np.stack([gabor(a) for a in angles])[:, None]
    found = circuits.equivariance(family, partial(circuits.turned, degrees=30))
    assert found.partner[:3].tolist() == [1, 2, 3]
    assert found.strength[:3].min() > 0.97  # bilinear interpolation blurs
    assert found.without[:3].max() < 0.7
    degrees, likeness = circuits.turns(family, range(0, 180, 15))
    assert degrees[0].tolist() == angles
    assert degrees[1, 0] == 150  # 30 degrees back, as a bar has no head
    assert likeness.min() > 0.97


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_quarter_turns_are_exact(degrees: int):
    weights = WEIGHTS[..., :3]
    expected = np.rot90(weights, degrees // 90, (2, 3))
    np.testing.assert_allclose(circuits.turned(weights, degrees), expected, atol=1e-6)


def test_mirrored_and_scaled_units_are_found():
    found = circuits.equivariance(np.stack([gabor(20), gabor(-20)])[:, None], circuits.reflected)
    assert found.partner.tolist() == [1, 0]
    np.testing.assert_allclose(found.strength, 1, atol=1e-6)
    small, large = gabor(0, 11, 4.0), gabor(0, 11, 6.0)
    pair = np.stack([small, large, gabor(45)])[:, None]
    assert circuits.equivariance(pair, partial(circuits.scaled, factor=1.5)).partner[0] == 1
    with pytest.raises(UserError, match="factor 0: must be above 0"):
        circuits.scaled(pair, 0)


def test_units_of_other_hues_are_found():
    shape = gabor(0)
    colours = np.array([[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]])
    family = colours[:, :, None, None] * shape
    found = circuits.equivariance(family, partial(circuits.recoloured, degrees=120))
    assert found.partner.tolist() == [1, 2, 0]
    np.testing.assert_allclose(found.strength, 1, atol=1e-6)
    grey = np.ones((1, 3, 1, 1))
    np.testing.assert_allclose(circuits.recoloured(grey, 77), grey, atol=1e-6)
    with pytest.raises(UserError, match="must be from 3 colours"):
        circuits.recoloured(np.ones((1, 4, 1, 1)), 10)


def test_source_units_are_exchanged_along():
    """Units that look for a bar beside its mirror image: as they are, their inputs must change."""
    kernels = RANDOM.normal(size=(2, 3, 3))
    first = np.stack([kernels[0], kernels[1]])
    second = np.stack([kernels[1][:, ::-1], kernels[0][:, ::-1]])  # inputs 0 and 1 are exchanged
    family = np.stack([first, second])
    inputs = np.array([1, 0])
    found = circuits.equivariance(family, circuits.reflected, inputs)
    assert found.partner.tolist() == [1, 0]
    np.testing.assert_allclose(found.strength, 1, atol=1e-6)
    assert circuits.equivariance(family, circuits.reflected).strength.max() < 0.9
    with pytest.raises(UserError, match="partners of 1 units for weights from 2"):
        circuits.equivariance(family, circuits.reflected, np.array([0]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1), st.sampled_from([90, 180, 270]))
def test_turning_back_is_turning_on(seed: int, degrees: int):
    weights = np.random.default_rng(seed).normal(size=(2, 2, 5, 5))
    there = circuits.turned(weights, degrees)
    np.testing.assert_allclose(circuits.turned(there, 360 - degrees), weights, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0.01, 100))
def test_correlations_do_not_depend_on_the_size_of_weights(seed: int, size: float):
    weights = np.random.default_rng(seed).normal(size=(3, 2, 3, 3))
    one, other = (
        circuits.equivariance(w, circuits.reflected) for w in (weights, size * weights + 0.5)
    )
    np.testing.assert_allclose(one.correlation, other.correlation, atol=1e-9)
    assert np.abs(one.correlation).max() <= 1 + 1e-9


def test_bands_are_told():
    rows = np.broadcast_to(np.arange(5.0)[:, None], (5, 5))
    weights = np.stack([rows, rows.T, rows + rows.T, RANDOM.normal(size=(5, 5))])[:, None]
    found = circuits.banding(weights)
    np.testing.assert_allclose(found.rows[:3], [1, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(found.columns[:3], [0, 1, 0.5], atol=1e-6)
    assert found.rows[3] + found.columns[3] < 1
    noise = circuits.banding(RANDOM.normal(size=(50, 40, 5, 5)))
    assert noise.rows.mean() == pytest.approx(found.chance[0], abs=0.01)
    assert circuits.banding(np.ones((1, 1, 3, 3))).rows.item() == 0


def test_a_heat_map_lies_on_an_icon():
    icon = np.full((30, 30, 3), 128, np.uint8)
    picture = circuits.heat_map(np.array([[2.0, 0.0, -1.0]] * 3), 2.0, icon=icon)
    excited, nothing, inhibited = (picture[15, column].astype(int) for column in (5, 15, 25))
    assert excited[2] > 140 > 100 > excited[0]
    assert nothing.tolist() == [128] * 3
    assert inhibited[0] > 140 > 100 > inhibited[2]
    assert picture.shape == (30, 30, 3)
    assert (circuits.heat_map(np.zeros((2, 2)), size=8) == 250).all()
