"""Frames: what they share, what is their own, and how both are found by optimizing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.color import no_correlation, to_rgb
from atlasjax.optvis.param import (
    cppn,
    fourier,
    image_shape,
    low_resolution,
    pixels,
    shared,
    with_alpha,
)
from atlasjax.optvis.param.core import steps, upsample

COARSE = low_resolution(pixels((2, 3)), (6, 7))


def test_a_low_resolution_is_enlarged_before_its_colours(fill):
    params = fill(COARSE)
    expected = to_rgb(upsample(params, (6, 7)))
    np.testing.assert_allclose(COARSE.image(params), expected, atol=1e-6)  # float32


def test_frames_are_sums_of_what_is_shared_and_what_is_their_own(fill):
    param = shared(pixels((6, 7)), 3, [COARSE, cppn((6, 7), width=3, depth=2)])
    params = fill(param, sd=0.3)
    assert params.own.shape == (3, 6, 7, 3)
    _, by_cppn = params.common
    field = np.asarray(params.own) + np.asarray(upsample(params.common[0], (6, 7)))
    field = field + np.asarray(steps(cppn((6, 7), width=3, depth=2)).field(by_cppn))
    np.testing.assert_allclose(param.image(params), to_rgb(jnp.asarray(field)), atol=1e-6)


def test_frames_start_apart_and_a_shared_step_moves_all_alike():
    param = shared(pixels((6, 7)), 2, [COARSE])
    params = param.init(jax.random.key(2))
    assert (np.asarray(params.own[0]) != np.asarray(params.own[1])).all()
    moved = params._replace(common=(params.common[0] + 1.0,))
    change = np.asarray(steps(param).field(moved)) - np.asarray(steps(param).field(params))
    np.testing.assert_allclose(change, 1.0, atol=1e-5)  # float32


def test_frames_may_share_nothing(fill):
    param = shared(fourier(6), 2)
    params = fill(param, sd=0.1)
    expected = jax.vmap(fourier(6).image)(params.own)
    np.testing.assert_allclose(param.image(params), expected, atol=1e-6)


def test_alpha_is_the_sigmoid_of_its_own_spectrum(fill):
    param = with_alpha(fourier((6, 7)))
    params = fill(param, sd=0.01)
    image = np.asarray(param.image(params))
    np.testing.assert_allclose(image[..., :3], fourier((6, 7)).image(params.color), atol=1e-6)
    alpha = fourier((6, 7), correlation=no_correlation(1)).image(params.alpha)
    np.testing.assert_allclose(image[..., 3:], alpha, atol=1e-6)
    assert abs(image[..., 3].mean() - 0.5) < 0.1


def test_alpha_may_be_anything_of_one_channel_and_the_same_size():
    grey = cppn((6, 7), width=3, depth=2, correlation=no_correlation(1))
    assert image_shape(with_alpha(fourier((6, 7)), grey)) == (6, 7, 4)
    with pytest.raises(UserError, match=r"alpha channel of shape \(6, 8, 1\)"):
        with_alpha(fourier((6, 7)), pixels((6, 8), correlation=no_correlation(1)))


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(UserError, match="0 frames"):
        shared(pixels(4), 0)
    with pytest.raises(UserError, match=r"shape \(2, 2, 3\): must be \(4, 4, 3\)"):
        shared(pixels(4), 2, [pixels(2)])
    with pytest.raises(UserError, match=r"shape \(2, 4, 4, 3\): must be \(4, 4, 3\)"):
        shared(shared(pixels(4), 2), 2)
    with pytest.raises(UserError, match="no field"):
        low_resolution(with_alpha(pixels(4)), 8)
    with pytest.raises(UserError, match=r"image size 3: must be at least the base's, \(4, 4\)"):
        low_resolution(pixels(4), 3)
