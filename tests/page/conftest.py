"""A small level, which pictures and pages are made of."""

from collections.abc import Callable

import numpy as np
import pytest

from atlasjax.atlas.level import Level

# (x, y): no symmetry, so that a transposed or mirrored map is a different one.
PLACES = ((0, 0), (1, 0), (2, 0), (3, 1), (0, 3))


@pytest.fixture(scope="session")
def places():
    return PLACES


@pytest.fixture(scope="session")
def colour() -> Callable[[int], np.ndarray]:
    return _colour


@pytest.fixture(scope="session")
def made() -> Callable[..., Level]:
    return _made


@pytest.fixture(scope="session")
def names() -> list[str]:
    return [f"class {i}" for i in range(10)]


def _colour(index: int) -> np.ndarray:
    return np.array([40 * index + 10, 250 - 30 * index, (90 * index) % 256], np.uint8)


def _made(places=PLACES, *, size: int = 8, classes: int = 10) -> Level:
    """A level of plain icons, whose colours tell the first six cells apart."""
    rng = np.random.default_rng(0)
    n = len(places)
    x, y = np.array(places).T
    return Level(
        x=x,
        y=y,
        count=np.arange(n) + 6,
        direction=rng.normal(size=(n, 12)).astype(np.float32),
        cosine=np.linspace(0.51234, 0.9, n).astype(np.float32),
        attribution=rng.normal(size=(n, classes)).astype(np.float32),
        icon=np.stack([np.broadcast_to(_colour(i % 6), (size, size, 3)) for i in range(n)]),
    )
