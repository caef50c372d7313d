"""Units' examples against everything computed at once and kept."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.circuits import pool as pools
from atlasjax.circuits.examples import at_quantiles, class_means, fires, unit_examples
from atlasjax.circuits.histogram import edges
from atlasjax.data import Batch
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh

RNG = np.random.default_rng(5)
FIRST = RNG.normal(size=(4, 4, 3, 5)).astype(np.float32)
SECOND = RNG.normal(size=(5, 6)).astype(np.float32)
LAST = RNG.normal(size=(6, 4)).astype(np.float32)
PHOTOS = RNG.integers(0, 256, (23, 16, 16, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 3, 23)
K = 4


def network(images, tap):
    """Two layers after rectifiers, positions 4 px apart, and logits that are not linear in them."""
    rows, columns = images.shape[1] // 4, images.shape[2] // 4
    squares = images.reshape(len(images), rows, 4, columns, 4, 3)
    x = jnp.einsum("bryckd,ykdu->brcu", squares, FIRST)
    x = tap("first", jax.nn.relu(x))
    x = tap("second", jnp.maximum(x @ SECOND, 0.0))
    return jnp.tanh(x.mean((1, 2)) @ LAST / 4)


def both(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both layers before their rectifiers, in float64."""
    squares = (photos / 255).reshape(len(photos), 4, 4, 4, 4, 3)
    first = np.einsum("bryckd,ykdu->brcu", squares, FIRST.astype(np.float64))
    return first, np.maximum(first, 0) @ SECOND.astype(np.float64)


def batched(size: int, photos: Any = PHOTOS, start: int = 0) -> list[Batch]:
    parts = np.array_split(np.arange(len(photos)), range(size, len(photos), size))
    return [Batch(photos[i], i + start, LABELS[i + start], ()) for i in parts]


@pytest.fixture(scope="module")
def seen():
    return unit_examples(network, ["first", "second"], batched(5), k=K, relevance="label", size=4)


@pytest.mark.parametrize(("layer", "number"), [("first", 0), ("second", 1)])
def test_everything_is_as_if_all_had_been_kept(seen, layer: str, number: int):
    before = both(PHOTOS)[number]
    found, flat = seen.layers[layer], before.reshape(len(PHOTOS), 16, -1)
    largest, where = flat.max(1), flat.argmax(1)
    order = np.argsort(-largest, 0)[:K].T
    np.testing.assert_array_equal(found.top.image, order)
    units = np.arange(len(order))[:, None]
    np.testing.assert_allclose(found.top.value, largest[order, units], rtol=1e-4, atol=1e-4)
    rows, columns = np.divmod(where[order, units], 4)
    np.testing.assert_array_equal(found.top.position, np.stack([rows, columns], -1))
    assert (found.images, found.positions) == (23, 23 * 16)
    np.testing.assert_array_equal(found.fired, (before > 0).sum((0, 1, 2)))
    np.testing.assert_array_equal(found.fired_images, (before > 0).any((1, 2)).sum(0))
    np.testing.assert_allclose(fires(found), (before > 0).mean((0, 1, 2)))
    mean = np.maximum(before, 0).mean((1, 2))
    expected = np.stack([mean[c == LABELS].mean(0) for c in range(3)])
    np.testing.assert_allclose(class_means(found), expected, rtol=1e-4, atol=1e-5)
    for unit, bounds in enumerate(edges(found.histogram)):
        # float32 puts what lies within its rounding of an edge on either side
        apart = np.abs(found.histogram.counts[unit] - np.histogram(flat[..., unit], bounds)[0])
        assert apart.sum() <= 4


def test_patches_are_what_the_position_sees(seen):
    found = seen.layers["first"].top
    for unit, rank in np.ndindex(*found.image.shape):
        row, column = found.position[unit, rank] * 4
        own = PHOTOS[found.image[unit, rank], row : row + 4, column : column + 4]
        np.testing.assert_array_equal(found.patch[unit, rank], own)


def test_relevance_is_the_value_times_the_slope_of_the_label(seen):
    """Slopes by central differences in float64."""
    _, second = both(PHOTOS)

    def logit(second: np.ndarray) -> np.ndarray:
        logits = np.tanh(np.maximum(second, 0).mean((1, 2)) @ LAST.astype(np.float64) / 4)
        return logits[np.arange(len(PHOTOS)), LABELS]

    value, step = np.maximum(second, 0), 1e-5
    relevance = np.zeros_like(value)
    for place in np.ndindex(*value.shape[1:]):
        moved = np.zeros_like(value)
        moved[(slice(None), *place)] = step
        rise = logit(value + moved) - logit(np.where(moved > 0, value - step, value))
        inside = value[(slice(None), *place)] > step
        slope = rise / (2 * step)
        relevance[(slice(None), *place)] = np.where(inside, value[(slice(None), *place)] * slope, 0)
    largest = relevance.reshape(len(PHOTOS), 16, -1).max(1)
    found = seen.layers["second"].relevant
    np.testing.assert_allclose(found.value, -np.sort(-largest, 0)[:K].T, rtol=2e-3, atol=1e-5)


def test_relevance_and_activation_choose_other_images(seen):
    one = seen.layers["second"]
    assert (one.relevant.image != one.top.image).any()


def test_images_without_a_class_are_not_relevant_to_it():
    batch = batched(23)[0]._replace(label=np.where(np.arange(23) < 2, LABELS, -1))
    found = unit_examples(network, ["second"], [batch], k=K, relevance="label", size=4)
    relevant = found.layers["second"].relevant
    assert relevant is not None
    assert set(np.unique(relevant.image)) <= {-1, 0, 1}
    assert not relevant.patch[:, 2:].any()
    assert found.layers["second"].class_count.sum() == 2


def same(one: Any, other: Any) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        # other shapes of batches round sums differently in float32
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_pass_goes_on_where_another_ended_whatever_the_batches(seen):
    given = {"k": K, "relevance": "label", "size": 4}
    half = unit_examples(network, ["first", "second"], batched(4, PHOTOS[:11]), **given)
    kept = jax.tree.unflatten(jax.tree.structure(half), jax.tree.leaves(half))
    rest = batched(7, PHOTOS[11:], 11)
    whole = unit_examples(network, ["first", "second"], rest, state=kept, **given)
    same(whole.layers["second"].top, seen.layers["second"].top)
    same(whole.layers["second"].relevant, seen.layers["second"].relevant)
    same(whole.pool, seen.pool)
    same(whole.layers["first"].class_sum, seen.layers["first"].class_sum)
    assert whole.layers["first"].images == 23
    assert half.layers["first"].images == 11  # what was given is not written into


def test_one_device_sees_the_same(seen):
    mesh = batch_mesh(jax.local_devices()[:1])
    one = unit_examples(
        network, ["first", "second"], batched(5), k=K, relevance="label", size=4, mesh=mesh
    )
    same(one.layers["second"], seen.layers["second"])


def test_quantiles_are_exact_where_the_pool_has_all_images(seen):
    found = at_quantiles(seen, "second", [0.0, 0.5, 1.0], each=1, size=4)
    largest = both(PHOTOS)[1].reshape(len(PHOTOS), 16, -1).max(1)
    units = np.arange(largest.shape[1])
    for share, row in ((0.0, 0), (0.5, 11), (1.0, 22)):
        expected = np.sort(largest, 0)[row]
        np.testing.assert_allclose(found[share].value[:, 0], expected, rtol=1e-4, atol=1e-4)
        # Where a unit is off in several images, any of them will do.
        own = largest[found[share].image[:, 0], units]
        np.testing.assert_allclose(own, expected, rtol=1e-4, atol=1e-4)
    top = seen.layers["second"].top
    np.testing.assert_array_equal(found[1.0].patch[:, 0], top.patch[:, 0])
    three = at_quantiles(seen, "second", [1.0], each=3, size=4)[1.0]
    np.testing.assert_array_equal(three.image, top.image[:, :3])


def test_a_small_pool_is_an_even_draw_that_no_batching_changes():
    photos = np.zeros((400, 2, 2, 3), np.uint8)
    made = []
    for size in (7, 64):
        pool = None
        for start in range(0, 400, size):
            index = np.arange(start, min(start + size, 400))
            batch = Batch(photos[index], index, np.zeros(len(index), int), ())
            pool, _ = pools.kept(pool, batch, 40)
        assert pool is not None
        made.append(pool.index.tolist())
    assert made[0] == made[1]
    assert len(set(made[0])) == 40
    assert 150 < np.mean(made[0]) < 250  # 199.5 and its standard error 18


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"k": 0}, "k 0: must be at least 1"),
        ({"relevance": "labels"}, "relevance 'labels': must be one of predicted, label, or None"),
    ],
)
def test_mistakes_are_told(given, message: str):
    with pytest.raises(UserError, match=message):
        unit_examples(network, ["first"], batched(5), **given)


def test_layers_and_images_must_be_there(seen):
    with pytest.raises(UserError, match="no layer 'firsts'; did you mean first"):
        unit_examples(network, ["firsts"], batched(5))
    with pytest.raises(UserError, match="no image could be read"):
        unit_examples(network, ["first"], [])
    with pytest.raises(UserError, match=r"quantile 1.5: must be from 0 to 1"):
        at_quantiles(seen, "first", [1.5])
