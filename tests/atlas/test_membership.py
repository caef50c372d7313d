"""Memberships, graph and forces, against umap-learn and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.atlas import pulling
from atlasjax.atlas.fuzzy_graph import SLOTS, fuzzy_graph
from atlasjax.atlas.membership import curve, memberships
from atlasjax.atlas.neighbors import neighbors
from atlasjax.atlas.pulling import Curve

POINTS = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)


def test_memberships_count_as_the_logarithm_of_their_number():
    _, distance = neighbors(POINTS, 15, "euclidean")
    found = memberships(distance)
    np.testing.assert_array_equal(found[:, 0], 0)
    np.testing.assert_array_equal(found[:, 1], 1)  # the nearest
    np.testing.assert_allclose(found.sum(1), np.log2(15), rtol=1e-5)  # float32
    assert (np.diff(found[:, 1:], axis=1) <= 0).all()


def test_equal_distances_are_members_all_of_them():
    found = memberships(np.array([[0, 2, 2, 2], [0, 0, 0, 0]], np.float32))
    np.testing.assert_array_equal(found, [[0, 1, 1, 1]] * 2)
    others = memberships(np.array([[2, 2]], np.float32), itself=False)
    np.testing.assert_array_equal(others, [[1, 1]])


@pytest.mark.filterwarnings("ignore::ImportWarning")  # which UMAP regrets
def test_memberships_and_curves_are_those_of_umap():
    from atlasjax.atlas.umap_learn import umap_module

    theirs = umap_module().umap_
    row, distance = neighbors(POINTS, 15, "euclidean")
    distance[7] = 0  # twins
    sigma, rho = theirs.smooth_knn_dist(distance, 15.0)
    expected = theirs.compute_membership_strengths(row, distance, sigma, rho)[2]
    expected = expected.reshape(300, 15)
    np.testing.assert_allclose(memberships(distance)[:, 1:], expected[:, 1:], atol=2e-5)  # theirs
    for least in (0.0, 0.05, 0.5):
        np.testing.assert_allclose(curve(least), theirs.find_ab_params(1.0, least), rtol=1e-5)


def test_slots_are_shared_by_the_weights_of_the_edges():
    row, distance = neighbors(POINTS, 10, "euclidean")
    member = memberships(distance)
    one = np.zeros((300, 300))
    np.put_along_axis(one, row, member, 1)
    union = one + one.T - one * one.T
    graph = fuzzy_graph(row, member, seed=0)
    np.testing.assert_allclose(graph.weight, union.sum(1), rtol=1e-5)  # float32
    counts = np.stack([np.bincount(slots, minlength=300) for slots in graph.slot.T])
    exact = SLOTS * union / union.sum(1, keepdims=True)
    assert np.abs(counts - exact).max() < 1 + 1e-3  # rounded up or down
    # Rounding is fair: over seeds an edge has its share.
    mean = np.mean(
        [np.stack([np.bincount(s, minlength=300) for s in fuzzy_graph(row, member, i).slot.T])
         for i in range(40)], 0)  # fmt: skip
    assert np.abs(mean - exact).mean() < 0.01  # of 40 roundings an edge is off by .08 at most


@pytest.mark.parametrize("b", [0.7, 1.0])
def test_forces_are_the_gradient_of_the_cross_entropy(b: float):
    shape = Curve(1.5, b)
    place, other = np.array([[0.3], [1.0]], np.float32), np.array([[0.9], [0.2]], np.float32)

    def near(place: jax.Array) -> jax.Array:
        return 1 / (1 + shape.a * jnp.square(place - other).sum() ** shape.b)

    one = jnp.ones(1, jnp.float32)
    with jax.numpy_dtype_promotion("standard"):
        pull = jax.grad(lambda place: jnp.log(near(place)))(place)
        push = jax.grad(lambda place: jnp.log(1 - near(place)))(place)
    others = jnp.asarray(other[:, None])
    small = 1e-3  # a rate at which nothing is bounded
    found = pulling.pulled(jnp.asarray(place), others, small * one[None], shape)
    np.testing.assert_allclose(found, small * pull, rtol=1e-4)
    found = pulling.pushed(jnp.asarray(place), others, one, shape)
    np.testing.assert_allclose(found, push, rtol=2e-3)  # .001 is added to the squared distance


def test_nothing_is_pulled_beyond_the_mirror_image():
    place, other = jnp.zeros((2, 1)), jnp.full((2, 1, 1), 0.5)
    far = pulling.pulled(place, other, jnp.full((1, 1), 1e6), Curve(1.5, 0.9))
    assert (np.abs(far) <= 1.0 + 1e-6).all()
    still = pulling.pulled(place, 0 * other, jnp.full((1, 1), 1e6), Curve(1.5, 0.9))
    np.testing.assert_array_equal(still, 0)
