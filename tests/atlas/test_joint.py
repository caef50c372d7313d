"""Joint: what distances between joint vectors are."""

import numpy as np

from atlasjax.atlas.joint import joint


def cosine(a: np.ndarray) -> np.ndarray:
    unit = a / np.linalg.norm(a, axis=1, keepdims=True)
    return unit @ unit.T


def test_joint_cosines_are_the_mean_of_the_networks():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(6, 3)), 100 * rng.normal(size=(6, 5))]
    mean = (cosine(parts[0]) + cosine(parts[1])) / 2
    np.testing.assert_allclose(cosine(joint(parts, "cosine")), mean, atol=1e-12)


def test_by_distance_networks_weigh_the_same_whatever_their_scale():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 3)), rng.normal(size=(6, 5))
    found = joint([a, b], "euclidean")
    np.testing.assert_allclose(found, joint([a * 1000, b], "euclidean"))
    np.testing.assert_allclose((found[:, :3] ** 2).sum(1).mean(), 1)
    np.testing.assert_allclose((found[:, 3:] ** 2).sum(1).mean(), 1)


def test_silence_is_left_silent():
    assert joint([np.zeros((2, 3)), np.ones((2, 1))], "cosine").tolist() == [[0, 0, 0, 1]] * 2
