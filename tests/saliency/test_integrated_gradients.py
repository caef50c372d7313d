"""Integrated gradients: closed forms, completeness, baselines."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_saliency import CUBIC, LINEAR, cubic, images

from atlasjax.errors import UserError
from atlasjax.saliency import integrated_gradients
from atlasjax.targets import class_logit, evaluate


def expected(x: np.ndarray, start: Any, index: int) -> np.ndarray:
    linear, cube = LINEAR[..., index], CUBIC[..., index]
    return (linear * (x - start) + cube * (x**3 - start**3)).sum(-1)


@pytest.mark.parametrize(("baseline", "start"), [("black", 0.0), ("grey", 0.5)])
def test_of_a_sum_over_pixels_it_is_what_each_adds(baseline: str, start: float):
    # Two points of Gauss-Legendre are exact for cubic functions.
    found = integrated_gradients(cubic, images(), class_logit(1), steps=2, baseline=baseline)
    x = np.asarray(images())
    np.testing.assert_allclose(found.maps, expected(x, np.float32(start), 1), atol=1e-5)
    np.testing.assert_allclose(found.error, 0, atol=1e-4)  # sums of a hundred terms in float32


def test_the_baseline_may_be_any_array():
    start = np.random.default_rng(2).random((6, 6, 3), np.float32)
    found = integrated_gradients(cubic, images(), class_logit(0), baseline=start)
    np.testing.assert_allclose(found.maps, expected(np.asarray(images()), start, 0), atol=1e-5)
    colour = np.array([0.1, 0.2, 0.3], np.float32)
    found = integrated_gradients(cubic, images(), class_logit(0), baseline=colour)
    np.testing.assert_allclose(found.maps, expected(np.asarray(images()), colour, 0), atol=1e-5)


def test_of_products_of_pixels_it_is_the_articles_integral():
    weight = LINEAR[..., 0]

    def product(x, tap):
        return (jnp.einsum("bhwc,hwc->b", x, weight) ** 2)[:, None]

    found = integrated_gradients(product, images(), class_logit(0), steps=1)
    x = np.asarray(images())
    total = (x * weight).sum((1, 2, 3))
    np.testing.assert_allclose(
        found.maps, (x * weight).sum(-1) * total[:, None, None], rtol=1e-4, atol=1e-4
    )


def test_the_error_is_what_is_missing_and_goes_with_the_steps():
    def kinked(x, tap):
        return jax.nn.relu(jnp.einsum("bhwc,hwck->bk", x - 0.3, LINEAR))

    target = class_logit(2)
    change = evaluate(target, kinked, images()) - evaluate(target, kinked, 0 * images())
    sizes = []
    for steps in (3, 300):
        found = integrated_gradients(kinked, images(), target, steps=steps)
        np.testing.assert_allclose(found.change, change, rtol=1e-5)
        np.testing.assert_allclose(found.error, found.maps.sum((1, 2)) - change, atol=1e-4)
        sizes.append(float(jnp.abs(found.error).max()))
    assert sizes[1] < sizes[0] / 10
    assert sizes[0] > 1e-2


def total(x, tap):
    return x.sum((1, 2))


def test_a_blurred_image_keeps_its_mean_colours_and_loses_its_detail():
    stripes = jnp.tile(jnp.arange(64.0) % 2, (1, 64, 1))[..., None]
    found = integrated_gradients(total, stripes, class_logit(0), baseline="blurred").maps
    # The map of a sum is the image less the baseline: blurred, the stripes are a half everywhere.
    np.testing.assert_allclose(found[0, 20:40, 20:40], stripes[0, 20:40, 20:40, 0] - 0.5, atol=0.01)


def test_mistakes_are_told():
    with pytest.raises(UserError, match="no baseline 'gray'; did you mean grey"):
        integrated_gradients(cubic, images(), class_logit(0), baseline="gray")
    with pytest.raises(UserError, match=r"a baseline of shape \[5, 6, 3\]"):
        integrated_gradients(cubic, images(), class_logit(0), baseline=np.zeros((5, 6, 3)))
    with pytest.raises(UserError, match="steps 0"):
        integrated_gradients(cubic, images(), class_logit(0), steps=0)
