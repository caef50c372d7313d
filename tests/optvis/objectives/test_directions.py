"""Objectives of directions: against their formulas in double precision, and what they refuse."""

import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.objectives import (
    channel,
    check,
    cosine,
    direction,
    direction_neuron,
    tensor_direction,
)

RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(3, 2, 4, 5, 6)).astype(np.float32)  # units, frames, h, w, c
FLAT = RNG.normal(size=(3, 2, 6)).astype(np.float32)
VECTORS = RNG.normal(size=(3, 6)).astype(np.float32)
WHITEN = RNG.normal(size=(6, 6)).astype(np.float32)
SHAPES = {"conv": (4, 5, 6), "fc": (6,), "tokens": (7, 6), "sum": (), "logits": (10,)}


def by_hand(a: np.ndarray, d: np.ndarray, power: float, floor: float) -> np.ndarray:
    """Score activations [units, ..., c] against directions [units, c], or [c]."""
    a, d = a.astype(np.float64), np.broadcast_to(d, (len(a), d.shape[-1])).astype(np.float64)
    d = d.reshape(len(d), *[1] * (a.ndim - 2), -1)
    dot, length = (a * d).sum(-1), np.linalg.norm(d, axis=-1)
    cosines = dot / length / np.linalg.norm(a, axis=-1)
    return dot / length * np.maximum(cosines, floor) ** power


@pytest.mark.parametrize("whiten", [None, WHITEN])
@pytest.mark.parametrize("power", [0, 2.0])
@pytest.mark.parametrize("vector", [VECTORS, VECTORS[0]])
def test_directions_are_means_over_positions(scores, vector, power, whiten):
    found = scores(direction("conv", vector, power=power, whiten=whiten), {"conv": CONV})
    w = np.eye(6) if whiten is None else whiten
    expected = by_hand(CONV @ w, vector @ w, power, 0.1).mean((2, 3))
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_direction_along_a_channel_is_the_channel(scores):
    along = direction("conv", 7.0 * np.eye(6)[2])
    np.testing.assert_allclose(
        scores(along, {"conv": CONV}), scores(channel("conv", 2), {"conv": CONV}), atol=1e-6
    )


@pytest.mark.parametrize("whiten", [None, WHITEN])
@pytest.mark.parametrize(("power", "floor"), [(4.0, 0.1), (1, 0.5), (0.0, 1)])
def test_direction_neurons_are_at_the_centre(scores, power, floor, whiten):
    objective = direction_neuron("conv", VECTORS, power=power, floor=floor, whiten=whiten)
    w = np.eye(6) if whiten is None else whiten
    expected = by_hand(CONV[:, :, 2, 2] @ w, VECTORS @ w, power, floor)
    np.testing.assert_allclose(scores(objective, {"conv": CONV}), expected, atol=5e-5)


def test_the_defaults_are_the_articles(scores):
    expected = by_hand(CONV[:, :, 2, 2], VECTORS, 4.0, 0.1)
    np.testing.assert_allclose(
        scores(direction_neuron("conv", VECTORS), {"conv": CONV}), expected, atol=1e-5
    )


def test_or_at_a_position_for_each_unit(scores):
    places = [[0, 0], [3, 4], [1, 2]]
    found = scores(direction_neuron("conv", VECTORS, places), {"conv": CONV})
    there = np.stack([CONV[k, :, y, x] for k, (y, x) in enumerate(places)])
    np.testing.assert_allclose(found, by_hand(there, VECTORS, 4.0, 0.1), atol=1e-5)


def test_layers_without_positions_have_directions(scores):
    for make, power in ((direction, 0.0), (direction_neuron, 4.0)):
        found = scores(make("fc", VECTORS), {"fc": FLAT})
        np.testing.assert_allclose(found, by_hand(FLAT, VECTORS, power, 0.1), atol=1e-5)


@pytest.mark.parametrize("whiten", [None, WHITEN])
def test_the_cosine_is_that_of_the_centre(scores, whiten):
    w = np.eye(6) if whiten is None else whiten
    a, d = CONV[:, :, 2, 2].astype(np.float64) @ w, VECTORS.astype(np.float64) @ w
    expected = (a * d[:, None]).sum(-1) / np.linalg.norm(a, axis=-1)
    expected /= np.linalg.norm(d, axis=-1)[:, None]
    found = scores(cosine("conv", VECTORS, whiten=whiten), {"conv": CONV})
    np.testing.assert_allclose(found, expected, atol=1e-5)
    same = scores(cosine("fc", VECTORS[0]), {"fc": VECTORS[:1, None]})
    np.testing.assert_allclose(same, 1, atol=1e-6)


def embedded(value: np.ndarray, like: tuple[int, int]) -> np.ndarray:
    """Lay a tensor into zeros so that [h // 2, w // 2] of both fall together."""
    full = np.zeros((*like, value.shape[2]))
    for y in range(value.shape[0]):
        for x in range(value.shape[1]):
            row = y - value.shape[0] // 2 + like[0] // 2
            column = x - value.shape[1] // 2 + like[1] // 2
            if 0 <= row < like[0] and 0 <= column < like[1]:
                full[row, column] = value[y, x]
    return full


@pytest.mark.parametrize("size", [(4, 5), (1, 1), (2, 3), (3, 2), (7, 8), (8, 3), (5, 4)])
def test_tensors_lie_centre_upon_centre(scores, size):
    tensors = RNG.normal(size=(3, *size, 6)).astype(np.float32)
    full = np.stack([embedded(t, (4, 5)) for t in tensors])
    dot = np.einsum("uhwc,ufhwc->uf", full, CONV.astype(np.float64))
    expected = dot / np.linalg.norm(full.reshape(3, -1), axis=-1)[:, None]
    found = scores(tensor_direction("conv", tensors), {"conv": CONV})
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("whiten", [None, WHITEN])
def test_tensors_have_one_cosine(scores, whiten):
    tensors = CONV[:, 0] + 0.5 * CONV[:, 1]  # near both frames
    w = np.eye(6) if whiten is None else whiten
    expected = by_hand((CONV @ w).reshape(3, 2, -1), (tensors @ w).reshape(3, -1), 2.0, 0.1)
    objective = tensor_direction("conv", tensors, power=2, whiten=whiten)
    np.testing.assert_allclose(scores(objective, {"conv": CONV}), expected, rtol=1e-4, atol=1e-4)


def test_a_tensor_of_one_position_is_a_direction_at_the_centre(scores):
    one = tensor_direction("conv", VECTORS[:, None, None], power=4.0, whiten=WHITEN)
    same = direction_neuron("conv", VECTORS, whiten=WHITEN)
    np.testing.assert_allclose(
        scores(one, {"conv": CONV}), scores(same, {"conv": CONV}), rtol=1e-5, atol=1e-6
    )


FIVE = np.ones(5)
CONV_IS = r"layer 'conv' has shape \[4, 5, 6\]: "
LENGTH = "a direction of 5 values; it must have 6, one for each channel"


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (direction("conv", FIVE), CONV_IS + LENGTH),
        (direction("fc", FIVE), r"layer 'fc' has shape \[6\]: " + LENGTH),
        (direction("sum", FIVE), "it has no channels"),
        (direction_neuron("conv", FIVE), CONV_IS + LENGTH),
        (direction_neuron("conv", FIVE, whiten=np.eye(5)), CONV_IS + LENGTH),
        (direction_neuron("conv", np.ones(6), (4, 0)), CONV_IS + r"no position \[4, 0\]"),
        (cosine("conv", FIVE), CONV_IS + LENGTH),
        (cosine("fc", np.ones(6), (0, 0)), "it has no positions.*: conv, tokens"),
        (tensor_direction("conv", np.ones((2, 2, 5))), CONV_IS + LENGTH),
        (
            tensor_direction("fc", np.ones((2, 2, 6))),
            r"layer 'fc' .*a tensor direction needs a layer of shape \[h, w, c\]",
        ),
        (direction("covn", FIVE), r"no layer 'covn'; did you mean conv\?"),
    ],
)
def test_what_does_not_fit_is_refused(objective, message: str):
    with pytest.raises(UserError, match=message):
        check(objective, SHAPES)


def test_what_fits_is_let_through():
    for make in (direction, direction_neuron, cosine):
        for layer in ("conv", "fc", "tokens"):
            check(make(layer, np.ones(6), whiten=np.eye(6)), SHAPES)
    check(tensor_direction("conv", np.ones((9, 1, 6))), SHAPES)


@pytest.mark.parametrize("make", [direction, direction_neuron, tensor_direction])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"power": -1}, "power -1: must be at least 0 and finite"),
        ({"power": float("nan")}, "power nan: must be"),
        ({"floor": 0.0}, "floor 0.0: must be above 0, and at most 1"),
        ({"floor": 1.5}, "floor 1.5: must be above 0, and at most 1"),
        (
            {"whiten": np.eye(5)},
            r"whitening for layer 'conv' has shape \[5, 5\]; .* 6 values it must have \[6, 6\]",
        ),
    ],
)
def test_settings_that_cannot_be(make, arguments, message: str):
    with pytest.raises(UserError, match=message):
        make("conv", np.ones((1, 1, 6) if make is tensor_direction else 6), **arguments)


@pytest.mark.parametrize("make", [direction, direction_neuron, cosine, tensor_direction])
@pytest.mark.parametrize("value", [np.float64(1.0), np.ones((1, 1, 1, 1, 1))])
def test_directions_with_too_few_or_too_many_axes(make, value):
    with pytest.raises(UserError, match="the direction in layer 'conv': an array of shape"):
        make("conv", np.asarray(value))


def test_directions_that_are_not_finite():
    with pytest.raises(UserError, match="the direction in layer 'conv': has values that are not"):
        direction("conv", np.array([1.0, np.nan]))
