"""Several devices: the same numbers as on one, for every argument, without communication."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import PartitionSpec

from atlasjax import models, parallel
from atlasjax.parallel import (
    batch_mesh,
    either,
    fitting,
    overlapped,
    pad_batch,
    replicate,
    share_of,
    split_batch,
)
from atlasjax.taps import capture

COLLECTIVE = re.compile(
    r"\b(all-reduce|all-gather|all-to-all|collective-permute|collective-broadcast|reduce-scatter)"
)


def meshes():
    assert len(jax.local_devices()) == 2, "conftest makes two virtual devices"
    return batch_mesh(jax.local_devices()[:1]), batch_mesh()


def test_the_mesh_is_of_the_devices_given():
    one, two = meshes()
    assert (one.size, two.size) == (1, 2)
    assert one.devices.tolist() == jax.local_devices()[:1]
    assert two.devices.tolist() == jax.local_devices()


def test_two_devices_give_what_one_gives():
    one, two = meshes()

    def function(offset, x, y):
        return {"sum": offset + x + y[:, :1], "by hand": (x * y).sum(1)}

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 6, 3)).astype(np.float32)
    offset = np.float32(2.0).reshape(1, 1)
    results = [split_batch(function, mesh, 1)(offset, x, y) for mesh in (one, two)]
    for result in results:
        np.testing.assert_array_equal(result["sum"], offset + x + y[:, :1])
        np.testing.assert_allclose(result["by hand"], (x * y).sum(1), rtol=1e-5, atol=1e-6)
    # A row's arithmetic does not depend on how many rows stand beside it.
    np.testing.assert_array_equal(results[0]["by hand"], results[1]["by hand"])


def test_every_device_does_its_share():
    _, two = meshes()
    seen: list[int] = []

    def function(x):
        seen.append(x.shape[0])
        return x

    result = split_batch(function, two, 0)(np.arange(6.0, dtype=np.float32))
    assert set(seen) == {3}
    assert result.sharding.spec == PartitionSpec("batch")
    assert sorted(s.data.shape for s in result.addressable_shards) == [(3,), (3,)]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_uneven_batches_go_through_padding(n: int):
    _, two = meshes()
    x = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
    size = share_of(n, two)
    assert size == n + n % 2
    result = split_batch(lambda x: x * 3.0, two, 0)(pad_batch(x, size))[:n]
    np.testing.assert_array_equal(result, x * np.float32(3))


def test_a_batch_that_does_not_divide_is_refused():
    _, two = meshes()
    with pytest.raises(ValueError, match="divisible"):
        split_batch(lambda x: x, two, 0)(np.zeros(3, np.float32))


def test_keys_are_padded_and_split_like_any_array():
    one, two = meshes()
    keys = jax.random.split(jax.random.key(0), 3)
    padded = pad_batch({"keys": keys, "n": np.arange(3)}, 4)
    assert padded["n"].tolist() == [0, 1, 2, 2]
    assert (padded["keys"][:3] == keys).all()
    assert padded["keys"][3] == keys[2]

    def draw(keys):
        return jax.vmap(lambda k: jax.random.uniform(k, (2,)))(keys)

    expected = np.stack([jax.random.uniform(k, (2,)) for k in padded["keys"]])
    for mesh in (one, two):
        np.testing.assert_array_equal(split_batch(draw, mesh, 0)(padded["keys"]), expected)


def test_a_module_is_seen_whole_by_every_device():
    one, two = meshes()
    model = models.load("inception_v1_tiny")
    images = jax.random.uniform(jax.random.key(1), (4, 32, 32, 3))

    def at_layer(model, x):
        return capture(model, x, ["maxpool1"])["maxpool1"]

    result = [split_batch(at_layer, mesh, 1)(model, images) for mesh in (one, two)]
    assert np.ptp(result[0], axis=0).max() > 0
    # Batches of 4 and of 2 may be blocked differently: float32 rounding of sums of ~100 products.
    scale = float(np.abs(result[0]).max())
    np.testing.assert_allclose(result[1], result[0], rtol=0, atol=1e-5 * scale)


def compiled_text(function, replicated: int, *arguments) -> str:
    _, two = meshes()
    split = split_batch(function, two, replicated)
    text = jax.jit(split).lower(*arguments).compile().as_text()
    assert text
    return text


def test_nothing_is_communicated():
    weights, images = jnp.ones((3, 4)), jnp.ones((4, 8, 8, 3))

    def gradient(weights, images):
        return jax.grad(lambda x: (jnp.tanh(x @ weights) ** 2).sum())(images)

    assert not COLLECTIVE.search(compiled_text(gradient, 1, weights, images))
    # The search does find communication where there is some.
    text = compiled_text(lambda x: x + jax.lax.psum(x, "batch"), 0, jnp.ones(4))
    assert COLLECTIVE.search(text)


@given(st.integers(1, 9), st.integers(0, 9))
def test_padding_repeats_the_last_and_leaves_the_rest(n: int, more: int):
    array = np.arange(2 * n).reshape(n, 2)
    padded = pad_batch((array, {"b": array[:, 0]}), n + more)
    for got, given_ in ((padded[0], array), (padded[1]["b"], array[:, 0])):
        assert got.shape == (n + more, *given_.shape[1:])
        assert (got[:n] == given_).all()
        assert (got[n:] == given_[-1]).all()


def test_a_batch_is_never_shortened():
    with pytest.raises(ValueError, match="negative"):
        pad_batch(np.arange(3), 2)


@given(st.integers(1, 1000))
def test_the_share_is_the_smallest_multiple(batch: int):
    _, two = meshes()
    share = share_of(batch, two)
    assert share % 2 == 0
    assert batch <= share < batch + 2


GIB = 2**30


@pytest.mark.parametrize(
    ("limits", "each", "expected"),
    [
        ((64 * GIB, 64 * GIB), GIB // 4, 2 * 128),  # half of 64 GiB, on each of two devices
        ((64 * GIB, 16 * GIB), GIB // 4, 2 * 32),  # the smallest decides
        ((64 * GIB, 64 * GIB), 3 * GIB, 2 * 8),  # 10 of them fit, and 8 is a power of two
        ((64 * GIB, 64 * GIB), 1, 2 * 256),  # never more than helps
        ((64 * GIB, 64 * GIB), 100 * GIB, 2),  # at least one, which may fit nevertheless
        ((64 * GIB, None), GIB, 16),  # no telling
    ],
)
def test_batches_are_what_the_memory_of_an_accelerator_holds(
    limits, each: int, expected: int, monkeypatch: pytest.MonkeyPatch
):
    _, two = meshes()
    assert fitting(each, two, 256) == 16  # CPUs
    known = dict(zip(jax.local_devices(), limits, strict=True))
    monkeypatch.setattr(parallel, "accelerated", lambda mesh: True)
    monkeypatch.setattr(parallel, "memory_of", known.get)
    assert fitting(each, two, 256) == expected


@pytest.mark.parametrize(("accelerated", "lag"), [(False, 0), (True, 1)])
def test_an_accelerator_has_the_next_while_one_is_waited_for(
    accelerated: bool, lag: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(parallel, "accelerated", lambda mesh: accelerated)
    begun: list[int] = []

    def begin():
        for number in range(4):
            begun.append(number)
            yield number

    seen = [(number, len(begun)) for number in overlapped(begin(), batch_mesh())]
    assert seen == [(number, min(number + 1 + lag, 4)) for number in range(4)]


def test_a_network_is_sent_to_all_devices_once():
    tree = {"kernel": np.arange(3.0, dtype=np.float32), "key": jax.random.key(0), "name": "a"}
    there = replicate(tree, batch_mesh())
    assert len(there["kernel"].devices()) == len(there["key"].devices()) == 2
    assert there["name"] == "a"
    np.testing.assert_array_equal(there["kernel"], tree["kernel"])


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_a_branch_is_chosen_alike_everywhere(backend: str, monkeypatch: pytest.MonkeyPatch):
    def program(x):
        return jax.lax.scan(
            lambda total, i: (either(i < 2, lambda: total + x, lambda: total * x), None),
            jnp.ones(3),
            jnp.arange(4),
        )[0].sum()

    x = jnp.arange(1.0, 4.0)
    value = ((1 + 2 * x) * x * x).sum()
    gradient = 6 * x * x + 2 * x  # of x^2 + 2 x^3
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    found, slope = jax.value_and_grad(program)(x)
    assert ("cond" in str(jax.make_jaxpr(program)(x))) == (backend == "cpu")
    np.testing.assert_allclose(found, value, rtol=1e-6)
    np.testing.assert_allclose(slope, gradient, rtol=1e-6)
