"""Penalties on images: against their formulas in double precision, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.objectives import (
    Seen,
    alpha_mean,
    blur,
    boundary_complexity,
    evaluate,
    l1,
    l2,
    total_variation,
)

IMAGES = np.random.default_rng(0).uniform(size=(3, 2, 6, 7, 3)).astype(np.float32)
WIDE = IMAGES.astype(np.float64)


def blurred(x: np.ndarray) -> np.ndarray:
    """Blur [..., h, w, c] pixel by pixel."""
    out = np.zeros_like(x)
    height, width = x.shape[-3:-1]
    for dy, wy in ((-1, 0.25), (0, 0.5), (1, 0.25)):
        for dx, wx in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            rows = np.clip(np.arange(height) + dy, 0, height - 1)
            columns = np.clip(np.arange(width) + dx, 0, width - 1)
            out += wy * wx * x[..., rows, :, :][..., columns, :]
    return out


def test_distances_from_a_grey(scores):
    for constant, value in ((0.5, 0.5), (0, 0), (np.array([0.1, 0.5, 0.9]), [0.1, 0.5, 0.9])):
        grey = np.reshape(value, (-1, 1, 1, 1, 1))
        expected = np.abs(WIDE - grey).mean((2, 3, 4))
        np.testing.assert_allclose(scores(l1(constant), {}, IMAGES), expected, rtol=1e-5)
        expected = np.square(WIDE - grey).mean((2, 3, 4))
        np.testing.assert_allclose(scores(l2(constant), {}, IMAGES), expected, rtol=1e-5)
    np.testing.assert_array_equal(scores(l1(), {}, IMAGES), scores(l1(0.5), {}, IMAGES))
    np.testing.assert_array_equal(scores(l2(), {}, IMAGES), scores(l2(0.5), {}, IMAGES))


def test_the_total_variation(scores):
    down, right = np.abs(np.diff(WIDE, axis=2)), np.abs(np.diff(WIDE, axis=3))
    expected = (down.sum((2, 3, 4)) + right.sum((2, 3, 4))) / (6 * 7 * 3)
    np.testing.assert_allclose(scores(total_variation(), {}, IMAGES), expected, rtol=1e-5)
    one = scores(total_variation(), {}, IMAGES[:, :, :1, :1])
    np.testing.assert_array_equal(one, 0)


def test_the_difference_from_a_blurred_copy(scores):
    expected = np.square(WIDE - blurred(WIDE)).mean((2, 3, 4))
    np.testing.assert_allclose(scores(blur(), {}, IMAGES), expected, rtol=1e-4)
    np.testing.assert_allclose(scores(blur(), {}, np.ones_like(IMAGES)), 0)


def test_a_step_against_the_blur_penalty_blurs():
    image = jnp.asarray(IMAGES[0, :1])
    slope = jax.grad(lambda x: evaluate(blur(), Seen(x, {})).sum())(image)
    np.testing.assert_allclose(image - image.size / 2 * slope, blurred(WIDE[0, :1]), atol=1e-5)


@pytest.mark.parametrize("width", [1, 2, 3, 20])
def test_the_complexity_of_the_boundary(scores, width: int):
    border = np.ones((6, 7), bool)
    if width < 3:  # then there is something inside
        border[width:-width, width:-width] = False
    unrest = np.square(WIDE - blurred(blurred(WIDE))) + 0.3 * np.square(WIDE - 0.2)
    expected = unrest[:, :, border].mean((2, 3))
    objective = boundary_complexity(width, color=0.2, weight=0.3)
    np.testing.assert_allclose(scores(objective, {}, IMAGES), expected, rtol=1e-4)


def test_the_boundary_is_plain_and_grey_by_default(scores):
    inside = np.full((3, 2, 7, 7, 3), 0.5, np.float32)
    inside[:, :, 3, 3] = 1.0  # two blurs do not carry it to the border
    np.testing.assert_allclose(scores(boundary_complexity(1), {}, inside), 0, atol=1e-9)
    unrest = np.square(WIDE - blurred(blurred(WIDE))) + 0.8 * np.square(WIDE - 0.5)
    found = scores(boundary_complexity(), {}, IMAGES)
    np.testing.assert_allclose(found, unrest.mean((2, 3, 4)), rtol=1e-4)


def test_the_mean_of_alpha(scores):
    images = np.concatenate([IMAGES, IMAGES[..., :1]], -1)
    expected = WIDE[..., 0].mean((2, 3))
    np.testing.assert_allclose(scores(alpha_mean(), {}, images), expected, rtol=1e-5)
    with pytest.raises(UserError, match=r"shape \[6, 7, 3\] have no alpha; .* 4 channels"):
        scores(alpha_mean(), {}, IMAGES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: boundary_complexity(0), "width 0: must be at least 1 px"),
        (lambda: boundary_complexity(weight=-1), "weight -1: must be at least 0 and finite"),
        (lambda: boundary_complexity(color=float("nan")), "color: has values that are not finite"),
        (lambda: l1(float("inf")), "constant: has values that are not finite"),
        (lambda: l2(float("nan")), "constant: has values that are not finite"),
    ],
)
def test_arguments_that_cannot_be(make, message: str):
    with pytest.raises(UserError, match=message):
        make()
