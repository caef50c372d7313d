"""What every parameterization must be: shapes, ranges, gradients, batches, devices."""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.errors import UserError
from atlasjax.optvis.color import no_correlation
from atlasjax.optvis.param import (
    Parameterization,
    Params,
    Spectrum,
    cppn,
    fourier,
    image_shape,
    laplacian,
    low_resolution,
    maco,
    pixels,
    shared,
    start_from,
    with_alpha,
)
from atlasjax.parallel import batch_mesh, split_batch

H, W = 9, 12
SIZE = (H, W)


def spectrum(height: int, width: int, channels: int) -> Spectrum:
    magnitude = np.random.default_rng(0).uniform(0.5, 2, (channels, height, width // 2 + 1))
    return Spectrum(magnitude.astype(np.float32), (height, width), no_correlation(channels))


# Drawing takes longest to compile, for every shape anew: hence few shapes.
COARSE = low_resolution(pixels((5, 6)), SIZE)
ALL = {
    "pixels": pixels(SIZE),
    "fourier": fourier(SIZE),
    "laplacian": laplacian(SIZE, levels=2),
    "cppn": cppn(SIZE, width=3, depth=2, activation="composite"),
    "cppn of sines": cppn(SIZE, width=3, depth=2, activation="sin"),
    "maco": maco(spectrum(H, W, 3)),
    "low resolution": COARSE,
    "shared": shared(pixels(SIZE), 2, [COARSE]),
    "alpha": with_alpha(fourier(SIZE)),
    "given start": start_from(fourier(SIZE), jnp.ones((2, 3, 9, 7)), noise=0.1),
}
SHAPES = {"shared": (2, H, W, 3), "alpha": (H, W, 4)}
KEYS = jax.random.split(jax.random.key(0), 2)
every = pytest.mark.parametrize("name", ALL)


@cache
def drawn(name: str, index: int) -> Params:
    return ALL[name].init(KEYS[index])


@every
def test_the_image_has_its_shape_and_range_and_depends_on_the_key(name: str):
    param = ALL[name]
    first, second = (np.asarray(param.image(drawn(name, i))) for i in (0, 1))
    assert first.shape == SHAPES.get(name, (H, W, 3)) == image_shape(param)
    assert first.dtype == np.float32
    assert first.min() > 0
    assert first.max() < 1
    assert (first != second).mean() > 0.9


@every
def test_the_gradient_is_finite_and_not_zero_at_the_start(name: str):
    param = ALL[name]
    weights = np.random.default_rng(0).normal(size=image_shape(param)).astype(np.float32)
    gradient = jax.jit(jax.grad(lambda p: (param.image(p) * weights).sum()))
    for leaf in jax.tree.leaves(gradient(drawn(name, 0))):
        assert np.isfinite(leaf).all()
        assert (np.abs(leaf) > 0).mean() > 0.4  # a spectrum has parts that no picture shows


@every
def test_images_on_two_devices_are_what_each_is_by_itself(name: str):
    image = ALL[name].image
    apart = [drawn(name, 0), drawn(name, 1)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *apart)
    mesh = batch_mesh(jax.local_devices()[:2])
    together = split_batch(jax.vmap(image), mesh, replicated=0)(stacked)
    # Compiled and not, for one and for many: sums of a few float32 of order one.
    np.testing.assert_allclose(together, np.stack([image(p) for p in apart]), atol=1e-5)


# Those that draw in a way of their own.
@pytest.mark.parametrize(
    "name", ["pixels", "laplacian", "cppn", "maco", "shared", "alpha", "given start"]
)
def test_starts_drawn_together_are_those_drawn_apart(name: str):
    together = jax.vmap(ALL[name].init)(KEYS)
    for index in (0, 1):
        jax.tree.map(
            lambda all_of_them, one, i=index: np.testing.assert_allclose(
                all_of_them[i], one, atol=1e-6
            ),
            together,
            drawn(name, index),
        )


def test_starts_drawn_on_two_devices_are_those_drawn_on_one():
    init = jax.vmap(ALL["shared"].init)
    one, two = (split_batch(init, batch_mesh(jax.local_devices()[:n]), 0)(KEYS) for n in (1, 2))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), one, two)


MAKERS: dict[str, Callable[..., Parameterization]] = {
    "pixels": lambda size, matrix: pixels(size, correlation=matrix),
    "fourier": lambda size, matrix: fourier(size, correlation=matrix),
    "laplacian": lambda size, matrix: laplacian(size, levels=2, correlation=matrix),
    "cppn": lambda size, matrix: cppn(size, width=3, depth=2, correlation=matrix),
    "maco": lambda size, matrix: maco(spectrum(size[0], size[1], len(matrix))),
}


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(list(MAKERS)), st.integers(2, 9), st.integers(2, 9), st.sampled_from([1, 2, 5])
)
def test_any_size_and_any_number_of_channels(maker: str, height: int, width: int, channels: int):
    param = MAKERS[maker]((height, width), no_correlation(channels))
    # Traced only, which is where shapes are decided: a hundred sizes to compile take minutes.
    assert image_shape(param) == (height, width, channels)


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("channels", [1, 4])
def test_channels_without_decorrelation_are_in_range(maker: str, channels: int, fill):
    param = MAKERS[maker]((5, 7), no_correlation(channels))
    image = np.asarray(param.image(fill(param)))
    assert image.shape == (5, 7, channels)
    assert image.min() > 0
    assert image.max() < 1
    assert image.std((0, 1)).min() > 0


@pytest.mark.parametrize("maker", [pixels, laplacian, cppn])
def test_a_size_of_nothing_is_refused(maker):
    with pytest.raises(UserError, match=r"image size \(0, 4\): must be at least 1 px"):
        maker((0, 4))
