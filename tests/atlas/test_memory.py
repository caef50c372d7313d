"""A device that has too little memory: half the batch, the same results, and a note."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import parallel
from atlasjax.atlas import attribution as attribution_module
from atlasjax.atlas import collect as collect_module
from atlasjax.atlas.attribution import attributions
from atlasjax.atlas.collect import collect
from atlasjax.atlas.drawer import Icons
from atlasjax.atlas.icons import icons
from atlasjax.data import Batch
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh, out_of_memory, over_batches

FULL = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.")
ONE = batch_mesh(jax.local_devices()[:1])


def holding(most: int, split):
    """Return a `split_batch` whose functions have no memory for more than so many images."""

    def small(function, mesh, replicated):
        whole = split(function, mesh, replicated)

        def run(*given):
            if len(given[replicated]) > most:
                raise FULL
            return whole(*given)

        return run

    return small


def toy(images, tap):
    x = tap("one", images[:, ::2, ::2])
    return (x**2).sum((1, 2))


def in_batches() -> list[Batch]:
    images = np.random.default_rng(0).integers(0, 256, (13, 8, 8, 3), dtype=np.uint8)
    index = np.arange(13)
    spans = [slice(first, first + 8) for first in (0, 8)]
    return [Batch(images[s], index[s], index[s], ()) for s in spans]


@pytest.mark.filterwarnings("ignore:too little memory")
def test_collection_goes_on_with_half_the_batch(monkeypatch: pytest.MonkeyPatch):
    expected = collect(toy, in_batches(), ["one"], jax.random.key(0), mesh=ONE).activations["one"]
    small = holding(3, parallel.split_batch)
    monkeypatch.setattr(collect_module, "split_batch", small)
    found = collect(toy, in_batches(), ["one"], jax.random.key(0), mesh=ONE).activations["one"]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)  # each value is one of the image's


def test_attribution_goes_on_with_half_the_batch(monkeypatch: pytest.MonkeyPatch):
    places = np.ones((13, 2, 2), np.int32)
    expected = np.concatenate([*attributions(toy, "one", in_batches(), places, mesh=ONE)])
    small, said = holding(3, parallel.split_batch), []
    monkeypatch.setattr(attribution_module, "split_batch", small)
    found = [*attributions(toy, "one", in_batches(), places, mesh=ONE, note=said.append)]
    np.testing.assert_array_equal(np.concatenate(found), expected)
    assert said == [f"too little memory on the device: from here on {n} at a time" for n in (4, 2)]


def test_what_does_not_hold_one_is_refused(monkeypatch: pytest.MonkeyPatch):
    def full(x):
        raise FULL

    with pytest.raises(UserError, match="does not hold 1 at a time, one for each"):
        list(over_batches(full, [("a", (np.zeros(4),))], ONE, note=lambda line: None))


def test_other_errors_are_not_hidden():
    def broken(x):
        raise jax.errors.JaxRuntimeError("INTERNAL: broken")

    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        list(over_batches(broken, [("a", (np.zeros(4),))], ONE))
    assert not out_of_memory(jax.errors.JaxRuntimeError("INTERNAL: broken"))


def test_memory_that_ends_where_results_are_fetched_is_noticed(monkeypatch: pytest.MonkeyPatch):
    """Devices compute while the host goes on, so that the error comes later than the call."""
    real, calls = jax.device_get, []

    def fetch(tree):
        calls.append(tree)
        if len(calls) == 1:
            raise FULL
        return real(tree)

    monkeypatch.setattr(parallel.jax, "device_get", fetch)
    double, said = jax.jit(lambda x: 2 * x), []
    given = [("a", (np.arange(4.0, dtype=np.float32),)), ("b", (np.arange(3.0, dtype=np.float32),))]
    found = dict(over_batches(double, given, ONE, note=said.append))
    np.testing.assert_array_equal(found["a"], [0, 2, 4, 6])
    np.testing.assert_array_equal(found["b"], [0, 2, 4])


def test_icons_are_drawn_by_halves():
    sizes, said = [], []

    def drawing(most: int):
        def draw(directions, keys, start=None):
            sizes.append(len(directions))
            if len(directions) > 2:
                raise FULL
            icon = np.asarray(jax.random.key_data(keys))[:, :1, None, None].astype(np.uint8)
            return Icons(icon, directions[:, 0])

        return draw

    directions = np.linspace(0.6, 0.9, 9, dtype=np.float32)[:, None]
    keys = jax.random.split(jax.random.key(0), 9)
    found = icons(drawing(8), directions, keys, batch=8, smaller=drawing, note=said.append)
    np.testing.assert_array_equal(found.cosine, directions[:, 0])
    own = jax.vmap(jax.random.fold_in, (0, None))(keys, 0)
    expected = np.asarray(jax.random.key_data(own))[:, 0].astype(np.uint8)
    np.testing.assert_array_equal(found.icon.ravel(), expected)
    assert sizes == [8, 4, 2, 2, 2, 2, 1]
    assert said == [
        f"too little memory on the device: from here on {n} icons at a time" for n in (4, 2)
    ]

    def full(directions, keys, start=None):
        raise FULL

    with pytest.raises(UserError, match="does not hold 1 icons at a time"):
        icons(full, directions, keys, batch=2, smaller=lambda n: full, note=said.append)
    assert jnp.isfinite(found.cosine).all()
