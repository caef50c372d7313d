"""Starting from given parameters, composing from fields, enlarging."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.param import fourier, laplacian, perturb, pixels, start_from, with_alpha
from atlasjax.optvis.param.core import steps, upsample


def keys_kernel(x: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -1/2, from his equation 15."""
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def cubic(n: int, size: int) -> np.ndarray:
    """The matrix from n pixels to `size`, both over the same length, weights adding up to 1."""
    centres = (np.arange(size) + 0.5) * n / size - 0.5
    weights = keys_kernel(centres[:, None] - np.arange(n))
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize(
    ("small", "large"), [((3, 4), (9, 12)), ((1, 2), (4, 7)), ((5, 5), (5, 6))]
)
def test_enlarging_is_cubic(small: tuple[int, int], large: tuple[int, int]):
    values = np.random.default_rng(0).normal(size=(*small, 2))
    by_hand = np.einsum("ai,bj,ijc->abc", *map(cubic, small, large), values)
    np.testing.assert_allclose(
        upsample(jnp.asarray(values, jnp.float32), large), by_hand, atol=1e-5
    )


def test_what_is_enlarged_cannot_be_larger():
    with pytest.raises(UserError, match=r"image size 3: .* \(2, 4\)"):
        upsample(jnp.zeros((2, 4, 1)), 3)


def test_a_start_is_what_was_given_whatever_the_key():
    param = laplacian(6, levels=2)
    params = param.init(jax.random.key(0))
    start = start_from(param, params).init(jax.random.key(1))
    for given, leaf in zip(params, start, strict=True):
        np.testing.assert_array_equal(leaf, given)
    assert start_from(param, params).image is param.image


def test_noise_has_its_deviation_and_is_another_for_every_key_and_leaf():
    params = (jnp.ones((60, 60)), jnp.ones((60, 60)))
    a, b = (np.asarray(leaf) - 1 for leaf in perturb(jax.random.key(0), params, 0.5))
    # Five standard errors, sd / sqrt(2 n).
    assert abs(a.std() / 0.5 - 1) < 5 / np.sqrt(2 * a.size)
    assert (a != b).all()
    other = np.asarray(perturb(jax.random.key(1), params, 0.5)[0]) - 1
    assert (a != other).all()


def test_every_unit_can_have_a_start_of_its_own():
    params = jnp.arange(3.0)[:, None] * jnp.ones((3, 2))
    keys = jax.random.split(jax.random.key(0), 3)
    moved = jax.vmap(lambda k, p: perturb(k, p, 0.001))(keys, params)
    np.testing.assert_allclose(moved, params, atol=0.01)


def test_parameters_of_another_shape_are_refused():
    with pytest.raises(UserError, match="must be"):
        start_from(fourier(8), fourier(9).init(jax.random.key(0)))
    with pytest.raises(UserError, match="noise -1"):
        start_from(pixels(2), jnp.zeros((2, 2, 3)), noise=-1)


def test_an_image_made_in_one_step_has_no_field():
    with pytest.raises(UserError, match="no field"):
        steps(with_alpha(pixels(2)))
