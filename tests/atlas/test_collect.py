"""Collect: which positions are taken, and that their values are the network's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax import models
from atlasjax.atlas.collect import check_layers, collect
from atlasjax.atlas.positions import interior
from atlasjax.data import Batch
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh
from atlasjax.taps import capture


def photographs(n: int, size: int = 48) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def in_batches(images: np.ndarray, size: int) -> list[Batch]:
    index = np.arange(len(images))
    spans = [slice(i, i + size) for i in range(0, len(images), size)]
    return [Batch(images[s], index[s], index[s] % 3, ()) for s in spans]


def where(x, tap):
    """A model whose layer says, at every position, which row and column it is."""
    h, w = x.shape[1:3]
    rows, columns = jnp.meshgrid(jnp.arange(h), jnp.arange(w), indexing="ij")
    place = jnp.stack([rows, columns], -1).astype(x.dtype)
    return tap("place", jnp.broadcast_to(place, (len(x), h, w, 2))).sum((1, 2))


@given(st.integers(1, 9), st.integers(1, 9))
def test_the_interior_leaves_out_all_four_sides(height: int, width: int):
    found = {tuple(p) for p in interior(height, width).tolist()}
    line = 1 in (height, width)  # which has no border
    rows = range(1, height - 1) if height > 2 and not line else range(height)
    columns = range(1, width - 1) if width > 2 and not line else range(width)
    assert found == {(r, c) for r in rows for c in columns}


def test_each_value_is_that_of_its_position():
    batch = in_batches(photographs(5, 8), 5)
    found = collect(where, batch, ["place"], jax.random.key(0), samples_per_image=7)
    activations = found.activations["place"]
    np.testing.assert_array_equal(activations.value, activations.position)
    np.testing.assert_array_equal(activations.image, np.repeat(np.arange(5), 7))
    np.testing.assert_array_equal(activations.label, np.repeat(np.arange(5) % 3, 7))
    assert activations.shape.tolist() == [8, 8, 2]


def test_positions_are_distinct_off_the_border_and_reach_everywhere():
    batch = in_batches(photographs(60, 6), 20)
    found = collect(where, batch, ["place"], jax.random.key(0), samples_per_image=4)
    position = found.activations["place"].position.reshape(60, 4, 2)
    assert position.min() == 1
    assert position.max() == 4
    for image in position:
        assert len({tuple(p) for p in image.tolist()}) == 4
    # 240 draws from 16 positions miss one with a probability of 16 (15/16)^240 < 1e-5.
    assert len({tuple(p) for p in position.reshape(-1, 2).tolist()}) == 16


def test_values_are_the_networks_and_do_not_depend_on_batches_or_devices():
    model, images = models.load("inception_v1_tiny"), photographs(5, 64)
    names = ["mixed3a", "mixed4b/3x3"]
    key = jax.random.key(3)
    one = batch_mesh(jax.local_devices()[:1])
    whole = collect(model, in_batches(images, 5), names, key, samples_per_image=2, mesh=one)
    split = collect(model, in_batches(images, 3), names, key, samples_per_image=2)
    values = capture(model, jnp.asarray(images, jnp.float32) / 255.0, names)
    for name in names:
        a, b = whole.activations[name], split.activations[name]
        np.testing.assert_array_equal(a.position, b.position)
        # Convolutions over batches of another size are summed in another order.
        np.testing.assert_allclose(a.value, b.value, rtol=1e-4, atol=1e-5)
        direct = np.asarray(values[name])[a.image, a.position[:, 0], a.position[:, 1]]
        np.testing.assert_allclose(a.value, direct, rtol=1e-4, atol=1e-5)


def test_unreadable_images_are_counted_and_named():
    batches = [Batch(photographs(2, 8), np.array([0, 2]), np.zeros(2, int), ("b.jpg: broken",))]
    seen = []
    found = collect(
        where, batches, ["place"], jax.random.key(0), total=3, progress=lambda *a: seen.append(a)
    )
    assert found.skipped == ("b.jpg: broken",)
    assert found.activations["place"].image.tolist() == [0, 2]
    assert seen == [(0, 3), (3, 3)]


def test_layers_without_places_give_what_they_have():
    def model(images, tap):
        tokens = tap("tokens", images.reshape(len(images), -1, 3)[:, :13])  # 4 and 3 x 3
        tap("one", images.mean((1, 2, 3)))
        return tap("vector", tokens.mean(1))

    batch, key = in_batches(photographs(5, 8), 5), jax.random.key(0)
    names = ["vector", "tokens/class", "tokens/registers"]
    found = collect(model, batch, names, key, samples_per_image=9).activations
    assert [len(found[name].value) for name in names] == [5, 5, 15]
    registers = found["tokens/registers"].position.reshape(5, 3, 2)
    for image in registers:
        assert sorted(image.tolist()) == [[0, 0], [0, 1], [0, 2]]
    with pytest.raises(UserError, match="9 samples per image of layer 'tokens': from 1 to 1 are"):
        collect(model, batch, ["tokens"], key, samples_per_image=9)
    with pytest.raises(UserError, match=r"layer 'one' has no positions: its shape is \[\]"):
        collect(model, batch, ["one"], key)


@pytest.mark.parametrize(
    ("name", "samples", "message"),
    [
        ("mixed4k", 1, "no layer 'mixed4k'; did you mean mixed4"),
        ("logits", 0, "0 samples per image of layer 'logits': from 1 to 1 are possible"),
        ("mixed5b", 5, "5 samples per image of layer 'mixed5b': from 1 to 4 are possible"),
        ("mixed3a", 0, "0 samples per image of layer 'mixed3a': from 1 to 36 are possible"),
    ],
)
def test_layers_that_cannot_be_sampled_are_refused(name: str, samples: int, message: str):
    with pytest.raises(UserError) as error:
        check_layers(models.abstract("inception_v1_tiny"), [name], (64, 64, 3), samples)
    assert message in str(error.value)
