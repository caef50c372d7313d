"""Objectives across the frames of a unit: against numpy, and what they refuse."""

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.objectives import (
    alignment,
    channel,
    check,
    class_logit,
    constant,
    diversity,
    interpolate,
    per_frame,
    total_variation,
    units,
)

RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(3, 4, 4, 5, 6)).astype(np.float32)  # units, frames, h, w, c
IMAGES = RNG.uniform(size=(3, 4, 6, 7, 3)).astype(np.float32)
MEANS = CONV.astype(np.float64).mean((2, 3))
SHAPES = {"conv": (4, 5, 6), "fc": (6,), "logits": (10,)}


@pytest.mark.parametrize("scale", [1e-12, 1, 1e12])
@pytest.mark.parametrize("rows", [1, 4])  # fewer positions than channels, and more
def test_diversity_is_minus_the_mean_cosine_with_the_others(scores, rows, scale):
    value = CONV[:, :, :rows] * np.float32(scale)
    grams = np.einsum(
        "ufhwc,ufhwd->ufcd", value.astype(np.float64), value.astype(np.float64)
    ).reshape(3, 4, -1)
    grams /= np.linalg.norm(grams, axis=-1, keepdims=True)
    expected = [
        [-np.mean([unit[a] @ unit[b] for b in range(4) if b != a]) for a in range(4)]
        for unit in grams
    ]
    found = scores(diversity("conv"), {"conv": value})
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_frames_that_are_alike_in_all_but_strength_have_no_diversity(scores):
    value = np.repeat(CONV[:, :1], 3, axis=1) * np.array([1, 2, 5]).reshape(3, 1, 1, 1)
    found = scores(diversity("conv"), {"conv": value.astype(np.float32)})
    np.testing.assert_allclose(found, -1, atol=1e-5)


@pytest.mark.parametrize("decay", [2.0, 3, np.array([1.5, 2.0, 4.0])])
@pytest.mark.parametrize("layer", ["conv", None])
def test_alignment_is_minus_the_distance_to_the_others(scores, layer, decay):
    value = (CONV if layer else IMAGES).astype(np.float64).reshape(3, 4, -1)
    bases = np.broadcast_to(decay, 3)
    expected = [
        [
            -sum(
                np.square(unit[a] - unit[b]).mean() / base ** abs(a - b) for b in range(4) if b != a
            )
            for a in range(4)
        ]
        for unit, base in zip(value, bases, strict=True)
    ]
    found = scores(alignment(layer, decay), {"conv": CONV}, IMAGES)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_alignment_is_of_images_and_halves_by_default(scores):
    same = scores(alignment(None, 2.0), {}, IMAGES)
    np.testing.assert_array_equal(scores(alignment(), {}, IMAGES), same)


def test_interpolation_goes_from_one_to_the_other(scores):
    objective = interpolate(channel("conv", [0, 1, 2]), 2 * channel("conv", 5))
    t = np.array([0, 1 / 3, 2 / 3, 1])
    first = np.stack([MEANS[unit, :, unit] for unit in range(3)])
    expected = (1 - t) * first + t * 2 * MEANS[..., 5]
    np.testing.assert_allclose(scores(objective, {"conv": CONV}), expected, atol=1e-5)
    alone = scores(objective, {"conv": CONV[:, :1]})
    np.testing.assert_allclose(alone, first[:, :1], atol=1e-5)


def test_every_frame_has_its_own(scores):
    parts = [channel("conv", [0, 1, 2]), 2 * channel("conv", 5), constant(7), total_variation()]
    found = scores(per_frame(*parts), {"conv": CONV}, IMAGES)
    each = [scores(part, {"conv": CONV}, IMAGES)[:, k] for k, part in enumerate(parts)]
    np.testing.assert_allclose(found, np.stack(each, 1), atol=1e-6)


def test_groups_compose_and_count_units(scores):
    objective = channel("conv", [0, 1, 2]) + 0.5 * diversity("conv") + alignment("conv") / 2
    assert units(objective) == 3
    expected = (
        scores(channel("conv", [0, 1, 2]), {"conv": CONV})
        + 0.5 * scores(diversity("conv"), {"conv": CONV})
        + 0.5 * scores(alignment("conv"), {"conv": CONV})
    )
    np.testing.assert_allclose(scores(objective, {"conv": CONV}), expected, atol=1e-5)
    both = interpolate(channel("fc", 0), class_logit(1) + channel("conv", 2))
    assert both.layers == ("fc", "logits", "conv")


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (diversity("fc"), r"layer 'fc' has shape \[6\]: it has no positions.*: conv"),
        (diversity("con"), r"no layer 'con'; did you mean conv\?"),
        (alignment("con"), r"no layer 'con'; did you mean conv\?"),
        (interpolate(channel("conv", 0), channel("conv", 6)), "no channel 6; there are 0 to 5"),
        (per_frame(channel("conv", 9), channel("conv", 0)), "no channel 9; there are 0 to 5"),
        (per_frame(channel("fc", [0, 1]), channel("fc", [1, 2, 3])), "2 and 3 images at once"),
    ],
)
def test_what_does_not_fit_is_refused(objective, message: str):
    with pytest.raises(UserError, match=message):
        check(objective, SHAPES)


def test_what_fits_is_let_through():
    check(diversity("conv") + alignment("fc") + alignment(), SHAPES)
    check(interpolate(channel("conv", 0), class_logit(9)), SHAPES)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (diversity("conv"), "diversity: compares the frames of a unit; each has 1, .* at least 2"),
        (alignment("conv"), "alignment: compares the frames of a unit; each has 1, .* at least 2"),
        (per_frame(constant(1), constant(2)), "2 objectives for units of 1 frames"),
    ],
)
def test_units_of_one_frame_have_nothing_to_compare(scores, objective, message: str):
    with pytest.raises(UserError, match=message):
        scores(objective, {"conv": CONV[:, :1]})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: alignment("conv", 1), "decay 1: must be above 1"),
        (lambda: alignment("conv", jnp.array([2.0, 0.5])), "decay 0.5: must be above 1"),
        (per_frame, "needs one objective for each frame, but was given none"),
    ],
)
def test_arguments_that_cannot_be(make, message: str):
    with pytest.raises(UserError, match=message):
        make()
