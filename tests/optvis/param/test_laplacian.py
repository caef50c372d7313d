"""Pyramid: the sum of its levels, each enlarged."""

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.param import laplacian
from atlasjax.optvis.param.core import steps, upsample


def test_the_field_is_the_sum_of_the_levels(fill):
    param = laplacian((7, 10), levels=4)
    params = fill(param)
    assert [level.shape for level in params] == [(7, 10, 3), (4, 5, 3), (2, 3, 3), (1, 2, 3)]
    total = sum(np.asarray(upsample(level, (7, 10)), np.float64) for level in params)
    np.testing.assert_allclose(steps(param).field(params), total, atol=1e-5)  # float32


def test_a_coarse_step_moves_many_pixels_nearby(fill):
    param = laplacian(16, levels=4)
    params = [jnp.zeros_like(level) for level in fill(param)]
    params[2] = params[2].at[1, 1, 0].set(1.0)  # each stands for 4 x 4 pixels
    changed = np.asarray(steps(param).field(tuple(params)))[..., 0]
    assert changed[6, 6] > 0.7
    assert (changed[14:, 14:] == 0).all()
    assert np.abs(changed.sum() - 16) < 0.5


@pytest.mark.parametrize("levels", [0, 5])
def test_levels_out_of_range_are_refused(levels: int):
    with pytest.raises(UserError, match=f"{levels} levels of 8 x 9 px: must be from 1 to 4"):
        laplacian((8, 9), levels=levels)
