"""Objectives of neurons, channels and classes: against numpy, and what they refuse."""

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.objectives import (
    channel,
    check,
    class_logit,
    deep_dream,
    log_probability,
    neuron,
)

RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(3, 2, 4, 5, 6)).astype(np.float32)  # units, frames, h, w, c
FLAT = RNG.normal(size=(3, 2, 6)).astype(np.float32)
SHAPES = {"conv": (4, 5, 6), "fc": (6,), "tokens": (7, 6), "sum": (), "logits": (10,)}


def test_neurons_are_at_the_centre(scores):
    np.testing.assert_array_equal(scores(neuron("conv", 3), {"conv": CONV}), CONV[:, :, 2, 2, 3])


def test_or_at_a_position(scores):
    found = scores(neuron("conv", 3, (0, 4)), {"conv": CONV})
    np.testing.assert_array_equal(found, CONV[:, :, 0, 4, 3])


@pytest.mark.parametrize("make", [list, np.array, jnp.array])
def test_each_unit_has_its_own_neuron(scores, make):
    channels, places = [5, 0, 2], [[0, 0], [3, 4], [1, 2]]
    found = scores(neuron("conv", make(channels), make(places)), {"conv": CONV})
    expected = [
        CONV[k, :, y, x, c] for k, (c, (y, x)) in enumerate(zip(channels, places, strict=True))
    ]
    np.testing.assert_array_equal(found, expected)


def test_neurons_of_layers_without_positions_are_channels(scores):
    np.testing.assert_array_equal(scores(neuron("fc", 4), {"fc": FLAT}), FLAT[..., 4])
    np.testing.assert_array_equal(scores(channel("fc", 4), {"fc": FLAT}), FLAT[..., 4])


def test_layers_with_one_axis_of_positions_have_a_centre_too(scores):
    tokens = CONV[:, :, 0]
    np.testing.assert_array_equal(scores(neuron("t", 4), {"t": tokens}), tokens[:, :, 2, 4])
    np.testing.assert_array_equal(scores(neuron("t", 4, [1]), {"t": tokens}), tokens[:, :, 1, 4])


def test_channels_are_means_over_positions(scores):
    found = scores(channel("conv", [5, 0, 2]), {"conv": CONV})
    means = CONV.astype(np.float64).mean((2, 3))
    np.testing.assert_allclose(found, [means[k, :, c] for k, c in enumerate([5, 0, 2])], atol=1e-6)


@pytest.mark.parametrize("layer", [CONV, FLAT, FLAT[..., 0]])
def test_deep_dream_is_the_mean_square(scores, layer):
    expected = np.square(layer.astype(np.float64)).reshape(3, 2, -1).mean(-1)
    np.testing.assert_allclose(scores(deep_dream("x"), {"x": layer}), expected, rtol=1e-5)


def test_class_logits_are_before_the_softmax(scores):
    found = scores(class_logit([1, 0, 5]), {"logits": FLAT})
    np.testing.assert_array_equal(found, [FLAT[k, :, c] for k, c in enumerate([1, 0, 5])])


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_log_probabilities_are_after_it(scores, scale: float):
    logits = FLAT.astype(np.float64) * scale
    shifted = logits - logits.max(-1, keepdims=True)
    expected = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    found = scores(log_probability([1, 0, 5]), {"logits": FLAT * np.float32(scale)})
    np.testing.assert_allclose(
        found, [expected[k, :, c] for k, c in enumerate([1, 0, 5])], rtol=1e-5, atol=1e-6
    )


def test_scores_are_float32_whatever_the_network_computes_in(scores):
    half = jnp.asarray(CONV, jnp.bfloat16)
    found = scores(channel("conv", 3) + 0.5, {"conv": half})
    expected = np.asarray(half.astype(jnp.float32))[..., 3].mean((2, 3)) + 0.5
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    "objective",
    [
        neuron("conv", 5),
        neuron("conv", [0, 5], [[3, 4], [0, 0]]),
        neuron("fc", 5),
        neuron("tokens", 5, [6]),
        channel("fc", 0),
        channel("conv", range(6)),
        deep_dream("sum"),
        class_logit(np.arange(10)),
        log_probability(9),
    ],
)
def test_what_fits_is_let_through(objective):
    check(objective, SHAPES)


CONV_IS, FC_IS = r"layer 'conv' has shape \[4, 5, 6\]: ", r"layer 'fc' has shape \[6\]: "


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (neuron("conv", 6), CONV_IS + "no channel 6; there are 0 to 5"),
        (neuron("conv", -1), CONV_IS + "no channel -1; there are 0 to 5"),
        (channel("conv", [0, 5, 7]), CONV_IS + "no channel 7; there are 0 to 5"),
        (channel("fc", 9), FC_IS + "no channel 9; there are 0 to 5"),
        (channel("sum", 0), r"'sum' has shape \[\]: .* it has no channels"),
        (
            neuron("conv", 0, (4, 0)),
            CONV_IS + r"no position \[4, 0\]; there are \[0, 0\] to",
        ),
        (neuron("conv", 0, (0, -1)), CONV_IS + r"no position \[0, -1\]"),
        (neuron("conv", 0, [1]), CONV_IS + r"no position \[1\]; there are \[0, 0\] to \[3, 4\]"),
        (neuron("conv", 0, [[0, 0], [3, 5]]), CONV_IS + r"no position \[3, 5\]"),
        (
            neuron("fc", 0, (1, 1)),
            FC_IS + r"it has no positions; .*\[h, w, c\]. Layers with positions: conv, tokens",
        ),
        (class_logit(10), r"the network's output has shape \[10\]: no class 10; there are 0 to 9"),
        (log_probability([3, -1]), "no class -1; there are 0 to 9"),
        (channel("cnov", 0), r"no layer 'cnov'; did you mean conv\?"),
    ],
)
def test_what_does_not_fit_is_refused(objective, message: str):
    with pytest.raises(UserError, match=message):
        check(objective, SHAPES)


@pytest.mark.parametrize("shape", [(), (2, 2, 10)])
def test_classes_need_one_score_for_each(shape):
    message = "it has no channels" if not shape else r"must have shape \[classes\]"
    for objective in (class_logit(0), log_probability(0)):
        with pytest.raises(UserError, match=message):
            check(objective, {"logits": shape})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: channel("conv", np.array([[1]])),
            r"channel: .* \[1, 1\]; it must have 0 axes",
        ),
        (lambda: neuron("conv", []), r"channel: .* none of them empty|channel: must be numbers"),
        (lambda: neuron("conv", 1, np.array(3)), r"position: an array of shape \[\].* 1 axes"),
        (lambda: channel("conv", np.array([2**40])), "channel: .*must be whole numbers"),
    ],
)
def test_arguments_that_cannot_be(make, message: str):
    with pytest.raises(UserError, match=message):
        make()
