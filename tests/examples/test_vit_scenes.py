"""The example's transformer: its recipe learns, and its weights come back from their file."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file

from atlasjax.data.scenes import CLASSES
from atlasjax.errors import UserError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def examples() -> Any:
    """The two files of the example, imported as Python does for a script beside them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(EXAMPLES))
        yield importlib.import_module("train_vit_scenes"), importlib.import_module("vit_scenes")


def toy(network: Any) -> Any:
    return network.VisionTransformer(width=16, depth=1, heads=2, rngs=nnx.Rngs(0))


def coloured(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of four plain colours, which a step or two tells apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int32) % 4
    colours = np.array([[230, 20, 20], [20, 230, 20], [20, 20, 230], [230, 230, 230]])
    noise = rng.integers(-20, 20, (count, 96, 96, 3))
    return (colours[labels][:, None, None] + noise).astype(np.uint8), labels


@pytest.fixture(scope="module")
def trained(examples: Any) -> Any:
    """Train a toy, with one of its settings changed or none; the step is compiled only once."""
    recipe, network = examples
    settings = recipe.Settings(
        Path("a.safetensors"), images=32, epochs=4, batch=8, learning_rate=3e-3, worst_from=0.1
    )
    make_step, made = recipe.make_step, []

    def once(*arguments: Any) -> Any:
        if not made:
            made.append(make_step(*arguments))
        return made[0]

    def run(**change: Any) -> Any:
        return recipe.train(toy(network), *coloured(32), replace(settings, **change))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recipe, "make_step", once)
        yield run


def test_the_network_has_a_logit_for_each_class_of_each_image(examples: Any) -> None:
    _, network = examples
    images = jax.random.uniform(jax.random.key(0), (2, 96, 96, 3), minval=-1.0)
    found = jax.eval_shape(lambda model, x: model(x), network.load(), images)
    assert found.shape == (2, len(CLASSES))
    model = toy(network)
    apply = jax.jit(lambda model, x: model(x))
    logits, turned = apply(model, images), apply(model, images[::-1])
    # No image sees another. Logits are of order one, in single precision.
    np.testing.assert_allclose(logits, turned[::-1], atol=1e-4)
    assert float(jnp.abs(logits[0] - logits[1]).max()) > 1e-3  # more than that tolerance


def test_weights_come_back_from_their_file(examples: Any, tmp_path: Path) -> None:
    _, network = examples
    model = network.VisionTransformer(rngs=nnx.Rngs(1))
    network.save(model, tmp_path / "a.safetensors")
    written = load_file(tmp_path / "a.safetensors")
    assert written["blocks.3.attention.query.kernel"].shape == (96, 3, 32)
    assert written["positions"].shape == (1, 1 + 12 * 12, 96)
    again = network.load(tmp_path / "a.safetensors")
    for a, b in zip(jax.tree.leaves(model), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)
    first = network.load()
    assert not np.array_equal(first.head.kernel[...], again.head.kernel[...])


def test_training_lowers_the_loss(trained: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, curve = trained()
    assert curve.loss.shape == curve.accuracy.shape == (16,)
    assert curve.loss[0] == pytest.approx(np.log(28), abs=1.0)  # nothing is known at first
    assert curve.loss[-4:].mean() < 0.6 * curve.loss[0]
    assert "step 16/16" in capsys.readouterr().out


def test_equal_settings_train_equal_networks(trained: Any) -> None:
    kernels = [
        np.asarray(model.head.kernel[...])
        for model, _ in (trained(), trained(), trained(worst=0.0), trained(seed=1))
    ]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])  # the second look is at moved images
    assert not np.array_equal(kernels[0], kernels[3])  # another order, other light


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"out": Path("a.npz")}, "out 'a.npz': the name of a weights file must end in"),
        ({"out": Path("no/such/a.safetensors")}, "there is no such folder"),
        ({"epochs": 0}, "epochs 0: must be at least 1"),
        ({"images": 31}, "images 31: must be at least batch 32"),
        ({"batch": 33}, "batch 33: must be a multiple of the 2 devices"),
        ({"held_out": 27}, "held_out 27: must be at least 28"),
        ({"seed": -1}, "seed -1: must be 0 or greater"),
    ],
)
def test_settings_out_of_range_are_refused(
    examples: Any, change: dict[str, Any], said: str
) -> None:
    recipe, _ = examples
    settings = recipe.Settings(Path("a.safetensors"))
    recipe.check(settings)
    with pytest.raises(UserError, match=said):
        recipe.check(replace(settings, **change))
