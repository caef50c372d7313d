"""SmoothGrad: the mean over noise that is each image's own."""

import jax
import numpy as np
import pytest
from toy_saliency import CUBIC, LINEAR, cubic, images

from atlasjax.errors import UserError
from atlasjax.saliency import gradient, smoothgrad
from atlasjax.targets import class_logit

KEY = jax.random.key(3)


def test_without_noise_it_is_the_gradient():
    for signed in (False, True):
        found = smoothgrad(cubic, images(), class_logit(0), key=KEY, noise=0, signed=signed)
        expected = gradient(cubic, images(), class_logit(0), signed=signed)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_the_noise_is_a_part_of_the_range():
    x = 0.5 * images(1)
    reach = float(x.max() - x.min())
    found = smoothgrad(cubic, x, class_logit(1), key=KEY, samples=4000, noise=0.5, signed=True)
    # E (x + n)^2 = x^2 + deviation^2
    square = np.asarray(x)[0] ** 2 + (0.5 * reach) ** 2
    expected = (LINEAR[..., 1] + 3 * CUBIC[..., 1] * square).sum(-1)
    # The mean of 4000 squares is good to 2 / sqrt(4000) of about 0.2, times weights up to 6.
    np.testing.assert_allclose(found[0], expected, atol=0.1)
    plain = gradient(cubic, x, class_logit(1), signed=True)[0]
    assert np.abs(found[0] - plain).max() > 0.3  # the noise is what the bound above tells apart


def test_chunks_do_not_matter():
    options = {"key": KEY, "samples": 7, "signed": True}
    one, many = (smoothgrad(cubic, images(), class_logit(1), chunk=c, **options) for c in (1, 12))
    np.testing.assert_allclose(one, many, rtol=1e-5, atol=1e-5)


def test_the_map_of_an_image_is_its_own():
    both = smoothgrad(cubic, images(), class_logit(1), key=KEY)
    keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(np.arange(2))
    second = smoothgrad(cubic, images()[1:], class_logit(1), key=keys[1:])
    np.testing.assert_allclose(both[1:], second, rtol=1e-5, atol=1e-6)
    other = smoothgrad(cubic, images()[1:], class_logit(1), key=KEY)
    assert np.abs(other - second).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "said"), [({"samples": 0}, "samples 0"), ({"noise": -1}, "-1")]
)
def test_mistakes_are_told(options: dict, said: str):
    with pytest.raises(UserError, match=said):
        smoothgrad(cubic, images(), class_logit(0), key=KEY, **options)
