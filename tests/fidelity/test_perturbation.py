"""Perturbation: curves of networks whose answers can be counted by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.fidelity.perturbation import areas, perturbation
from atlasjax.targets import class_logit, difference


def sums(images, tap):
    return tap("sums", images.sum((1, 2)))


def test_pixels_come_and_go_in_the_order_of_the_map():
    rng = np.random.default_rng(0)
    images = rng.random((3, 4, 4, 2)).astype(np.float32)
    baseline = np.full_like(images, 0.25)
    maps = rng.permutation(48).reshape(3, 4, 4).astype(np.float32)
    found = perturbation(sums, images, class_logit([0, 1, 1]), maps, baseline, steps=16)
    for i, channel in enumerate([0, 1, 1]):
        order = np.argsort(-maps[i].ravel())
        pixel, base = images[i, ..., channel].ravel(), baseline[i, ..., channel].ravel()
        gain = np.concatenate([[0], np.cumsum((pixel - base)[order])])
        # Sums of 16 numbers below 1 in single precision.
        assert found.insertion[i] == pytest.approx(base.sum() + gain, abs=1e-5)
        assert found.deletion[i] == pytest.approx(pixel.sum() - gain, abs=1e-5)


def test_steps_divide_the_pixels_evenly():
    image = np.ones((1, 2, 5, 1), np.float32)
    found = perturbation(sums, image, class_logit(0), image[..., 0], 0 * image, steps=4)
    assert found.insertion.tolist() == [[0, 2, 5, 7, 10]]


def test_the_answer_does_not_depend_on_the_company():
    rng = np.random.default_rng(0)
    images = rng.random((5, 3, 3, 3)).astype(np.float32)
    maps = rng.random((5, 3, 3)).astype(np.float32)
    target = difference([0, 1, 2, 0, 1], 2)
    model = lambda images, tap: jnp.tanh(images).mean((1, 2))  # noqa: E731
    together = perturbation(model, images, target, maps, 0 * images, steps=3)
    alone = perturbation(model, images[3:4], difference(0, 2), maps[3:4], 0 * images[3:4], steps=3)
    assert together.insertion[3].tolist() == alone.insertion[0].tolist()
    assert together.deletion[3].tolist() == alone.deletion[0].tolist()


def test_areas_of_the_best_and_the_worst_map():
    image = np.zeros((2, 4, 4, 1), np.float32)
    image[:, 1, 2] = 8
    maps = np.stack([image[0, ..., 0], -image[1, ..., 0]])
    found = areas(perturbation(sums, image, class_logit(0), maps, 0 * image, steps=16))
    # All of it comes in the first of 16 steps, or in the last.
    assert found.insertion == pytest.approx([1 - 1 / 32, 1 / 32])
    assert found.deletion == pytest.approx([1 / 32, 1 - 1 / 32])


def test_an_image_that_is_its_baseline_has_no_area():
    image = np.ones((1, 2, 2, 1), np.float32)
    found = areas(perturbation(sums, image, class_logit(0), image[..., 0], image))
    assert np.isnan(found.insertion)
    assert np.isnan(found.deletion)


def test_what_cannot_be_is_refused():
    image = np.ones((1, 2, 2, 1), np.float32)
    with pytest.raises(UserError, match="steps 0"):
        perturbation(sums, image, class_logit(0), image[..., 0], image, steps=0)
    with pytest.raises(UserError, match="must be alike"):
        perturbation(sums, image, class_logit(0), image[:, :1, :, 0], image)
