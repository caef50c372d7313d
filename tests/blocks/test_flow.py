"""Flow between layers against matrices written down, pushed or pulled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import UserError, blocks
from atlasjax.taps import capture

RANDOM = np.random.default_rng(1)


def _mixing(weight: np.ndarray):
    """A network whose layer `b` [2, 2, 2] is any matrix times its layer `a` [3, 2, 2]."""

    def network(images, tap):
        a = tap("a", images)
        b = tap("b", (a.reshape(len(a), -1) @ weight).reshape(-1, 2, 2, 2))
        return b.sum((1, 2))

    return network


def _groups(shape: tuple[int, ...], count: int):
    maps = RANDOM.uniform(size=(*shape[:3], count)).astype(np.float32)
    return maps, RANDOM.normal(size=(count, shape[3])).astype(np.float32)


@pytest.mark.parametrize(("earlier", "later"), [(2, 5), (5, 2)])  # pushed, and pulled
def test_groups_to_groups(earlier: int, later: int):
    weight = RANDOM.normal(size=(12, 8)).astype(np.float32)
    images = jnp.asarray(RANDOM.uniform(size=(2, 3, 2, 2)).astype(np.float32))
    first, second = _groups((2, 3, 2, 2), earlier), _groups((2, 2, 2, 2), later)
    found = blocks.flow_between_groups(_mixing(weight), "a", "b", images, first, second)
    assert found.shape == (2, earlier, later)
    for image, i, j in np.ndindex(2, earlier, later):
        one = (first[0][image, ..., i, None] * first[1][i]).ravel()
        other = (second[0][image, ..., j, None] * second[1][j]).ravel()
        expected = one @ weight @ other / np.linalg.norm(other)
        assert float(found[image, i, j]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_positions_to_positions():
    weight = RANDOM.normal(size=(12, 8)).astype(np.float32)
    images = jnp.asarray(RANDOM.uniform(size=(2, 3, 2, 2)).astype(np.float32))
    network = _mixing(weight)
    found = blocks.flow_between_positions(network, "a", "b", images)
    assert found.shape == (2, 3, 2, 2, 2)
    b = np.asarray(capture(network, images, ["b"])["b"])
    for image, r, c, r2, c2 in np.ndindex(*found.shape):
        part = np.zeros((3, 2, 2))
        part[r, c] = images[image, r, c]
        moved = (part.ravel() @ weight).reshape(2, 2, 2)[r2, c2]
        expected = moved @ b[image, r2, c2] / np.linalg.norm(b[image, r2, c2])
        assert float(found[image, r, c, r2, c2]) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    norm = np.linalg.norm(b, axis=-1)  # what lies between is linear and without a bias
    np.testing.assert_allclose(found.sum((1, 2)), norm, rtol=1e-4)


def test_there_are_as_many_positions_on_either_side():
    """More later positions than earlier ones: pushed where it was pulled before."""

    def network(images, tap):
        a = tap("a", images)
        return tap("b", jnp.repeat(jnp.repeat(jnp.tanh(a), 2, 1), 2, 2)).sum((1, 2))

    images = jnp.asarray(RANDOM.uniform(size=(1, 2, 2, 3)).astype(np.float32))
    found = np.asarray(blocks.flow_between_positions(network, "a", "b", images))[0]
    a = np.asarray(images, np.float64)[0]
    for r, c, r2, c2 in np.ndindex(2, 2, 4, 4):
        unit = np.tanh(a[r, c]) / np.linalg.norm(np.tanh(a[r, c]))
        here = (r, c) == (r2 // 2, c2 // 2)
        expected = (a[r, c] / np.cosh(a[r, c]) ** 2) @ unit if here else 0.0
        assert found[r, c, r2, c2] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_layers_that_are_not_there_are_refused(linear, images):
    with pytest.raises(UserError, match="no layer 'frist'"):
        blocks.flow_between_positions(linear, "frist", "second", images)
    with pytest.raises(UserError, match="no layer 'secnod'"):
        blocks.flow_between_positions(linear, "first", "secnod", images)


def test_nothing_flows_back(linear, images):
    found = blocks.flow_between_positions(linear, "second", "first", images)
    assert not bool(jnp.any(found))
    assert found.shape == (2, 3, 3, 3, 3)
    assert isinstance(found, jax.Array)
