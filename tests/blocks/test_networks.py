"""The building blocks of networks that are not ours: tokens, PyTorch, and no classes at all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import adapt, blocks
from atlasjax.taps import capture, layers
from atlasjax.targets import class_logit, unit

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)
IMAGES = jnp.asarray(RANDOM.uniform(size=(2, 8, 8, 3)).astype(np.float32))


def transformer(images, tap):
    """Patches of 2 px and a class token, mixed by attention; below zero as often as above."""
    random = np.random.default_rng(1)
    dense, mix = (random.normal(size=s).astype(np.float32) / 4 for s in ((12, 6), (6, 6)))
    x = images.reshape(len(images), 4, 2, 4, 2, 3).swapaxes(2, 3).reshape(len(images), 16, 12)
    x = jnp.concatenate([jnp.ones((len(x), 1, 6)), (x - 0.5) @ dense], 1)
    for name in ("block1", "block2"):
        weight = jax.nn.softmax(jnp.einsum("bnc,bmc->bnm", x @ mix, x), -1)
        x = tap(name, x + jnp.einsum("bnm,bmc->bnc", weight, x) @ mix)
    return x[:, 0]


def test_a_transformer_is_parted_and_explained_by_its_patches():
    found = blocks.effects(transformer, "block1", IMAGES, [class_logit(2), class_logit(4)])
    assert found.activation.shape == (2, 4, 4, 6)
    assert float(blocks.completeness(found).max()) < 0.01
    assert float(found.activation.min()) < 0
    groups = blocks.groups(found.activation, 3, KEY)
    assert float(groups.unexplained.max()) < 0.5
    assert float(groups.direction.min()) < 0
    assert blocks.flow_between_positions(transformer, "block1", "block2", IMAGES).shape == (
        *(2, 4, 4),
        *(4, 4),
    )
    grid = blocks.activation_grid(
        transformer, "block1", IMAGES[0], KEY, blocks.GridSettings(window=8, cell=4, steps=2)
    )
    assert (grid.image.shape, grid.norm.shape) == ((16, 16, 3), (4, 4))


def test_a_network_of_pytorch_is_explained_as_pytorch_differentiates_it():
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
    torch.manual_seed(0)
    conv, pool = torch.nn.Conv2d(3, 5, 3, padding=1), torch.nn.MaxPool2d(2)
    network = torch.nn.Sequential(conv, torch.nn.ReLU(), pool, torch.nn.Flatten(), _dense(torch))
    model = adapt(network.eval(), example=8)
    (layer,) = [name for name, shape in layers(model, (8, 8, 3)).items() if shape == (8, 8, 5)][:1]
    found = blocks.effects(model, layer, IMAGES, [class_logit(1)], method="gradient")
    value = np.asarray(capture(model, IMAGES, [layer])[layer])
    given = torch.tensor(value.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    network[1:](given)[:, 1].sum().backward()
    slopes = given.grad.numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found.gradient[:, 0], slopes, rtol=1e-4, atol=1e-6)
    soft = blocks.effects(model, layer, IMAGES, [class_logit(1)], method="gradient", relaxed=True)
    told = [float((np.asarray(one.gradient) != 0).mean()) for one in (found, soft)]
    assert told[1] > 1.5 * told[0]  # pooling was found, and shares its gradient


def _dense(torch):
    return torch.nn.Linear(5 * 4 * 4, 3)


def test_units_are_explained_where_there_are_no_classes():
    def without(images, tap):
        transformer(images, tap)
        return images

    found = blocks.effects(
        without, "block1", IMAGES, [unit("block2", 3), unit("block2", 3, (1, 2))]
    )
    assert float(blocks.completeness(found).max()) < 0.01
    assert found.change.shape == (2, 2)
