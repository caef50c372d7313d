"""Stability: which points are laid out again, and what is compared; the layouts are stand-ins."""

from typing import Any

import numpy as np
import pytest

from atlasjax.fidelity import stability as module
from atlasjax.fidelity.stability import compare_directions, stability


@pytest.fixture
def laid(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, int]]:
    """The layouts asked for. Each is the first two channels, mirrored with odd seeds."""
    calls = []

    def layout(activations, *, seed=0, jitter=0.0, note=None, **settings):
        assert settings == {"metric": "euclidean"}
        calls.append((activations, seed))
        noise = np.random.default_rng(seed).normal(size=(len(activations), 2)) * jitter
        xy = activations[:, :2] + noise
        return np.where(seed % 2, 1 - xy, xy).clip(0, 1).astype(np.float32)

    monkeypatch.setattr(module, "layout", layout)
    return calls


def some(n: int = 400, per_image: int = 4):
    value = np.random.default_rng(0).random((n, 5)).astype(np.float32)
    return value, np.arange(n) // per_image


def measured(value, image, size=4, **settings) -> Any:
    return stability(value, image, size, metric="euclidean", **settings)


def test_a_map_that_seeds_and_data_do_not_change_is_perfectly_stable(laid):
    value, image = some()
    found = measured(value, image)
    assert found is not None
    for same in (found.seeds, found.halves):
        assert same.disparity == pytest.approx(0, abs=1e-6)
        assert same.overlap > 0.99  # float32 may exchange two that are equally far
    assert found.seeds.points == found.halves.points == found.points == 400
    # Four maps: of all points with two seeds, and of each half with the first.
    assert [(len(rows), seed) for rows, seed in laid] == [(400, 0), (400, 1), (200, 0), (200, 0)]
    # 200 points of a half at 20 in a cell make 10 cells: a grid of 3.
    assert found.size == 3
    # Mirrored, the grid cuts the same cells.
    np.testing.assert_allclose(found.seed_directions.found, 1, atol=1e-6)
    assert (found.seed_directions.own < 1).all()
    assert (found.half_directions.found < 1).all()
    assert len(found.half_directions.found) == 2 * len(found.seed_directions.found)


def test_noise_in_the_layout_shows(laid):
    value, image = some()
    quiet, noisy = (measured(value, image, jitter=jitter) for jitter in (0.01, 0.3))
    for what in ("seeds", "halves"):
        assert getattr(quiet, what).disparity < getattr(noisy, what).disparity
        assert getattr(quiet, what).overlap > getattr(noisy, what).overlap > 0


def test_halves_share_no_image_and_images_stay_whole(laid):
    value, image = some(402, 3)
    value[:, 4] = image
    measured(value, image, points=101)
    whole, _, first, second = (set(rows[:, 4].tolist()) for rows, _ in laid)
    assert first | second == whole
    assert not first & second
    assert [len(rows) for rows, _ in laid] == [99, 99, 51, 48]  # 33 images of three each


def test_it_is_repeatable_and_the_seed_decides(laid):
    value, image = some()
    a, b, c = (measured(value, image, points=200, seed=seed) for seed in (0, 0, 2))
    assert a.seeds == b.seeds
    np.testing.assert_array_equal(laid[0][0], laid[4][0])
    assert not np.array_equal(laid[0][0], laid[8][0])
    assert c is not None


def test_the_last_seed_is_followed_by_the_first(laid):
    measured(*some(), seed=2**32 - 1)
    assert {seed for _, seed in laid} == {2**32 - 1, 0}


def test_too_few_activations_or_images_say_nothing(laid):
    assert measured(*some(20)) is None
    value, _ = some(40)
    assert measured(value, np.zeros(40, int)) is None  # one image has no halves
    assert laid == []


def test_cells_too_empty_to_be_drawn_are_not_compared(laid):
    found = measured(*some(40), more_than=50)
    assert found is not None
    assert found.seeds.overlap is not None
    assert found.seed_directions is None
    assert found.half_directions is None


def test_one_cell_alone_has_no_neighbour_to_compare_with():
    assert compare_directions(np.eye(3)[:1], np.eye(3)) is None
