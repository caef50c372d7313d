"""Keys: nothing random is drawn twice from one key, as JAX itself can tell."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.atlas.icons import icon_keys
from atlasjax.atlas.positions import Lattice, independent, together
from atlasjax.optvis import param, transform

LATTICES = {"fine": Lattice(8, 8, 8.0, 6.0), "coarse": Lattice(4, 4, 16.0, 14.0)}
IMAGE = jnp.zeros((8, 8, 3))


TRANSFORMS = {
    "similarity": transform.similarity(),
    "jitter": transform.jitter(2, subpixel=True),
    "moves": transform.compose(
        transform.pad(2),
        transform.jitter(2),
        transform.scale(0.9, 1.1),
        transform.rotate([-5, 0, 5]),
        transform.shear(3),
        transform.flip(vertical=0.5),
        transform.window(6),
    ),
    "effects": transform.compose(
        transform.color(0.1, 0.1, 0.1), transform.noise(0.1), transform.uniform_noise(0.1)
    ),
    "lucid's": transform.lucid_standard(),
}
PARAMS = {
    "fourier": param.fourier(8),
    "cppn": param.cppn(8, width=4, depth=3),
    "laplacian": param.laplacian(8, levels=2),
    "with alpha": param.with_alpha(param.pixels(8)),
    "frames": param.shared(param.fourier(8), 2, [param.fourier(8), param.fourier(8)]),
}
DRAWS: dict[str, Callable[[Any], Any]] = {
    "positions of each layer": independent({"a": (5, 5)}, 2),
    "positions of all layers": together(LATTICES, 2),
    "perturbed": lambda key: param.perturb(key, {"a": IMAGE, "b": IMAGE}, 0.1),
    "icons": lambda key: icon_keys(key, "a", 6, np.arange(6), np.arange(6)),
    **{name: (lambda key, made=made: made(key, IMAGE)) for name, made in TRANSFORMS.items()},
    **{name: made.init for name, made in PARAMS.items()},
}


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Compile without optimizing, as everything is computed once."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.parametrize("name", DRAWS)
def test_no_key_is_used_twice(name: str):
    with jax.debug_key_reuse(True):
        jax.block_until_ready(DRAWS[name](jax.random.key(0)))


def test_using_one_twice_would_be_told():
    def twice(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.random.permutation(key, 4), jax.random.uniform(key)

    with jax.debug_key_reuse(True), pytest.raises(jax.errors.KeyReuseError):
        jax.jit(twice)(jax.random.key(0))


def test_cells_have_keys_of_their_own():
    place = np.arange(36)
    found = [icon_keys(jax.random.key(0), layer, 6, place % 6, place // 6) for layer in ("a", "b")]
    data = np.concatenate([jax.random.key_data(keys) for keys in found])
    assert len(np.unique(data, axis=0)) == 72
