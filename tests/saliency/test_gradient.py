"""Gradients against closed forms and against differences."""

import jax
import numpy as np
import pytest
from toy_saliency import CUBIC, LINEAR, cubic, images

from atlasjax.saliency import gradient, gradient_times_input
from atlasjax.targets import class_logit, difference, evaluate, scalar


def slope(x: np.ndarray, index: int) -> np.ndarray:
    return LINEAR[..., index] + 3 * CUBIC[..., index] * x**2


@pytest.mark.parametrize("signed", [False, True])
def test_the_gradient_is_that_of_the_closed_form(signed: bool):
    x = images()
    each = slope(np.asarray(x), 1)
    expected = each.sum(-1) if signed else np.abs(each).max(-1)
    found = gradient(cubic, x, class_logit(1), signed=signed)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_each_image_has_its_own_target():
    x = np.asarray(images())
    found = gradient(cubic, images(), difference([0, 1], [2, 2]), signed=True)
    for i, first in enumerate((0, 1)):
        expected = (slope(x[i], first) - slope(x[i], 2)).sum(-1)
        np.testing.assert_allclose(found[i], expected, rtol=1e-5, atol=1e-5)


def test_times_the_input_it_is_the_change_to_first_order():
    x = np.asarray(images())
    found = gradient_times_input(cubic, images(), class_logit(2))
    np.testing.assert_allclose(found, (x * slope(x, 2)).sum(-1), rtol=1e-5, atol=1e-5)


def test_it_agrees_with_differences_on_any_number():
    target = scalar(lambda output, _: jax.nn.logsumexp(output, axis=1))
    x, step = images(1), 1e-2
    found = gradient(cubic, x, target, signed=True)
    for row, column in ((0, 0), (2, 5), (4, 3)):
        shift = np.zeros(x.shape, np.float32)
        shift[0, row, column] = step
        up, down = (evaluate(target, cubic, x + sign * shift) for sign in (1, -1))
        # A central difference of float32 logits of size 10 is good to about 1e-6 / step.
        np.testing.assert_allclose(found[0, row, column], (up - down)[0] / (2 * step), atol=2e-3)
