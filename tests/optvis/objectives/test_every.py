"""What holds of every objective: independence, finite gradients, one compilation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax.optvis.objectives as ob
from atlasjax.optvis.objectives.core import network

UNITS, FRAMES = 2, 3


def values(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(UNITS, *shape)).astype(np.float32)


def index(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 6, UNITS)


ALONE: dict[str, Callable[[int], ob.Objective]] = {
    "neuron": lambda s: ob.neuron("conv", index(s), np.stack([index(s) % 3, index(s + 1) % 4], 1)),
    "channel": lambda s: ob.channel("conv", index(s)),
    "deep_dream": lambda s: ob.deep_dream("conv"),
    "class_logit": lambda s: ob.class_logit(index(s)),
    "log_probability": lambda s: ob.log_probability(index(s)),
    "direction": lambda s: ob.direction("conv", values(s, 6), power=2.0, whiten=np.eye(6)),
    "direction_neuron": lambda s: ob.direction_neuron("conv", values(s, 6), whiten=np.eye(6)),
    "cosine": lambda s: ob.cosine("conv", values(s, 6)),
    "mean_cosine": lambda s: ob.mean_cosine("conv", values(s, 6), np.eye(6)),
    "tensor_direction": lambda s: ob.tensor_direction("conv", values(s, 2, 9, 6), power=1.0),
    "match l2": lambda s: ob.match("conv", values(s, 3, 4, 6)),
    "match l1": lambda s: ob.match("conv", values(s, 3, 4, 6), "l1"),
    "match cosine": lambda s: ob.match("conv", values(s, 3, 4, 6), "cosine"),
    "caricature": lambda s: ob.caricature("conv", values(s, 3, 4, 6)),
    "style": lambda s: ob.style("conv", values(s, 6, 6)),
    "facet": lambda s: ob.facet("conv", values(s, 3, 4, 6), values(s, 6)),
    "l1": lambda s: ob.l1(np.random.default_rng(s).uniform(size=UNITS)),
    "l2": lambda s: ob.l2(np.random.default_rng(s).uniform(size=UNITS)),
    "total_variation": lambda s: ob.total_variation(),
    "blur": lambda s: ob.blur(),
    "boundary_complexity": lambda s: ob.boundary_complexity(1, 0.1 * s, 0.5 * s),
    "interpolate": lambda s: ob.interpolate(ob.channel("conv", index(s)), ob.constant(s)),
    "per_frame": lambda s: ob.per_frame(
        ob.channel("conv", index(s)), ob.channel("conv", 2), ob.class_logit(index(s))
    ),
    "composed": lambda s: s * ob.channel("conv", index(s)) * ob.class_logit(0) - 2 * ob.l2(),
}
TOGETHER: dict[str, Callable[[int], ob.Objective]] = {
    "diversity": lambda s: ob.diversity("conv"),
    "alignment": lambda s: ob.alignment("conv", 1.0 + s),
    "alignment of images": lambda s: ob.alignment(None, 1.0 + s),
}
EVERY = ALONE | TOGETHER


def test_none_is_forgotten():
    others = {"alpha_mean", "constant", "facet_direction", "facet_gradient", "gram_matrix"}
    others |= {"check", "evaluate", "shapes_for", "spread", "take", "units"}
    tested = {name.split()[0] for name in EVERY} - {"composed"}
    assert tested | others == {name for name in ob.__all__ if name.islower()}


def toy(images: jax.Array, tap: Any) -> jax.Array:
    x = tap("conv", jnp.concatenate([jnp.tanh(images[:, ::2]), jnp.square(images[:, 1::2])], -1))
    return tap("fc", x.mean((1, 2)))


TRACED = []


@jax.jit
def all_scores(objective: ob.Objective, images: jax.Array) -> jax.Array:
    """Score [units, frames, h, w, c], with one run of the network for all of them."""
    TRACED.append(objective)
    seen = network(toy, images.reshape(-1, *images.shape[2:]), objective.layers)
    seen = {name: v.reshape(*images.shape[:2], *v.shape[1:]) for name, v in seen.items()}
    return jax.vmap(ob.evaluate)(ob.spread(objective, UNITS), ob.Seen(images, seen))


IMAGES = jnp.asarray(np.random.default_rng(1).uniform(size=(UNITS, FRAMES, 6, 4, 3)), jnp.float32)


@pytest.mark.parametrize("name", EVERY)
def test_units_do_not_influence_one_another(name: str):
    objective, other = EVERY[name](1), np.random.default_rng(2).uniform(size=(6, 4, 3))
    before = np.asarray(all_scores(objective, IMAGES))
    for unit, frame in np.ndindex(UNITS, FRAMES):
        images = np.array(IMAGES)
        images[unit, frame] = other
        changed = np.asarray(all_scores(objective, jnp.asarray(images))) != before
        assert not changed[1 - unit].any()
        if name in TOGETHER:
            assert changed[unit].all()
        else:
            assert not np.delete(changed[unit], frame).any()
            assert changed[unit, frame] or (name, frame) == ("interpolate", FRAMES - 1)


@pytest.mark.parametrize("name", EVERY)
def test_the_order_of_units_does_not_matter(name: str):
    turned = ob.take(ob.spread(EVERY[name](1), UNITS), np.array([1, 0]))
    found = all_scores(turned, IMAGES[::-1])[::-1]
    np.testing.assert_allclose(found, all_scores(EVERY[name](1), IMAGES), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_gradients_are_finite_even_of_silence(name: str):
    slope = jax.jit(jax.grad(lambda o, x: all_scores(o, x).sum(), 1))
    for images in (IMAGES, jnp.zeros_like(IMAGES), jnp.full_like(IMAGES, 0.5)):
        assert np.isfinite(slope(EVERY[name](1), images)).all()


@pytest.mark.parametrize("name", EVERY)
def test_other_values_do_not_compile_again(name: str):
    first = np.asarray(all_scores(EVERY[name](1), IMAGES))
    traced = len(TRACED)
    second = np.asarray(all_scores(EVERY[name](2), IMAGES))
    assert len(TRACED) == traced
    assert not jax.tree.leaves(EVERY[name](1)) or not np.array_equal(first, second)


@pytest.mark.parametrize("name", EVERY)
def test_what_fits_is_let_through(name: str):
    ob.check(EVERY[name](1), ob.shapes_for(toy, (6, 4, 3)))


@pytest.mark.parametrize("name", EVERY)
def test_scores_of_half_precision_are_float32(name: str):
    found = all_scores(EVERY[name](1), IMAGES.astype(jnp.bfloat16))
    assert found.dtype == jnp.float32
    # bfloat16 has 8 bits; the objectives are of order 1, or 100 for `facet`, and smooth.
    np.testing.assert_allclose(found, all_scores(EVERY[name](1), IMAGES), rtol=0.1, atol=0.15)
