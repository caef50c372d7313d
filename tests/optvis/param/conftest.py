"""Parameters without compiling a generator of random numbers, which takes longest of all."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.optvis.param import Parameterization, Params


@pytest.fixture(scope="session")
def fill() -> Callable[..., Params]:
    """A function of a parameterization to parameters of its shapes, normal with a deviation."""

    def filled(param: Parameterization, sd: float = 1.0, seed: int = 0) -> Params:
        rng = np.random.default_rng(seed)
        return jax.tree.map(
            lambda leaf: jnp.asarray(rng.normal(0, sd, leaf.shape), leaf.dtype),
            jax.eval_shape(param.init, jax.random.key(0)),
        )

    return filled
