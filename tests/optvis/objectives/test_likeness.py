"""Objectives of likeness: against their formulas in double precision, and what they refuse."""

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.objectives import caricature, check, gram_matrix, match, style

RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(3, 2, 4, 5, 6)).astype(np.float32)  # units, frames, h, w, c
TARGET = RNG.normal(size=(3, 4, 5, 6)).astype(np.float32)
SHAPES = {"conv": (4, 5, 6), "fc": (6,), "sum": (), "logits": (10,)}


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


@pytest.mark.parametrize("target", [TARGET, TARGET[0]])
@pytest.mark.parametrize("loss", ["l2", "l1", "cosine"])
def test_matches_are_minus_their_distance(scores, loss: str, target):
    value = np.broadcast_to(target, TARGET.shape)[:, None]
    apart = CONV.astype(np.float64) - value
    distance = {
        "l2": np.square(apart).mean((2, 3, 4)),
        "l1": np.abs(apart).mean((2, 3, 4)),
        "cosine": 1 - cosines(CONV, np.broadcast_to(value, CONV.shape)).mean((2, 3)),
    }
    found = scores(match("conv", target, loss), {"conv": CONV})
    np.testing.assert_allclose(found, -distance[loss], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", ["l2", "l1", "cosine"])
def test_nothing_is_nearer_than_the_same(scores, loss: str):
    found = scores(match("conv", TARGET, loss), {"conv": TARGET[:, None]})
    np.testing.assert_allclose(found, 0, atol=1e-6)


def test_layers_without_positions_can_be_matched(scores):
    flat = CONV[:, :, 0, 0]
    expected = -np.square(flat.astype(np.float64) - TARGET[:, None, 0, 0]).mean(-1)
    for target, k in ((TARGET[:, 0, 0], slice(None)), (TARGET[0, 0, 0], 0)):
        found = scores(match("fc", target), {"fc": flat})
        np.testing.assert_allclose(found[k], expected[k], rtol=1e-5)


@pytest.mark.parametrize("power", [0, 1.0, 4.0])
def test_caricatures_are_dots_times_cosines_at_every_position(scores, power):
    value = np.broadcast_to(TARGET[:, None], CONV.shape).astype(np.float64)
    dots = (CONV * value).sum(-1)
    overall = np.sqrt(np.square(value).sum(-1).mean((2, 3)))
    expected = (dots * np.maximum(cosines(CONV, value), 0.1) ** power).mean((2, 3)) / overall
    found = scores(caricature("conv", TARGET, power), {"conv": CONV})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_caricatures_do_not_depend_on_the_strength_of_the_given_image(scores):
    # One position is silent: it counts for nothing, and gives no nan.
    target = TARGET.copy()
    target[:, 0, 0] = 0
    found = scores(caricature("conv", target), {"conv": CONV})
    assert np.isfinite(found).all()
    stronger = scores(caricature("conv", 50 * target), {"conv": CONV})
    np.testing.assert_allclose(stronger, found, rtol=1e-4)


def test_gram_matrices_are_means_of_outer_products():
    expected = np.einsum("ufhwc,ufhwd->ufcd", CONV.astype(np.float64), CONV) / 20
    np.testing.assert_allclose(gram_matrix(jnp.asarray(CONV)), expected, atol=1e-5)


def test_styles_are_minus_the_distance_of_gram_matrices(scores):
    grams = np.einsum("ufhwc,ufhwd->ufcd", CONV.astype(np.float64), CONV) / 20
    target = np.asarray(gram_matrix(jnp.asarray(TARGET)))
    found = scores(style("conv", target), {"conv": CONV})
    expected = -np.square(grams - target[:, None]).mean((2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # Where things are does not matter.
    moved = scores(style("conv", target), {"conv": CONV[:, :, ::-1, :]})
    np.testing.assert_allclose(moved, found, rtol=1e-5)


CONV_IS = r"layer 'conv' has shape \[4, 5, 6\]: "


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (match("conv", np.ones((4, 4, 6))), CONV_IS + r"an activation of shape \[4, 4, 6\]"),
        (
            match("conv", np.ones(6)),
            CONV_IS + r"an activation of shape \[6\]; it must",
        ),
        (match("sum", np.ones(6)), "it has no channels"),
        (caricature("conv", np.ones((4, 5, 7))), CONV_IS + r"an activation of shape \[4, 5, 7\]"),
        (caricature("fc", np.ones((1, 1, 6))), "it has no positions.*Layers with positions: conv"),
        (
            style("conv", np.ones((5, 5))),
            CONV_IS + "a row of the Gram matrix of 5 values;",
        ),
        (style("fc", np.ones((6, 6))), "it has no positions.*Layers with positions: conv"),
        (style("cov", np.ones((6, 6))), r"no layer 'cov'; did you mean conv\?"),
    ],
)
def test_what_does_not_fit_is_refused(objective, message: str):
    with pytest.raises(UserError, match=message):
        check(objective, SHAPES)


def test_what_fits_is_let_through():
    check(match("conv", TARGET) + caricature("conv", TARGET[0]) + match("fc", np.ones(6)), SHAPES)
    check(style("conv", np.ones((3, 6, 6))), SHAPES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: match("conv", TARGET, "l3"), "no loss 'l3'; did you mean l1, l2|l2, l1"),
        (lambda: match("conv", TARGET[None]), r"activation of layer 'conv': an array of shape"),
        (lambda: caricature("conv", np.zeros((2, 4, 5, 6))), "'conv': is zero everywhere"),
        (lambda: caricature("conv", np.ones((4, 5))), "activation of layer 'conv': an array"),
        (lambda: caricature("conv", TARGET, power=-1), "power -1: must be at least 0"),
        (lambda: caricature("conv", TARGET, floor=0), "floor 0: must be above 0"),
        (lambda: style("conv", np.ones((6, 5))), r"has shape \[6, 5\]; it must be square"),
        (lambda: style("conv", np.ones(6)), "the Gram matrix of layer 'conv': an array of shape"),
    ],
)
def test_arguments_that_cannot_be(make, message: str):
    with pytest.raises(UserError, match=message):
        make()
