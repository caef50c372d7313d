"""The Hessian against the exact one of a small network."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from atlasjax.errors import UserError
from atlasjax.landscape import (
    cross_entropy,
    curvature,
    eigenvectors,
    extremes,
    moved,
    random,
    weights_of,
)
from atlasjax.taps import identity


def exact(model: Any, images: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and vectors of the whole matrix of second derivatives."""
    weights = weights_of(model)
    flat, back = ravel_pytree(weights.values)

    def total(vector: Any) -> Any:
        return cross_entropy(weights.rebuild(back(vector))(images, identity), labels).mean()

    return np.linalg.eigh(np.asarray(jax.hessian(total)(flat), np.float64))


@pytest.mark.parametrize("steps", [30, 1000])
def test_extremes_are_those_of_the_exact_matrix(network: Any, images: Any, labels: Any, steps: int):
    """Also with as many steps as there are weights, where what is left of vectors is rounding."""
    values, _ = exact(network(), jnp.asarray(images), jnp.asarray(labels))
    found = extremes(network(), images, labels, steps=steps, batch=3)
    np.testing.assert_allclose(found, (values[0], values[-1]), rtol=1e-3)


def test_eigenvectors_are_those_of_the_exact_matrix(network: Any, images: Any, labels: Any):
    values, vectors = exact(network(), jnp.asarray(images), jnp.asarray(labels))
    found = eigenvectors(network(), images, labels, 3)
    order = np.argsort(-np.abs(values))[:3]
    np.testing.assert_allclose(found.values, values[order], rtol=1e-3)
    for direction, i in zip(found.directions, order, strict=True):
        flat = np.concatenate([np.ravel(part) for part in direction])
        assert abs(flat @ vectors[:, i]) == pytest.approx(1, abs=1e-3)
    assert found.residual.max() < 1e-3


def test_curvature_is_that_of_each_moved_network(network: Any, images: Any, labels: Any):
    model = network()
    direction, weights = random(model, jax.random.key(0)), weights_of(model)
    found = curvature(model, [direction], images, labels, at=[[0.0, 1.0, -2.0]])
    for i, a in enumerate((0.0, 1.0, -2.0)):
        there = weights.rebuild(moved(weights.values, [direction], jnp.array([a], jnp.float32)))
        values, _ = exact(there, jnp.asarray(images), jnp.asarray(labels))
        least = found.smallest[i], found.largest[i]
        np.testing.assert_allclose(least, (values[0], values[-1]), rtol=1e-3)
        assert found.ratio[i] == pytest.approx(abs(values[0] / values[-1]), rel=2e-3)


def test_where_the_loss_is_not_finite_there_is_no_curvature(network: Any, images: Any, labels: Any):
    model = network()
    found = curvature(model, [random(model, jax.random.key(0))], images, labels, at=[[1e30, 0.0]])
    assert np.isnan(found.largest[0])
    assert np.isfinite(found.largest[1])


def test_mistakes_get_one_line(network: Any, images: Any, labels: Any):
    with pytest.raises(UserError, match="5 eigenvectors by 4 steps"):
        eigenvectors(network(), images, labels, 5, steps=4)
    with pytest.raises(UserError, match="steps=0"):
        extremes(network(), images, labels, steps=0)
