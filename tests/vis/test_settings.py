"""Settings: what is left open comes from the network."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import vis
from atlasjax.errors import UserError
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.objectives import channel
from atlasjax.optvis.visualize import visualize
from atlasjax.vis.settings import Settings, settled

KEY = jax.random.key(0)


def digits(images: Any, tap: Any) -> Any:
    """A network of handwritten digits: grey, of 28 px, and of no other size."""
    x = jnp.concatenate([images, 1 - images], -1)
    x = tap("conv1", jax.nn.relu(x[:, ::4, ::4] - 0.25))
    return x.reshape(len(x), -1) @ jnp.ones((7 * 7 * 2, 10))


def grey(images: Any, tap: Any) -> Any:
    """A network of grey images of any size."""
    return tap("conv1", images @ jnp.ones((1, 2))).mean((1, 2))


def colours(images: Any, tap: Any) -> Any:
    return tap("conv1", images @ jnp.ones((3, 2))).mean((1, 2))


@pytest.mark.parametrize(
    ("model", "given", "shape"),
    [
        (digits, {}, (28, 28, 1)),
        (digits, {"size": 28}, (28, 28, 1)),
        (grey, {}, (128, 128, 1)),
        (grey, {"size": 32}, (32, 32, 1)),
        (grey, {"size": (24, 40)}, (24, 40, 1)),
        (colours, {}, (128, 128, 3)),
        (lambda x, tap: grey(x @ jnp.ones((7, 1)), tap), {"size": 32}, (32, 32, 7)),
        (lambda x, tap: x.mean((1, 2)), {"channels": 2}, (128, 128, 2)),
        (lambda x, tap: x.reshape(-1, 28 * 28) @ jnp.ones((28 * 28, 2)), {}, (28, 28, 1)),
    ],
)
def test_size_and_channels_come_from_the_network(model, given, shape):
    assert settled(model, Settings(**given)).shape == shape


def test_small_networks_are_drawn_by_every_door():
    made = vis.channels(digits, "conv1", [0, 1], KEY, Settings(steps=16))
    assert made.images.shape == (2, 28, 28, 1)
    assert made.images[0].mean() > 0.55 > 0.45 > made.images[1].mean()
    page = vis.sheet(made)
    assert (page[20:100, 20:100].std(-1) == 0).all()  # grey
    drawn = visualize(digits, channel("conv1", 0), KEY, loop=Loop(4))
    assert drawn.image.shape == (1, 28, 28, 1)


def test_pictures_need_not_be_square():
    made = vis.channels(colours, "conv1", [0], KEY, Settings((24, 40), steps=2))
    assert made.images.shape == (1, 24, 40, 3)
    assert vis.sheet(made._replace(columns=1)).shape[1] >= 160


@pytest.mark.parametrize(
    ("size", "jitter"), [(28, 1.75), (96, 6), (128, 8), (512, 8), ((64, 512), 4)]
)
def test_small_pictures_are_moved_less(size, jitter):
    assert settled(grey, Settings(size)).settings.jitter == jitter
    assert settled(grey, Settings(size, jitter=3)).settings.jitter == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 40}, "does not take images of 40 x 40 px"),
        ({"channels": 3}, "does not take images of 128 x 128 px"),
        ({"size": (2, 128)}, "size 2 x 128: must be at least 4 px"),
        ({"channels": 0}, "channels 0: must be at least 1"),
    ],
)
def test_what_the_network_does_not_take_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        settled(digits, Settings(**given))


def test_a_picture_does_not_depend_on_its_company():
    def network(images, tap):
        rng = np.random.default_rng(0)
        kernel = jnp.asarray(rng.normal(size=(5, 5, 3, 8)), jnp.float32)
        out = jax.lax.conv_general_dilated(
            images - 0.5, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return tap("conv", jax.nn.relu(out)).mean((1, 2))

    def drawn(which: list[int], batch: int = 4) -> np.ndarray:
        made = vis.channels(network, "conv", which, KEY, Settings(32, steps=24, batch=batch))
        return made.images[which.index(3)]

    alone = drawn([3])
    for which, batch in (
        ([3, 1, 2, 4, 5, 6], 4),
        ([0, 3], 4),
        ([5, 1, 3], 4),
        ([3, 1], 1),
        ([3], 16),
    ):
        np.testing.assert_array_equal(drawn(which, batch), alone)
