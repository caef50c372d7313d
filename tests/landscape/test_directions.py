"""Directions: filter normalization, biases left out, checkpoints that do not fit."""

from typing import Any

import jax
import numpy as np
import pytest

from atlasjax.adapters.adapt import adapt
from atlasjax.errors import UserError
from atlasjax.landscape import between, random, surface, weights_of

KEY = jax.random.key(0)


def scaled(w: dict[str, Any], factor: float) -> dict[str, Any]:
    """One layer's filters multiplied, the next one's divided: the same function."""
    one = {name: factor * value for name, value in w["one"].items()}
    return {"one": one, "two": w["two"] | {"kernel": w["two"]["kernel"] / factor}}


def of(network: Any, images: Any, labels: Any, **settings: Any) -> np.ndarray:
    directions = [random(network, jax.random.key(i), **settings) for i in range(2)]
    at = [np.linspace(-1, 1, 5)] * 2
    return surface(network, directions, images, labels, at=at).loss


def test_a_surface_stays_when_one_layer_is_scaled_and_the_next_scaled_back(
    network: Any, fresh: Any, images: Any, labels: Any
):
    before = of(network(), images, labels)
    after = of(network(scaled(fresh(), 10.0)), images, labels)
    np.testing.assert_allclose(after, before, rtol=1e-4)  # float32, sums of 12 products


def test_without_filter_normalization_it_does_not(
    network: Any, fresh: Any, images: Any, labels: Any
):
    plain = [
        of(network(w), images, labels, normalization="none")
        for w in (fresh(), scaled(fresh(), 10.0))
    ]
    assert np.abs(plain[1] / plain[0] - 1).max() > 0.5


def test_each_filter_is_as_long_as_the_networks_and_biases_stay(network: Any):
    model = network()
    weights = weights_of(model)
    for value, d in zip(weights.values, random(model, KEY), strict=True):
        if value.ndim == 1:
            assert not d.any()
        else:
            lengths = np.linalg.norm(d, axis=0), np.linalg.norm(value, axis=0)
            np.testing.assert_allclose(*lengths, rtol=1e-5)


def test_biases_are_moved_when_asked_for(network: Any):
    assert all(np.asarray(part).any() for part in random(network(), KEY, biases=True))


def test_filters_of_pytorch_are_counted_by_the_first_axis():
    torch = pytest.importorskip("torch")
    made = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
    model = adapt(made.eval(), output="none", example=(8, 8, 3))
    weights = weights_of(model)
    found = dict(zip(weights.names, random(model, KEY), strict=True))
    (kernel,) = (name for name, value in found.items() if value.ndim == 4)
    own = weights.values[weights.names.index(kernel)]
    lengths = [np.linalg.norm(np.reshape(a, (4, -1)), axis=1) for a in (found[kernel], own)]
    np.testing.assert_allclose(*lengths, rtol=1e-5)
    assert not any(np.asarray(part).any() for name, part in found.items() if name != kernel)
    trained = dict(zip(weights.names, weights.trained, strict=True))
    assert [name for name, is_trained in trained.items() if not is_trained] == [
        name for name in trained if "running" in name
    ]


def test_statistics_of_batches_are_never_moved():
    from flax import nnx

    norm = adapt(nnx.BatchNorm(3, rngs=nnx.Rngs(0)), output="none")
    weights = weights_of(norm)
    found = dict(zip(weights.names, random(norm, KEY, biases=True), strict=True))
    moved = {name: bool(np.asarray(part).any()) for name, part in found.items()}
    assert sum(moved.values()) == 1  # the scale; a bias of 0 is a filter of no length
    assert not any(moved[name] for name in moved if name.split(".")[-1] in ("mean", "var"))


def test_the_surface_between_networks_ends_at_the_other(
    network: Any, fresh: Any, images: Any, labels: Any
):
    one, other = network(), network(fresh(seed=9))
    found = surface(one, [between(one, other)], images, labels, at=[[0.0, 1.0]])
    alone = surface(other, [random(other, KEY)], images, labels, at=[[0.0]])
    np.testing.assert_allclose(found.loss[1], alone.loss[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda n, f: between(n(), n(f(hidden=4))), "one.bias has shape [4], not [5]"),
        (lambda n, f: between(n(), n({"one": f()["one"]})), "it has 2 arrays of weights for 4"),
        (lambda n, f: random(n(), KEY, normalization="filters"), "did you mean filter, layer?"),
        (lambda n, f: random(n(), KEY, filters="middle"), "filters='middle'"),
        (lambda n, f: random(lambda x, tap: x, KEY), "no weights to move: a plain function"),
    ],
)
def test_mistakes_get_one_line(network: Any, fresh: Any, call: Any, said: str):
    with pytest.raises(UserError) as told:
        call(network, fresh)
    assert said in str(told.value)
    assert "\n" not in str(told.value)
