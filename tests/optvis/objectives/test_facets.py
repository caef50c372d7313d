"""Facets: the term, the gradient and the discriminant, against numpy and against finite steps."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.objectives import (
    LOGITS,
    Seen,
    channel,
    check,
    class_logit,
    evaluate,
    facet,
    facet_direction,
    facet_gradient,
    take,
    total_variation,
)
from atlasjax.optvis.objectives.core import network

RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(3, 2, 4, 5, 6)).astype(np.float32)  # units, frames, h, w, c
SHAPES = {"conv": (4, 5, 6), "fc": (6,), "sum": (), "logits": (10,)}


def draw(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("direction", [draw(6), draw(3, 6), draw(4, 5, 6), draw(3, 4, 5, 6)])
@pytest.mark.parametrize("gradient", [None, draw(6), draw(3, 6), draw(4, 5, 6), draw(3, 4, 5, 6)])
def test_the_term_is_the_sum_of_products(scores, direction, gradient):
    def full(x: np.ndarray) -> np.ndarray:
        per_unit = x if x.ndim in (2, 4) else x[None]
        wide = per_unit if per_unit.ndim == 4 else per_unit[:, None, None]
        return np.broadcast_to(wide, (3, 4, 5, 6)).astype(np.float64)

    g = np.ones((3, 4, 5, 6)) if gradient is None else full(gradient)
    expected = np.einsum("ufhwc,uhwc,uhwc->uf", CONV, full(direction), g)
    objective = facet("conv", direction, gradient)
    check(objective, SHAPES)
    np.testing.assert_allclose(scores(objective, {"conv": CONV}), expected, rtol=1e-4, atol=1e-4)


def test_layers_without_positions_have_facets(scores):
    w, g = draw(3, 6), draw(6)
    flat = CONV[:, :, 0, 0]
    expected = np.einsum("ufc,uc,c->uf", flat.astype(np.float64), w, g)
    check(facet("fc", w, g), SHAPES)
    np.testing.assert_allclose(scores(facet("fc", w, g), {"fc": flat}), expected, atol=1e-5)


MIX = draw(6, 4)


def toy(images: jax.Array, tap: Any) -> jax.Array:
    x = tap("early", jnp.concatenate([images, 1 - images], -1))
    x = tap("late", jnp.tanh(x @ MIX))
    return tap("pooled", x.mean((1, 2)) ** 2)


def test_the_gradient_is_that_of_small_steps():
    images = jnp.asarray(RNG.uniform(size=(3, 2, 3, 3)), jnp.float32)
    objective = 2 * class_logit([1, 3]) + channel("late", 0) - total_variation()
    found = facet_gradient(toy, objective, "early", images)
    assert found.shape == (2, 2, 3, 6)
    a = np.concatenate([images, 1 - np.asarray(images)], -1).astype(np.float64)

    def mean_score(a: np.ndarray, index: int) -> float:
        late = np.tanh(a @ MIX.astype(np.float64))
        return float((2 * late.mean((1, 2))[:, index] ** 2 + late[..., 0].mean((1, 2))).mean())

    for unit, index in enumerate([1, 3]):
        for place in np.ndindex(2, 3, 6):
            step = np.zeros_like(a)
            step[:, *place] = 1e-4
            slope = (mean_score(a + step, index) - mean_score(a - step, index)) / 2e-4
            np.testing.assert_allclose(found[unit, *place], slope, atol=1e-5)


def test_the_gradient_of_what_does_not_depend_on_the_layer_is_zero():
    images = jnp.ones((2, 2, 3, 3))
    for objective in (total_variation(), channel("early", 1)):
        assert not np.asarray(facet_gradient(toy, objective, "late", images)).any()


def test_where_the_network_is_linear_the_term_is_what_the_facet_carries_of_the_score(scores):
    # With w = 1 everywhere, w . (a * g) is the score itself: Euler's theorem, degree one.
    def linear(images: jax.Array, tap: Any) -> jax.Array:
        return tap("early", 2 * images).mean((1, 2)) @ MIX[:3]

    images = jnp.asarray(RNG.uniform(size=(2, 2, 3, 3)), jnp.float32)
    objective = class_logit(2)
    gradient = facet_gradient(linear, objective, "early", images)
    seen = Seen(images, network(linear, images, ("early", LOGITS)))
    term = facet("early", np.ones(3), gradient)
    np.testing.assert_allclose(
        evaluate(take(term, 0), seen), evaluate(take(objective, 0), seen), rtol=1e-5
    )


def test_gradients_are_refused_for_layers_that_do_not_exist():
    images = jnp.ones((2, 2, 3, 3))
    with pytest.raises(UserError, match="no layer 'erly'; did you mean early"):
        facet_gradient(toy, class_logit(0), "erly", images)
    with pytest.raises(UserError, match="no layer 'logits'; there are early, late, pooled"):
        facet_gradient(toy, class_logit(0), LOGITS, images)
    with pytest.raises(UserError, match="no class 4; there are 0 to 3"):
        facet_gradient(toy, class_logit(4), "early", images)


def fisher(positive: np.ndarray, negative: np.ndarray, ridge: float) -> np.ndarray:
    sides = [x.reshape(len(x), -1).astype(np.float64) for x in (positive, negative)]
    count = sum(len(x) for x in sides)
    within = np.sum([np.cov(x.T, bias=True) * len(x) for x in sides], axis=0) / count
    damped = within + ridge * np.trace(within) / len(within) * np.eye(len(within))
    found = np.linalg.inv(damped) @ (sides[0].mean(0) - sides[1].mean(0))
    return (found / np.linalg.norm(found)).reshape(positive.shape[1:])


@pytest.mark.parametrize("ridge", [0.01, 1, 30.0])
@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)])  # more and fewer examples than values
def test_facet_directions_are_fishers(shape, ridge):
    positive, negative = RNG.normal(size=(9, *shape)) * 3 + 1, RNG.normal(size=(8, *shape))
    found = facet_direction(positive, negative, ridge)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, fisher(positive, negative, ridge), atol=1e-6)


def test_without_a_ridge_they_are_differences_of_means():
    positive, negative = draw(9, 2, 2, 3) + 1, draw(8, 2, 2, 3)
    apart = positive.astype(np.float64).mean(0) - negative.astype(np.float64).mean(0)
    apart /= np.linalg.norm(apart)
    np.testing.assert_allclose(facet_direction(positive, negative, None), apart, atol=1e-6)
    np.testing.assert_allclose(facet_direction(positive, negative, 1e9), apart, atol=1e-6)
    np.testing.assert_allclose(
        facet_direction(jnp.asarray(positive), jnp.asarray(negative), 1.0),
        fisher(positive, negative, 1.0),
        atol=1e-5,
    )


def test_they_tell_apart_what_the_difference_of_means_does_not():
    # A loud channel that varies within both sets, and a quiet one that differs between them.
    loud = np.array([10.0, -10.0, 12.0, -11.0])
    positive = np.stack([loud, np.full(4, 1.0)], 1)
    negative = np.stack([loud - 3.0, np.full(4, -1.0) + 0.1 * np.array([1, -1, 1, -1])], 1)
    found = facet_direction(positive, negative, 1e-4)
    assert (positive @ found).min() > (negative @ found).max()
    means = facet_direction(positive, negative, None)
    assert (positive @ means).min() < (negative @ means).max()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: facet_direction(draw(3, 4), draw(3, 5)), r"shapes \[3, 4\] and \[3, 5\]: both"),
        (lambda: facet_direction(draw(0, 4), draw(3, 4)), r"shapes \[0, 4\].* at least one"),
        (lambda: facet_direction(draw(4), draw(4)), r"shapes \[4\] and \[4\]: .*examples first"),
        (lambda: facet_direction(np.ones((2, 4)), np.ones((3, 4))), "equal or infinite means"),
        (lambda: facet_direction(draw(2, 4), draw(3, 4), 0.0), "ridge 0.0: must be above 0"),
        (lambda: facet_direction(draw(2, 4), draw(3, 4), -1), "ridge -1: must be above 0"),
        (lambda: facet("conv", draw(2, 6), draw(3, 6)), r"shapes \[2, 6\] and \[3, 6\], units"),
        (lambda: facet("conv", draw(6), draw(4, 5, 7)), r"shapes \[1, 6\] and \[1, 4, 5, 7\]"),
        (lambda: facet("conv", draw(1, 1, 1, 1, 6)), "the facet in layer 'conv': an array of"),
        (lambda: facet("conv", draw(6), np.full(6, np.inf)), "the gradient in layer 'conv': has"),
    ],
)
def test_arguments_that_cannot_be(make, message: str):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (facet("conv", draw(5)), r"'conv' has shape \[4, 5, 6\]: a direction of 5 values"),
        (facet("conv", draw(4, 4, 6)), r"'conv' .* an activation of shape \[4, 4, 6\]"),
        (facet("fc", draw(4, 5, 6)), r"layer 'fc' has shape \[6\]: an activation of shape"),
        (facet("sum", draw(6)), "it has no channels"),
        (facet("conf", draw(6)), r"no layer 'conf'; did you mean conv"),
    ],
)
def test_what_does_not_fit_is_refused(objective, message: str):
    with pytest.raises(UserError, match=message):
        check(objective, SHAPES)
