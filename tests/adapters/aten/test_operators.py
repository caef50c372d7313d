"""PyTorch's operators in JAX: each against PyTorch on random values."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.adapters.adapted import Parts
from atlasjax.adapters.aten.table import table
from atlasjax.adapters.torch import parts

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
F = torch.nn.functional

# A few sums of float32 products, in another order.
TOLERANCE = 2e-5


class Applied(torch.nn.Module):
    """Functions as a network, which returns what each of them does."""

    def __init__(self, functions: dict[str, Callable]):
        super().__init__()
        self.functions = functions

    def forward(self, x):
        return {name: function(x) for name, function in self.functions.items()}


def image(shape=(2, 4, 6, 5), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def call(taken: Parts) -> Callable:
    return lambda x: taken.call(taken.variables, x, lambda name, value: value)


def compare(found: dict, expected: dict) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        ours, theirs = jax.tree.leaves(found[name]), jax.tree.leaves(value)
        assert len(ours) == len(theirs) > 0, name
        for a, tensor in zip(ours, theirs, strict=True):
            b = tensor.detach().numpy()
            assert (a.shape, a.dtype.kind) == (b.shape, b.dtype.kind), name
            np.testing.assert_allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


def square(values: list) -> Any:
    return sum((v * v).sum() for v in values)


W = torch.from_numpy(image((6, 2, 3, 3), 1))
DEPTH = torch.from_numpy(image((8, 1, 3, 2), 2))
UP = torch.from_numpy(image((4, 3, 3, 3), 3))
SQUARE = torch.from_numpy(image((5, 7), 4))
C = torch.from_numpy(image((4,), 5))
P = C.abs() + 0.5
ROWS = torch.tensor([2, 0, 1])


def in_place(x):
    y = x * 2
    y.clamp_(min=0)
    return y + 1


def through_view(x):
    y = x * 2
    row = y[:, 0]
    row.mul_(3)
    return y


def assigned(x):
    y = x * 2
    y[:, 1] = y[:, 0].exp()
    y[:, :, 1:3] = 0.0
    return y


def through_pieces(x):
    y = x * 2
    a, b = y[:, :2], y[:, 2:]
    a.mul_(3)
    b.transpose(2, 3)[..., 0].add_(a.detach()[..., 0, :].mean())
    return y, a + 0, b + 0


CASES: dict[str, dict[str, Callable]] = {
    "convolutions and products": {
        "conv groups stride padding": lambda x: F.conv2d(x, W, None, (2, 1), (1, 2), groups=2),
        "conv depthwise dilation": lambda x: F.conv2d(x, DEPTH, None, 1, 2, 2, groups=4),
        "conv same, even kernel": lambda x: F.conv2d(x, DEPTH, padding="same", groups=4),
        "conv valid": lambda x: F.conv2d(x, W, padding="valid", groups=2),
        "conv transposed": lambda x: F.conv_transpose2d(
            x, UP, stride=2, padding=1, output_padding=1
        ),
        "conv transposed groups": lambda x: F.conv_transpose2d(x, UP, groups=2, dilation=2),
        "conv1d": lambda x: F.conv1d(x.flatten(2), W[:, :, 0], groups=2),
        "linear": lambda x: F.linear(x, SQUARE.T, torch.ones(7)),
        "matmul": lambda x: x @ SQUARE + (x.transpose(-1, -2) @ x).sum(),
        "einsum": lambda x: torch.einsum("bchw, cd -> bdhw", x, SQUARE[:4]),
        "bmm": lambda x: torch.baddbmm(x[:, 0], x[:, 1], x[:, 2, :5], beta=0.5, alpha=2.0),
        "attention": lambda x: F.scaled_dot_product_attention(x, x * 2, x + 1),
        "attention causal": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
        "attention mask": lambda x: F.scaled_dot_product_attention(
            x, x, x, attn_mask=torch.eye(6).bool(), scale=0.3
        ),
    },
    "pooling and resizing": {
        "max pool": lambda x: F.max_pool2d(x, 3, 2, 1),
        "max pool ceil": lambda x: F.max_pool2d(x, (2, 3), (2, 2), ceil_mode=True),
        "max pool dilation": lambda x: F.max_pool2d(x, 2, 1, dilation=2),
        "max pool ties": lambda x: F.max_pool2d((x * 2).round() * x.detach().sign(), 3, 1, 1),
        "avg pool": lambda x: F.avg_pool2d(x, 3, 2, 1),
        "avg pool ceil": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
        "avg pool without border": lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
        "avg pool divisor": lambda x: F.avg_pool2d(x, 2, divisor_override=3),
        "adaptive avg": lambda x: F.adaptive_avg_pool2d(x, (4, 3)),
        "adaptive avg to one": lambda x: F.adaptive_avg_pool2d(x, 1),
        "adaptive avg to more": lambda x: F.adaptive_avg_pool2d(x, (7, None)),
        "adaptive max": lambda x: F.adaptive_max_pool2d(x, (4, 3)),
        "nearest": lambda x: F.interpolate(x, (9, 11)),
        "nearest factor": lambda x: F.interpolate(x, scale_factor=1.7),
        "nearest exact": lambda x: F.interpolate(x, (4, 9), mode="nearest-exact"),
        "bilinear": lambda x: F.interpolate(x, (9, 3), mode="bilinear"),
        "bilinear corners": lambda x: F.interpolate(x, (9, 3), mode="bilinear", align_corners=True),
        "bilinear factor": lambda x: F.interpolate(x, scale_factor=(1.5, 2), mode="bilinear"),
        "pixel shuffle": lambda x: F.pixel_shuffle(x, 2),
        "pixel unshuffle": lambda x: F.pixel_unshuffle(x[..., :4], 2),
    },
    "normalizations": {
        "batch norm": lambda x: F.batch_norm(x, C, P, P, C, eps=1e-2),
        "batch norm of the batch": lambda x: F.batch_norm(x, None, None, C, P, training=True),
        "layer norm": lambda x: F.layer_norm(x, (6, 5), torch.ones(6, 5) * 2, torch.ones(6, 5)),
        "group norm": lambda x: F.group_norm(x, 2, C, P),
        "instance norm": lambda x: F.instance_norm(x, weight=C, bias=P),
        "rms norm": lambda x: F.rms_norm(x, (5,), SQUARE[:, 0]),
        "local response norm": lambda x: F.local_response_norm(x, 3),
        "normalize": F.normalize,
        "softmax": lambda x: x.softmax(1) + F.log_softmax(x, -1) + x.softmax(-1, torch.float32),
    },
    "nonlinearities": {
        "relu": lambda x: F.relu(x) + F.relu6(x * 4) + F.leaky_relu(x, 0.2),
        "elu": lambda x: F.elu(x, 0.7) + F.celu(x, 0.7) + F.selu(x) + F.prelu(x, C),
        "gelu": lambda x: F.gelu(x) + F.gelu(x, approximate="tanh"),
        "silu": lambda x: F.silu(x) + F.mish(x) + F.softplus(x, 2.0, 1.0) + F.logsigmoid(x),
        "hard": lambda x: F.hardswish(x * 3) + F.hardsigmoid(x * 3) + F.hardtanh(x),
        "shrink": lambda x: F.softshrink(x) + F.hardshrink(x) + F.tanhshrink(x) + F.softsign(x),
        "glu": lambda x: F.glu(x, 1),
        "threshold": lambda x: F.threshold(x, 0.1, 20.0),
    },
    "arithmetic": {
        "scalars": lambda x: (2 - x) / 3 + x**2 + x**3 + 1 / (x * x + 1) + 2**x,
        "alpha": lambda x: torch.add(x, x, alpha=2) - torch.sub(x, C[:, None, None], alpha=0.5),
        "roots": lambda x: (x.abs() + 1).sqrt() + (x * x + 1).rsqrt() + (x.abs() + 1) ** 0.5,
        "exponentials": lambda x: x.exp() + torch.log(x * x + 1) + torch.log1p(x * x) + x.expm1(),
        "trigonometry": lambda x: x.sin() + x.cos() + x.tanh() + torch.erf(x) + x.atan(),
        "clamp": lambda x: x.clamp(-0.5, 0.7) + x.clamp(min=0) + x.clamp(max=C[:, None, None]),
        "rounding": lambda x: x.floor() + x.ceil() + x.round() + x.trunc() + x * x.sign(),
        "floor division": lambda x: torch.div(x, 0.3, rounding_mode="floor") + x.remainder(0.7),
        "extremes": lambda x: torch.maximum(x, -x) + torch.minimum(x, x.new_tensor(0.3)),
        "where": lambda x: torch.where(x > 0, x, 0.5) + x.masked_fill(x < 0, -1e4) * (x >= 0),
        "logic": lambda x: ((x > 0) & (x < 1) | ~(x > -1), (x > 0).sum(), (x > 0).any(1)),
        "whole numbers": lambda x: x + torch.arange(5) * 2 + (x > 0).long(),
        "lerp": lambda x: torch.lerp(x, -x, 0.3) + torch.addcmul(x, x, x, value=0.5),
    },
    "shapes": {
        "views": lambda x: x.flatten(1).view(x.shape[0], 4, -1).unflatten(2, (2, -1)),
        "axes": lambda x: x.permute(0, 2, 3, 1).transpose(1, -1).movedim(1, 2).contiguous(),
        "cat": lambda x: torch.stack([torch.cat([x, x * 2], 1), torch.cat([x, x], 1)], 2),
        "pieces": lambda x: (*x.chunk(3, 1), *x.split([1, 3], 1), *x.split(4, 2), *x.unbind(3)),
        "slices": lambda x: (x[:, 1:, ::2, -3:], x[:, 2], x[..., None], x[:, :, 1:100]),
        "expand": lambda x: x[:, :1].expand(-1, 3, -1, -1) + x.mean().expand(6, 5) + x.sum(),
        "repeat": lambda x: x.repeat(1, 2, 1, 3),
        "squeeze": lambda x: x[:, :1].squeeze(1).unsqueeze(-1).squeeze(-1),
        "roll": lambda x: torch.roll(x, (1, -2), (2, 3)).flip(1, -1),
        "pad": lambda x: (
            F.pad(x, (1, 2, 0, 1), value=3.0) + F.pad(x, (1, 2, 0, 1), mode="replicate")
        ),
        "pad reflect": lambda x: F.pad(x, (1, 2, 2, 0), mode="reflect"),
        "pad circular": lambda x: F.pad(x, (1, 2, 2, 0), mode="circular"),
        "pad below zero": lambda x: F.pad(x, (-1, 1, 0, -2)),
    },
    "indices": {
        "index": lambda x: (x[:, ROWS], x[:, :, ROWS, ROWS], x[:, [1, 1]]),
        "gather": lambda x: (
            x.gather(3, x.argsort(3)) + x.index_select(3, torch.tensor([4, 3, 2, 1, 0]))
        ),
        "embedding": lambda x: F.embedding(x.argmax(1), SQUARE),
        "one hot": lambda x: F.one_hot(x.argmax(1), 4),
        "new arrays": lambda x: x + torch.full((6, 5), 0.5) + torch.eye(6, 5) + torch.ones_like(x),
        "linspace": lambda x: x * torch.linspace(0, 1, 5) + x.new_zeros(5) + torch.zeros(5),
        "meshgrid": lambda x: (
            x + torch.stack(torch.meshgrid(torch.arange(6), torch.arange(5), indexing="ij")).sum(0)
        ),
    },
    "reductions": {
        "sums": lambda x: (x.sum(), x.sum((1, 2)), x.mean(1, keepdim=True), x.prod(3), x.cumsum(2)),
        "variances": lambda x: (x.var(1), x.std((2, 3), unbiased=False), *torch.var_mean(x, 1)),
        "maxima": lambda x: (
            x.amax((2, 3)),
            *x.max(1),
            *x.min(2, keepdim=True),
            x.max(),
            x.argmin(),
        ),
        "order": lambda x: (*x.topk(2, 1), *x.sort(2, descending=True), *x.topk(2, largest=False)),
        "norms": lambda x: (
            x.norm(dim=1),
            torch.linalg.vector_norm(x, 1, (2, 3)),
            x.norm(p=3, dim=1),
        ),
        "logsumexp": lambda x: x.logsumexp(1),
    },
    "in place": {
        "in place": lambda x: (x * 2).add_(1).neg_(),
        "in place, old name": in_place,
        "in place, through a view": through_view,
        "in place, through pieces": through_pieces,
        "assignment": assigned,
    },
}


# PyTorch warns once that an even kernel may cost it a copy.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even:UserWarning")
# The compiled code runs once: compiling it well takes longer than all the rest.
fast = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@pytest.fixture(scope="module", params=CASES)
def network(request) -> Applied:
    return Applied(CASES[request.param])


def test_operators_compute_what_pytorch_computes_and_have_its_gradients(network):
    x = torch.from_numpy(image()).requires_grad_(True)
    expected = network(x)
    smooth = {
        name: square(leaves)
        for name, value in expected.items()
        if (leaves := [v for v in jax.tree.leaves(value) if v.requires_grad])
    }
    # Each function counts alike, whatever the size of its values.
    weights = {name: 1 / float(total.detach()) for name, total in smooth.items()}
    mean = torch.stack([w * smooth[n] for n, w in weights.items()]).sum()
    (theirs,) = torch.autograd.grad(mean, x)

    function = call(parts(network, example=image()))

    def total(x):
        found = function(x)
        floats = {
            name: [v for v in jax.tree.leaves(found[name]) if jnp.issubdtype(v.dtype, jnp.floating)]
            for name in weights
        }
        return sum(w * square(floats[name]) for name, w in weights.items()), found

    ours, found = fast(jax.grad(total, has_aux=True))(jnp.asarray(image()))
    compare(found, expected)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # in PyTorch's own export
def test_core_operators_compute_the_same(network):
    """What is saved may be in core operators already, which are others."""
    x = torch.from_numpy(image())
    program = torch.export.export(network, (x,), strict=False).run_decompositions()
    compare(fast(call(parts(program)))(jnp.asarray(image())), network(x))


def test_every_operator_has_a_name_of_pytorchs():
    wrong = []
    for name in table():
        space, packet, *overload = name.split(".")
        known = getattr(torch.ops.aten, packet, None) if space == "aten" else None
        if space == "aten" and (known is None or not {*overload} <= {*known.overloads()}):
            wrong.append(name)
    assert not wrong
