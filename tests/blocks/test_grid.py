"""Cells show their own directions, join their neighbours, and are the same for the same key."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import UserError, blocks
from atlasjax.blocks.canvas import Plan, _corners, _windows
from atlasjax.blocks.grid import ActivationGrid, GridSettings, activation_grid, scaled
from atlasjax.parallel import batch_mesh

KEY = jax.random.key(0)
QUICK = GridSettings(window=16, cell=8, steps=40, jitter=1, groups=2, noise=0.1)


def colours(images, tap):
    """Brightness of every colour and of its opposite, in cells of 4 px."""
    x = jnp.concatenate([images, 1 - images], -1)
    rows, columns = x.shape[1] // 4, x.shape[2] // 4
    x = x[:, : 4 * rows, : 4 * columns].reshape(len(x), rows, 4, columns, 4, 6).mean((2, 4))
    return tap("cells", x).mean((1, 2))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Red above, blue below; the right column dark."""
    image = np.zeros((16, 16, 3), np.float32)
    image[:8, :, 0], image[8:, :, 2] = 1, 1
    image[:, 12:] = 0.1
    return image


@pytest.fixture(scope="module")
def drawn(picture) -> ActivationGrid:
    return activation_grid(colours, "cells", picture, KEY, QUICK)


def test_cells_show_what_is_in_their_places(drawn, picture):
    assert drawn.image.shape == (32, 32, 3)
    cells = drawn.image.reshape(4, 8, 4, 8, 3).mean((1, 3))
    assert (cells[0, :3, 0] - cells[0, :3, 2] > 30).all()  # red
    assert (cells[3, :3, 2] - cells[3, :3, 0] > 30).all()  # blue
    assert (cells[:, 3].max(-1) < cells[:, 1].max(-1)).all()
    # Windows are twice as wide as cells, so that each has something of its neighbours as well.
    assert float(drawn.score[-1]) > 0.85
    assert float(drawn.score[-8:].mean()) > float(drawn.score[:8].mean())


def test_norms_are_those_of_the_activations(drawn, picture):
    x = np.concatenate([picture, 1 - picture], -1)[::4, ::4]
    np.testing.assert_allclose(drawn.norm, np.linalg.norm(x, axis=-1), rtol=1e-5)


def test_neighbours_see_the_same_of_what_lies_between_them():
    plan = Plan(2, 3, 16, 8, 3, steps=1, batch=6, power=1.0, jitter=0, noise=0.0)
    corners = _corners(plan, jnp.arange(6), KEY)
    canvas = jnp.arange(plan.margin * 2 + 16.0)[:, None, None] * jnp.ones((1, 3 * 8 + 8, 1))
    canvas = canvas + 100 * jnp.arange(3 * 8 + 8.0)[None, :, None]
    seen = _windows(canvas, corners, 16)
    np.testing.assert_array_equal(seen[0, :, 8:], seen[1, :, :8])
    np.testing.assert_array_equal(seen[1, 8:], seen[4, :8])
    assert seen[0, 4, 4, 0] == canvas[plan.margin, plan.margin, 0]  # a cell is in the middle


def test_the_same_key_draws_the_same_grid_and_another_another(drawn, picture):
    same, other = (
        activation_grid(colours, "cells", picture, key, QUICK) for key in (KEY, jax.random.key(1))
    )
    np.testing.assert_array_equal(same.image, drawn.image)
    assert (other.image != drawn.image).any()


def test_one_device_draws_what_two_draw(drawn, picture):
    one = batch_mesh(jax.local_devices()[:1])
    alone = activation_grid(colours, "cells", picture, KEY, QUICK, mesh=one)
    # Sums are taken in another order, and an optimization enlarges what that makes.
    assert np.abs(alone.image.astype(int) - drawn.image).mean() < 3


def test_many_positions_are_taken_together_two_by_two(picture):
    few = GridSettings(window=16, cell=8, steps=2, jitter=0, groups=0, most=4)
    found = activation_grid(colours, "cells", picture, KEY, few)
    assert (found.norm.shape, found.image.shape) == ((2, 2), (16, 16, 3))
    x = np.concatenate([picture, 1 - picture], -1)[:8, :8].mean((0, 1))
    np.testing.assert_allclose(found.norm[0, 0], np.linalg.norm(x), rtol=1e-5)
    odd = activation_grid(colours, "cells", picture[:12, :12], KEY, few)
    assert odd.norm.shape == (2, 2)
    last = np.concatenate([picture, 1 - picture], -1)[8:12, :12]
    corner = last[:, 8:12].mean((0, 1))
    np.testing.assert_allclose(odd.norm[1, 1], np.linalg.norm(corner), rtol=1e-5)


def test_a_network_of_one_size_is_shown_that_size_around_each_cell(picture):
    weight = np.random.default_rng(0).normal(size=(16 * 16 * 3, 2)).astype(np.float32)

    def stubborn(images, tap):
        colours(images, tap)
        return images.reshape(len(images), -1) @ weight

    found = activation_grid(stubborn, "cells", picture, KEY, GridSettings(steps=2, groups=0))
    assert found.image.shape == (4 * 16, 4 * 16, 3)  # no cell is larger than its window


def test_cells_are_scaled_by_their_norms():
    grid = ActivationGrid(np.zeros((16, 16, 3), np.uint8), np.array([[4, 2], [1, 0.0]]), np.ones(1))
    dark = (scaled(grid)[..., 0] == 0).reshape(2, 8, 2, 8).sum((1, 3))
    assert dark.tolist() == [[64, 16], [4, 4]]


def test_what_cannot_be_drawn_is_refused(picture):
    with pytest.raises(UserError, match=r"no layer 'cels'.*cells"):
        activation_grid(colours, "cels", picture, KEY)
    with pytest.raises(UserError, match="grid steps 0: must be at least 1"):
        activation_grid(colours, "cells", picture, KEY, GridSettings(steps=0))

    def silent(images, tap):
        return tap("cells", 0 * images).mean((1, 2))

    with pytest.raises(UserError, match="the layer is silent for this image"):
        activation_grid(silent, "cells", picture, KEY)


def test_a_channel_looks_the_same_whichever_are_drawn_with_it():
    alone = blocks.channel_icons(colours, "cells", [4], KEY, size=16, steps=12)
    among = blocks.channel_icons(colours, "cells", [0, 4], KEY, size=16, steps=12)
    np.testing.assert_array_equal(alone[0], among[1])
    assert among[0].mean((0, 1)).argmax() == 0  # red
    assert among[1].mean((0, 1)).argmin() == 1  # against green
    with pytest.raises(UserError, match="no layer 'cels'"):
        blocks.channel_icons(colours, "cels", [4], KEY)
