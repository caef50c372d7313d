"""What the tests of objectives share."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.optvis.objectives import Objective, Seen, evaluate, spread

Scores = Callable[..., np.ndarray]
ALL_UNITS = jax.jit(jax.vmap(evaluate))


@pytest.fixture(scope="session")
def scores() -> Scores:
    """Score [units, frames, ...] as the renderer does: every unit by itself, with its own data."""

    def all_units(
        objective: Objective, layers: Mapping[str, np.ndarray], images: np.ndarray | None = None
    ) -> np.ndarray:
        if images is None:
            images = np.zeros((*next(iter(layers.values())).shape[:2], 1, 1, 3), np.float32)
        seen = Seen(jnp.asarray(images), {name: jnp.asarray(v) for name, v in layers.items()})
        found = ALL_UNITS(spread(objective, len(images)), seen)
        assert found.shape == images.shape[:2]
        assert found.dtype == jnp.float32
        return np.asarray(found)

    return all_units
