"""Positions: the same places of an image in every layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import models
from atlasjax.atlas.collect import collect
from atlasjax.atlas.positions import Lattice, coarsest_of, independent, lattice_of, together
from atlasjax.data import Batch
from atlasjax.errors import UserError

# Those of InceptionV1 at 224 px: a place at x is nearest to position (x - offset) / stride.
LATTICES = {
    "mixed3b": Lattice(28, 28, 8.0, 6.0),
    "mixed4c": Lattice(14, 14, 16.0, 14.0),
    "mixed5b": Lattice(7, 7, 32.0, 30.0),
}


def drawn(samples: int, images: int = 400) -> dict[str, np.ndarray]:
    keys = jax.random.split(jax.random.key(0), images)
    choose = jax.jit(jax.vmap(together(LATTICES, samples)))
    return {name: np.asarray(found) for name, found in choose(keys).items()}


def test_layers_are_looked_at_at_the_same_places():
    found = drawn(4)
    centre = {n: lattice.offset + lattice.stride * found[n] for n, lattice in LATTICES.items()}
    # A place is within half a stride of the coarsest position's centre, and of the finer one's;
    # except at the edge, where the next position inside stands in.
    inside = (found["mixed5b"] > 1) & (found["mixed5b"] < 5)
    for name in ("mixed3b", "mixed4c"):
        apart = np.abs(centre[name] - centre["mixed5b"])[inside]
        assert apart.max() <= (32 + LATTICES[name].stride) / 2
    assert inside.any()


def test_positions_are_off_the_border_and_distinct():
    found = drawn(9)
    for name, lattice in LATTICES.items():
        assert found[name].min() >= 1
        assert found[name].max() <= lattice.height - 2
    for image in found["mixed5b"]:
        assert len({tuple(p) for p in image.tolist()}) == 9


def test_every_position_of_a_finer_layer_has_its_turn():
    rows = drawn(9)["mixed4c"][..., 0]
    # Position 1 of mixed5b is at 62 px and stands for what is from 46 px on, where position 2 of
    # mixed4c is. 3600 draws, of which the rarest row has a chance of about a twentieth.
    assert set(rows.ravel().tolist()) == set(range(2, 13))


def test_a_place_goes_up_and_down_and_to_the_sides_by_itself():
    found = drawn(9)
    centre = {n: lattice.offset + lattice.stride * found[n] for n, lattice in LATTICES.items()}
    row, column = (centre["mixed3b"] - centre["mixed5b"]).reshape(-1, 2).T
    # 3600 draws of two numbers that have nothing to do with each other: .017, six times over.
    assert abs(np.corrcoef(row, column)[0, 1]) < 0.1
    assert row.std() > 5
    assert column.std() > 5


def test_the_coarsest_layer_is_sampled_as_it_is_alone():
    alone = together({"mixed5b": LATTICES["mixed5b"]}, 4)
    for key in jax.random.split(jax.random.key(3), 5):
        both = together(LATTICES, 4)(key)["mixed5b"]
        np.testing.assert_array_equal(both, alone(key)["mixed5b"])
    assert coarsest_of(LATTICES) == "mixed5b"


def test_layers_of_one_shape_are_sampled_each_for_itself():
    choose = independent({"mixed4c": (14, 14), "mixed4d": (14, 14)}, 1)
    found = jax.vmap(choose)(jax.random.split(jax.random.key(0), 400))
    first, second = (np.asarray(found[name]).reshape(400, 2) for name in ("mixed4c", "mixed4d"))
    # 144 places: of 400 images 3 should agree, and 12 would be five standard deviations more.
    assert (first == second).all(1).sum() < 12
    # What a layer gets does not hang on which others there are.
    alone = jax.vmap(independent({"mixed4d": (14, 14)}, 1))(
        jax.random.split(jax.random.key(0), 400)
    )
    np.testing.assert_array_equal(alone["mixed4d"].reshape(400, 2), second)


def test_collect_takes_the_positions_it_is_given():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    batch = Batch(pixels, np.array([0, 4, 7]), np.zeros(3, int), ())
    model, key = models.load("inception_v1_tiny"), jax.random.key(1)
    lattices = {"mixed3a": Lattice(8, 8, 8.0, 6.0), "mixed4a": Lattice(4, 4, 16.0, 14.0)}
    choose = together(lattices, 2)
    found = collect(model, [batch], list(lattices), key, samples_per_image=2, choose=choose)
    for row, index in enumerate((0, 4, 7)):
        expected = choose(jax.random.fold_in(key, index))
        for name, activations in found.activations.items():
            position = activations.position.reshape(3, 2, 2)[row]
            np.testing.assert_array_equal(position, expected[name])


def test_where_nothing_can_be_measured_positions_share_the_image_out():
    def attention(images, tap):
        return tap("all", images[:, ::8, ::8] + images.mean((1, 2), keepdims=True))

    found = lattice_of(attention, "all", (4, 4), 32)
    assert found == Lattice(4, 4, 8.0, 3.5)


@pytest.mark.parametrize("error", [TypeError, RuntimeError, AssertionError, UserError])
def test_networks_that_take_one_size_share_the_image_out(error: type[Exception]):
    def strict(images, tap):
        if images.shape[1:3] != (32, 32):
            raise error("a guard of another library\nover two lines")
        return tap("conv", images[:, ::8, ::8])

    assert lattice_of(strict, "conv", (4, 4), 32) == Lattice(4, 4, 8.0, 3.5)


@pytest.mark.slow
def test_lattices_are_those_of_the_receptive_fields():
    model = models.abstract("inception_v1_tiny")
    assert lattice_of(model, "mixed4c", (14, 14), 224) == LATTICES["mixed4c"]


@pytest.mark.parametrize("channels", [1, 5])
def test_lattices_of_networks_that_take_other_channels(channels: int):
    def model(images, tap):
        two = images @ jnp.ones((channels, 2), jnp.float32)  # which refuses any other number
        return tap("pairs", (two[:, ::2] + two[:, 1::2])[:, :, ::2])

    assert lattice_of(model, "pairs", (14, 14), 28, channels) == Lattice(14, 14, 2.0, 0.5)
