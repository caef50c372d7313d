"""A network of coordinates: against NumPy, its scale, its freedom of size."""

import jax
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.color import no_correlation
from atlasjax.optvis.param import cppn
from atlasjax.optvis.param.core import steps

# Root mean squares over the standard normal distribution, by quadrature.
X = np.linspace(-9, 9, 100_001)
DENSITY = np.exp(-(X**2) / 2) / np.exp(-(X**2) / 2).sum()
ATAN, ATAN2, SINE = (
    np.sqrt((f**2 * DENSITY).sum()) for f in (np.arctan(X), np.arctan(X) ** 2, np.sin(X))
)


def by_hand(params, height: int, width: int, activation: str) -> np.ndarray:
    half = np.sqrt(3) / (max(height, width) - 1)
    image = np.empty((height, width, params[-1].bias.shape[0]))
    for row in range(height):
        for column in range(width):
            x, y = half * (2 * column - width + 1), half * (2 * row - height + 1)
            value = np.array([x, y, np.sqrt(x * x + y * y)])
            for index, (weight, bias) in enumerate(params):
                value = value @ np.asarray(weight, np.float64) + np.asarray(bias)
                if index == len(params) - 1:
                    image[row, column] = value
                elif activation == "sin":
                    value = np.sin(value) / SINE
                else:
                    value = np.concatenate([np.arctan(value) / ATAN, np.arctan(value) ** 2 / ATAN2])
    return image


@pytest.mark.parametrize("activation", ["composite", "sin"])
def test_the_field_is_the_networks(activation: str, fill):
    param = cppn((4, 6), width=5, depth=4, activation=activation)
    params = fill(param, sd=0.4)
    # The divisors are given to four digits.
    expected = by_hand(params, 4, 6, activation)
    np.testing.assert_allclose(steps(param).field(params), expected, atol=2e-3)


def test_the_start_has_about_the_deviation_asked_for():
    param = cppn(32, sd=0.1, correlation=no_correlation(1))
    draws = jax.vmap(lambda k: steps(param).field(param.init(k)))
    values = np.asarray(draws(jax.random.split(jax.random.key(0), 64)))
    assert np.sqrt((values**2).mean()) == pytest.approx(0.1, rel=0.4)


def test_the_same_weights_draw_the_same_picture_at_another_size(fill):
    small, large = cppn(9, width=6, depth=3), cppn(17, width=6, depth=3)
    params = fill(small, sd=0.4)
    # The outermost centres coincide, so every second of 17 is one of 9.
    np.testing.assert_allclose(large.image(params)[::2, ::2], small.image(params), atol=1e-5)


def test_an_image_of_one_pixel_is_its_middle(fill):
    one, nine = cppn(1, width=2, depth=2), cppn(9, width=2, depth=2)
    params = fill(nine, sd=0.4)
    np.testing.assert_allclose(one.image(params)[0, 0], nine.image(params)[4, 4], atol=1e-5)


def test_what_is_not_a_network_is_refused():
    with pytest.raises(UserError, match="width 0 and depth 8"):
        cppn(8, width=0)
    with pytest.raises(UserError, match="no activation 'sine'; did you mean sin"):
        cppn(8, activation="sine")
