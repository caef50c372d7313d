"""Neurons, channels, directions and classes: drawn, captioned, and measured as they say."""

import jax
import numpy as np
import pytest

from atlasjax import vis
from atlasjax.errors import UserError

KEY = jax.random.key(0)


def grid(images: np.ndarray) -> np.ndarray:
    """What the network's layer says of pictures, computed by itself: [n, 4, 4, 6]."""
    x = np.concatenate([images, 1 - images], -1)
    x = x.reshape(len(x), 4, 8, 4, 8, 6).mean((2, 4))
    return np.maximum(x - 0.25, 0)


def test_channels_are_drawn_and_measured(toy, quick):
    made = vis.channels(toy, "grid", range(1, 6, 2), KEY, quick)
    assert made.captions == ("1", "3", "5")
    assert (made.measure, made.title) == ("mean activation", "grid")
    mean = grid(made.images).mean((1, 2))
    # Each channel answers most to the picture that was made for it.
    assert mean[:, [1, 3, 5]].argmax(0).tolist() == [0, 1, 2]
    np.testing.assert_allclose(made.reached, mean[range(3), [1, 3, 5]], rtol=1e-5)  # float32
    assert (made.reached > 0.4).all()  # grey reaches .25
    # The best for a colour is that colour everywhere, so nothing is grey.
    assert np.abs(made.images.mean((1, 2)) - 0.5).max(1).min() > 0.1


def test_a_neuron_changes_the_middle_alone(toy, quick):
    made = vis.neurons(toy, "grid", [0], KEY, quick)
    values = grid(made.images)[0, :, :, 0]
    assert np.unravel_index(values.argmax(), values.shape) == (2, 2)
    np.testing.assert_allclose(made.reached, [values[2, 2]], rtol=1e-5)  # float32


def test_directions_report_the_cosine(toy, quick):
    vectors = np.array([[0, 0, 7, 0, 0, 0], [1, 1, 0, 0, 0, 1]], np.float32)
    made = vis.directions(toy, "grid", vectors, KEY, quick, captions=["blue", "yellow"])
    assert made.captions == ("blue", "yellow")
    values = grid(made.images).reshape(2, -1, 6)
    lengths = np.linalg.norm(values, axis=-1) * np.linalg.norm(vectors, axis=-1)[:, None]
    cosine = np.einsum("npc,nc->np", values, vectors) / lengths
    np.testing.assert_allclose(made.reached, cosine.mean(1), atol=1e-5)  # float32
    assert made.reached[1] > 0.78  # grey has .71


def test_classes_report_the_probability(toy, quick):
    made = vis.classes(toy, [4], KEY, quick)
    logits = 9 * grid(made.images).mean((1, 2))[0]
    expected = np.exp(logits[4]) / np.exp(logits).sum()
    np.testing.assert_allclose(made.reached, [expected], rtol=1e-4)  # float32, through exp
    assert made.reached[0] > 2 / 6  # twice what an even choice gives


def test_a_network_without_classes_has_none_to_draw(toy, quick):
    with pytest.raises(UserError, match=r"output has shape \[0\]: no class 4; there are none"):
        vis.classes(lambda images, tap: toy(images, tap)[:, :0], [4], KEY, quick)


def test_attempts_keep_the_best(toy, quick):
    from dataclasses import replace

    once = vis.channels(toy, "grid", [1, 3, 5], KEY, quick)
    thrice = vis.channels(toy, "grid", [1, 3, 5], KEY, replace(quick, attempts=3))
    assert (thrice.reached >= once.reached).all()
    assert (thrice.reached > once.reached).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: vis.channels(m, "grid", [], KEY), "no channels of layer 'grid' to draw"),
        (lambda m: vis.channels(m, "gird", [0], KEY), "no layer 'gird'; did you mean grid"),
        (lambda m: vis.channels(m, "grid", [6], KEY), "no channel 6; there are 0 to 5"),
        (lambda m: vis.classes(m, [9], KEY), "no class 9; there are 0 to 5"),
        (lambda m: vis.directions(m, "grid", np.ones((2, 5)), KEY), "a direction of 5 values"),
        (
            lambda m: vis.directions(m, "grid", np.ones((2, 6)), KEY, captions=["one"]),
            "1 captions for 2 directions",
        ),
        (lambda m: vis.classes(m, [1], KEY, captions=[]), "0 captions for 1 classes"),
        (
            lambda m: vis.neurons(m, "grid", [0], KEY, vis.Settings(size=3)),
            "size 3: must be at least 4 px",
        ),
        (lambda m: vis.neurons(m, "grid", [0], KEY, vis.Settings(steps=0)), "steps 0"),
        (
            lambda m: vis.neurons(m, "grid", [0], KEY, vis.Settings(total_variation=-1)),
            "total_variation -1",
        ),
        (
            lambda m: vis.neurons(m, "grid", [0], KEY, vis.Settings(leaky_fraction=2)),
            "leaky_fraction 2",
        ),
        (lambda m: vis.neurons(m, "grid", [0], KEY, vis.Settings(learning_rate=0)), "rate 0"),
    ],
)
def test_mistakes_are_explained(call, message, toy):
    with pytest.raises(UserError, match=message):
        call(toy)
