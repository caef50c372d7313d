"""Principal directions against scikit-learn's, and the path in them."""

from typing import Any

import jax
import numpy as np
import pytest
from sklearn.decomposition import PCA

from atlasjax.errors import UserError
from atlasjax.landscape import principal, surface


def flat(w: Any) -> np.ndarray:
    return np.concatenate([np.ravel(w[layer]["kernel"]).astype(float) for layer in ("one", "two")])


def mixed(fresh: Any, share: float) -> Any:
    first, last, bent = fresh(3), fresh(0), fresh(5)
    return jax.tree.map(
        lambda a, b, c: share * a + (1 - share) * b + share * (1 - share) * c, first, last, bent
    )


def test_directions_are_those_of_pca_and_the_path_is_the_checkpoints(network: Any, fresh: Any):
    steps = [mixed(fresh, share) for share in (1.0, 0.7, 0.4, 0.1, 0.0)]
    found = principal(network(steps[-1]), [network(w) for w in steps])
    rows = np.stack([flat(w) - flat(steps[-1]) for w in steps])
    components: Any = (expected := PCA(2).fit(rows)).components_
    for direction, axis in zip(found.directions, components, strict=True):
        kernels = np.concatenate([np.ravel(part) for part in direction if part.ndim > 1])
        assert abs(kernels @ axis) == pytest.approx(1, abs=1e-5)
        assert not any(np.asarray(part).any() for part in direction if part.ndim == 1)
    np.testing.assert_allclose(found.explained, expected.explained_variance_ratio_, rtol=1e-5)
    places = np.abs(rows @ components.T)
    np.testing.assert_allclose(np.abs(found.coordinates), places, atol=1e-5)
    assert found.coordinates[-1].tolist() == [0.0, 0.0]
    assert found.aside.max() < 1e-3  # the three networks mixed span a plane


def test_biases_take_part_when_asked_for_and_the_surface_then_meets_the_checkpoints(
    network: Any, fresh: Any, images: Any, labels: Any
):
    steps = [network(mixed(fresh, share)) for share in (1.0, 0.5, 0.0)]
    found = principal(steps[-1], steps, biases=True)
    at = [[a] for a in found.coordinates[0]]
    there = surface(steps[-1], found.directions, images, labels, at=at).loss
    own = surface(steps[0], found.directions, images, labels, at=[[0.0], [0.0]]).loss
    np.testing.assert_allclose(there, own, rtol=1e-4)


def test_mistakes_get_one_line(network: Any, fresh: Any):
    same = [network(), network(), network()]
    with pytest.raises(UserError, match="fewer than 2 directions"):
        principal(network(), same)
    with pytest.raises(UserError, match="2 checkpoints for 2 directions"):
        principal(network(), same[:2])
    with pytest.raises(UserError, match="checkpoint 2 is of another network"):
        principal(network(), [network(), network(fresh(hidden=4)), network()])
