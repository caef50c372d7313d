"""Examples: the choice against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.atlas.cosine import best_cosines, own_cosines
from atlasjax.atlas.examples import nearest
from atlasjax.atlas.grid import grid
from atlasjax.errors import UserError


def cosine(a, b) -> float:
    return float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 999), images=st.integers(1, 30), k=st.integers(1, 6))
def test_the_nearest_members_are_taken_one_of_each_image_first(seed: int, images: int, k: int):
    rng = np.random.default_rng(seed)
    value = rng.normal(size=(60, 3)).astype(np.float32)
    image = rng.integers(0, images, 60)
    cells = grid(rng.random((60, 2)), value, 3, more_than=1)
    found = nearest(cells, value, image, k)
    for cell, (start, count) in enumerate(zip(cells.start, cells.count, strict=True)):
        members = cells.member[start : start + count].tolist()
        ranked = sorted(members, key=lambda m: -cosine(value[m], cells.direction[cell]))
        firsts = [m for r, m in enumerate(ranked) if image[m] not in image[ranked[:r]]]
        chosen = (firsts + [m for m in ranked if m not in firsts])[:k]
        expected = sorted(chosen, key=ranked.index)
        absent = k - len(expected)
        assert found.member[cell].tolist() == expected + [-1] * absent
        cosines = [cosine(value[m], cells.direction[cell]) for m in expected] + [-1] * absent
        np.testing.assert_allclose(found.cosine[cell], cosines, atol=1e-5)  # in float32


def test_no_examples_are_refused():
    cells = grid(np.zeros((2, 2)), np.eye(2), 1, more_than=1)
    with pytest.raises(UserError, match="0 examples for each cell"):
        nearest(cells, np.eye(2), np.arange(2), 0)


def test_best_and_own_cosines_of_unit_vectors_in_a_plane():
    angles = np.radians([0, 30, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1) * [[1], [5], [0.1]]
    np.testing.assert_allclose(own_cosines(vectors), np.cos(np.radians([30, 30, 60])))
    others = np.array([[np.cos(np.radians(45)), np.sin(np.radians(45))]])
    np.testing.assert_allclose(best_cosines(vectors, others), np.cos(np.radians([45, 15, 45])))
