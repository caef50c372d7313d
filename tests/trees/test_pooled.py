"""Features of images: what is pooled, where it is greatest, mistakes."""

from typing import Any

import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.trees import pooled


def toy(images: Any, tap: Any) -> Any:
    return tap("double", 2 * images).mean((1, 2))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((3, 4, 5, 2)).astype(np.float32)


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_values_are_those_of_numpy(images: np.ndarray, pool: str):
    along = np.array([[1.0, -1.0], [0.0, 2.0]], np.float32)
    found = pooled(toy, "double", along, [images[:2], images[2:]], pool=pool)
    score = (2 * images).reshape(3, 20, 2) @ along.T
    np.testing.assert_allclose(found.value, getattr(score, pool)(1), rtol=1e-5, atol=1e-6)
    place = np.stack(np.unravel_index(score.argmax(1), (4, 5)), axis=-1)
    np.testing.assert_array_equal(found.position, place)
    np.testing.assert_allclose(found.logits, 2 * images.mean((1, 2)), rtol=1e-5)


def test_cosines_know_no_strength(images: np.ndarray):
    along = np.array([[1.0, 0.5]], np.float32)
    weak, strong = (
        pooled(toy, "double", along, [s * images], cosine=True).value for s in (0.1, 1.0)
    )
    np.testing.assert_allclose(weak, strong, rtol=1e-5)
    assert (strong <= 1 + 1e-6).all()


def test_bytes_are_brought_to_1(images: np.ndarray):
    bits = (255 * images).astype(np.uint8)
    given = (toy, "double", np.eye(2))
    expected = pooled(*given, [bits / np.float32(255)]).value
    np.testing.assert_allclose(pooled(*given, [bits]).value, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layer": "doubel"}, "no layer 'doubel'; did you mean double?"),
        ({"pool": "sum"}, "no pool 'sum'"),
        ({"directions": np.eye(3)}, "directions of 3 channels for a layer of 2"),
        ({"images": []}, "no images"),
    ],
)
def test_mistakes_get_one_line(images: np.ndarray, change: dict[str, Any], said: str):
    given: dict[str, Any] = {"layer": "double", "directions": np.eye(2), "images": [images]}
    with pytest.raises(UserError) as told:
        pooled(toy, **(given | change))
    assert said in str(told.value)
