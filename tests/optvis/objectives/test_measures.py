"""Objectives: against their formulas in double precision, and where they are degenerate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atlasjax.optvis.objectives.measures import centre, cosine, direction

# Activations of networks; the sizes at which float32 squares neither vanish nor overflow.
VECTORS = arrays(
    np.float32, (3, 4), elements=st.floats(-100, 100, width=32).filter(lambda v: abs(v) > 0.125)
)


def cosine_by_hand(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


def direction_by_hand(a: np.ndarray, d: np.ndarray, power: float, floor: float) -> np.ndarray:
    along = (a.astype(np.float64) * d).sum(-1) / np.linalg.norm(d.astype(np.float64), axis=-1)
    return along * np.maximum(cosine_by_hand(a, d), floor) ** power


@settings(deadline=None, max_examples=50)
@given(VECTORS, VECTORS)
def test_the_cosine_is_that_of_both_norms(a: np.ndarray, b: np.ndarray):
    found = np.asarray(cosine(jnp.asarray(a), jnp.asarray(b)))
    # float32 sums of four products, relative to the norms.
    np.testing.assert_allclose(found, cosine_by_hand(a, b), atol=1e-6)
    assert (np.abs(found) <= 1 + 1e-6).all()
    np.testing.assert_allclose(cosine(jnp.asarray(a), jnp.asarray(-3 * a)), -1, atol=1e-6)


SCALES = st.floats(-6, 6).map(lambda power: np.float32(10**power))


@settings(deadline=None, max_examples=50)
@given(VECTORS, VECTORS, SCALES, SCALES)
def test_the_cosine_does_not_depend_on_either_length(a: np.ndarray, b: np.ndarray, s, t):
    plain, scaled = (
        np.asarray(cosine(jnp.asarray(x), jnp.asarray(y))) for x, y in ((a, b), (s * a, t * b))
    )
    np.testing.assert_allclose(scaled, plain, atol=1e-6)  # float32
    slope = jax.grad(lambda x: cosine(x, jnp.asarray(t * b)).sum())
    gradient = np.asarray(slope(jnp.asarray(s * a)))
    # A change along the vector changes nothing; float32, with terms as large as 1 / |a|.
    along = (gradient * (s * a)).sum(-1)
    np.testing.assert_allclose(along, 0, atol=1e-5)


@pytest.mark.parametrize("length", [1e-30, 1e-12, 1e-3, 1e18, 1e30])
def test_nor_on_lengths_whose_squares_float32_does_not_hold(length: float):
    a, b = jnp.asarray([3.0, 4.0]) * length, jnp.asarray([1.0, 0.0])
    for x, y in ((a, b), (b, a), (a, a * jnp.asarray([1.0, 0.0]))):
        np.testing.assert_allclose(cosine(x, y), 0.6, rtol=1e-6)
        assert np.isfinite(jax.grad(cosine)(x, y)).all()
    # d cos / db at right angles to b is what a has there, as a share of its length.
    np.testing.assert_allclose(jax.grad(cosine)(b, a), [0.0, 0.8], atol=1e-6)


@pytest.mark.parametrize("least", [1e-45, 1e-39, 1.2e-38])
@pytest.mark.parametrize("compiled", [False, True])
def test_vanishing_lengths_are_silence_at_worst(least: float, compiled: bool):
    function = jax.value_and_grad(cosine)
    value, gradient = (jax.jit(function) if compiled else function)(
        jnp.asarray([least, 0.0]), jnp.asarray([1.0, 0.0])
    )
    assert min(abs(value), abs(value - 1)) < 1e-6
    assert np.isfinite(gradient).all()


@settings(deadline=None, max_examples=50)
@given(VECTORS, VECTORS, st.sampled_from([0.0, 1.0, 2.0, 4.0]), st.sampled_from([0.01, 0.1, 0.5]))
def test_the_score_is_its_formula(a: np.ndarray, d: np.ndarray, power: float, floor: float):
    found = direction(jnp.asarray(a), jnp.asarray(d), power, floor)
    scale = np.linalg.norm(a.astype(np.float64), axis=-1).max()
    np.testing.assert_allclose(found, direction_by_hand(a, d, power, floor), atol=1e-5 * scale)


@settings(deadline=None, max_examples=50)
@given(VECTORS, VECTORS, st.floats(0.01, 100.0))
def test_the_length_of_the_target_does_not_matter(a: np.ndarray, d: np.ndarray, factor: float):
    a_, d_ = jnp.asarray(a), jnp.asarray(d)
    scale = np.linalg.norm(a.astype(np.float64), axis=-1).max()
    longer = direction(a_, d_ * np.float32(factor))
    np.testing.assert_allclose(longer, direction(a_, d_), atol=1e-5 * scale)  # float32
    # The length of the activation does: the score is of degree one in it.
    np.testing.assert_allclose(direction(2 * a_, d_), 2 * direction(a_, d_), atol=2e-5 * scale)


def test_the_defaults_are_the_articles():
    a, d = np.array([[3.0, 4.0]], np.float32), np.array([[1.0, 0.0]], np.float32)
    # Dot 3, cosine .6.
    np.testing.assert_allclose(direction(jnp.asarray(a), jnp.asarray(d)), [3 * 0.6**4], rtol=1e-6)


def at_angle(degrees, length=2.0):
    turn = jnp.deg2rad(jnp.asarray(degrees, jnp.float32))
    activation = length * jnp.stack([jnp.cos(turn), jnp.sin(turn)])[None]
    return direction(activation, jnp.asarray([[5.0, 0.0]]))[0]


@pytest.mark.parametrize(
    ("angle", "factor"),
    [
        (80, np.cos(np.deg2rad(80))),
        (87, 0.1),
        (100, 0.1),
        (180, 0.1),
    ],
)
def test_below_the_floor_the_cosine_counts_no_more(angle: float, factor: float):
    expected = 2 * np.cos(np.deg2rad(angle)) * factor**4
    np.testing.assert_allclose(at_angle(angle), expected, rtol=1e-4)  # float32 near 90 degrees


def test_turning_towards_the_target_improves_the_score_from_everywhere():
    angles = jnp.arange(2.0, 180.0, 2.0)
    slopes = np.asarray(jax.jit(jax.vmap(jax.grad(at_angle)))(angles))
    assert (slopes < 0).all(), angles[slopes >= 0]


@pytest.mark.parametrize("function", [cosine, direction])
@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_silence_scores_nothing_and_has_a_finite_gradient(function, a: float, b: float):
    va, vb = jnp.full((1, 3), a), jnp.full((1, 3), b)
    assert float(function(va, vb)[0]) == 0
    for gradient in jax.grad(lambda x, y: function(x, y).sum(), (0, 1))(va, vb):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (0.0, 0.0)])
def test_the_cosine_of_silence_has_no_gradient(a: float, b: float):
    gradient = jax.grad(cosine)(jnp.full(3, a), jnp.full(3, b))
    np.testing.assert_array_equal(gradient, 0)


def test_images_do_not_influence_one_another():
    rng = np.random.default_rng(0)
    a, d = (jnp.asarray(rng.normal(size=(4, 5)), jnp.float32) for _ in range(2))
    jacobian = np.array(jax.jacobian(lambda a: direction(a, d))(a))
    own = np.arange(4)
    assert (np.abs(jacobian[own, own]) > 0).all()
    jacobian[own, own] = 0
    assert not jacobian.any()


@pytest.mark.parametrize(("h", "w"), [(1, 1), (4, 4), (7, 7), (5, 8)])
def test_the_centre_is_at_half_rounded_down(h: int, w: int):
    value = np.arange(2 * h * w * 3, dtype=np.float32).reshape(2, h, w, 3)
    np.testing.assert_array_equal(centre(jnp.asarray(value)), value[:, h // 2, w // 2])
