"""Branches: found for networks of every library, and tested against the exact distribution."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.stats import hypergeom

from atlasjax import adapt, models
from atlasjax.circuits import Branches, branches, specialization
from atlasjax.errors import UserError


def test_the_branches_of_inception_are_those_that_are_published():
    model = models.abstract("inception5h")
    for layer in ("mixed3b", "mixed3b/pre_relu"):
        found = branches(model, layer)
        assert [name.split("/")[1] for name in found.names] == ["1x1", "3x3", "5x5", "pool_reduce"]
        assert np.bincount(found.of).tolist() == [128, 192, 96, 64]
        assert found.kernels == ((1, 1), (3, 3), (5, 5), (1, 1))
    with pytest.raises(UserError, match="'conv2d2' joins no branches"):
        branches(model, "conv2d2")


class Joined(nnx.Module):
    """A dense block: what was joined before is joined again, behind a normalization."""

    def __init__(self):
        rngs = nnx.Rngs(0)
        self.wide = nnx.Conv(3, 4, (5, 3), rngs=rngs)
        self.narrow = nnx.Conv(3, 2, (1, 1), rngs=rngs)
        self.more = nnx.Conv(6, 3, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(9, use_running_average=True, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        x = jnp.concatenate([self.wide(x), nnx.relu(self.narrow(x))], -1)
        x = jnp.concatenate([x, self.more(x)], -1)
        return nnx.gelu(self.norm(x))


class Whole(nnx.Module):
    def __init__(self):
        self.joined = Joined()

    def __call__(self, x: Any) -> Any:
        return self.joined(x).mean((1, 2))


def test_branches_of_branches_of_flax():
    found = branches(adapt(Whole()), "joined")
    assert np.bincount(found.of).tolist() == [4, 2, 3]
    assert found.kernels == ((5, 3), (1, 1), (3, 3))
    assert found.names == ("joined.wide", "joined.narrow", "joined.more")


def test_branches_of_pytorch():
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")

    class Pair(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Conv2d(3, 4, 3, padding=1)
            self.b = torch.nn.Conv2d(3, 2, 5, padding=2)
            self.norm = torch.nn.BatchNorm2d(2)

        def forward(self, x):
            return torch.cat([self.a(x), torch.relu(self.norm(self.b(x)))], 1)

    network = torch.nn.Sequential(Pair(), torch.nn.ReLU()).eval()
    model = adapt(network, example=8, output="none")
    for layer in ("0", "1"):
        found = branches(model, layer, (8, 8, 3))
        assert found.of.tolist() == [0, 0, 0, 0, 1, 1]
        assert found.kernels == ((3, 3), (5, 5))
        assert found.names == ("0.a", "0.norm")


def test_channels_of_one_branch_are_not_branches():
    """A sum of two branches, and a concatenation along another axis."""

    def toy(images: Any, tap: Any) -> Any:
        both = jnp.concatenate([images, 2 * images], 1)
        tap("rows", both)
        return tap("sum", jnp.concatenate([images] * 2, -1) + jnp.tile(images, 2)).mean((1, 2))

    for layer in ("rows", "sum"):
        with pytest.raises(UserError, match="joins no branches"):
            branches(toy, layer)


LAYER = Branches(np.repeat([0, 1, 2], [20, 60, 20]), ("a", "b", "c"), ((1, 1),) * 3)


def test_a_family_in_one_branch_is_told_by_its_p():
    """Of two branches the test is the exact hypergeometric one, both sides of equal unevenness."""
    two = Branches(np.repeat([0, 1], [30, 30]), ("a", "b"), ((1, 1), (3, 3)))
    found = specialization(two, [0, 1, 2, 3, 4, 5, 30, 31])  # 6 and 2
    assert found.counts.tolist() == [6, 2]
    exact = 2 * hypergeom(60, 30, 8).sf(5)
    # A hundred thousand draws know p to 3 standard errors.
    assert found.p == pytest.approx(exact, abs=3 * (exact * (1 - exact) / 1e5) ** 0.5)


def test_p_is_even_for_families_drawn_by_chance():
    random = np.random.default_rng(0)
    ps = [
        specialization(LAYER, random.choice(100, 12, replace=False).tolist(), draws=500).p
        for _ in range(200)
    ]
    # Never more often below a level than it says: by chance 20 of 200, with a deviation of 4.2.
    assert 3 <= sum(p <= 0.1 for p in ps) <= 33
    assert specialization(LAYER, list(range(12)), draws=500).p == 1 / 501
    assert specialization(LAYER, list(range(100))).p == 1


def test_the_same_key_gives_the_same_p():
    one, same, other = (
        specialization(LAYER, [0, 1, 2, 50], jax.random.key(k), 1000).p for k in (0, 0, 1)
    )
    assert one == same != other


def test_units_that_are_not_there_are_told():
    with pytest.raises(UserError, match="unit 100: must be from 0 to 99"):
        specialization(LAYER, [100])
