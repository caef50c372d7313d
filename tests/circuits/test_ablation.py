"""Ablation: against the same network computed by hand in float64 with a unit taken out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import adapt
from atlasjax.circuits import ablate_edges
from atlasjax.errors import UserError

RANDOM = np.random.default_rng(2)
MIX, LAST, AROUND = (RANDOM.normal(size=size) for size in ((3, 4), (4, 5), (3, 5)))
MIX[1, 2] = 0  # an edge that does nothing
IMAGES = RANDOM.uniform(size=(11, 4, 4, 3)).astype(np.float32)


def around(images: Any, tap: Any) -> Any:
    """A layer, units that see it, and a way around them to the logits."""
    a = tap("a", images)
    b = tap("b", jax.nn.relu(a @ MIX.astype(np.float32) - 0.25))
    return (b @ LAST.astype(np.float32) + a @ AROUND.astype(np.float32)).mean((1, 2))


def by_hand(into: int, out: int, instead: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a = IMAGES.astype(np.float64)
    without = a.copy()
    without[..., into] = instead

    def later(a: Any) -> tuple[Any, Any]:
        before = a @ MIX - 0.25
        return before, np.maximum(before, 0)

    (before, b), (changed, other) = later(a), later(without)
    logits = (b @ LAST + a @ AROUND).mean((1, 2))
    everywhere = (other @ LAST + without @ AROUND).mean((1, 2)) - logits
    only = b.copy()
    only[..., out] = other[..., out]
    through = (only @ LAST + a @ AROUND).mean((1, 2)) - logits
    return (changed - before)[..., out], everywhere, through


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_a_source_is_ablated_everywhere_or_on_one_way_alone(fill: str):
    edges = [(0, 1), (2, 3), (1, 2)]
    found = ablate_edges(around, "a", "b", edges, IMAGES, fill=fill)
    spread = (IMAGES.astype(np.float64) @ MIX).std((0, 1, 2))
    for e, (into, out) in enumerate(edges):
        instead = 0.0 if fill == "zero" else float(IMAGES[..., into].mean(dtype=np.float64))
        change, logits, through = by_hand(into, out, instead)
        np.testing.assert_allclose(found.target[e], change.mean((1, 2)), atol=1e-5)
        moved = np.sqrt(np.square(change).mean()) / spread[out]
        assert found.moved[e] == pytest.approx(moved, abs=1e-5)
        np.testing.assert_allclose(found.logits[e], logits, atol=1e-5)
        np.testing.assert_allclose(found.through[e], through, atol=1e-5)
    assert found.idle.tolist() == [False, False, True]
    assert np.abs(found.logits[2]).max() > 0.01  # though its source does something elsewhere


def test_a_unit_of_pytorch_is_ablated_as_pytorch_computes_it():
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
    torch.manual_seed(0)
    nn = torch.nn
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)
    ).eval()
    found = ablate_edges(adapt(network, example=4), "1", "3", [(1, 2)], IMAGES)
    with torch.no_grad():
        x = torch.tensor(IMAGES.transpose(0, 3, 1, 2).copy())
        value = network[:2](x)
        without = value.clone()
        without[:, 1] = 0
        change = (network[2](without) - network[2](value))[:, 2].mean((1, 2))
        logits = network[2:](without) - network(x)
    np.testing.assert_allclose(found.target[0], change, atol=1e-5)
    np.testing.assert_allclose(found.logits[0], logits, atol=1e-5)


def test_networks_without_classes_have_no_logits():
    def without(images: Any, tap: Any) -> Any:
        around(images, tap)
        return images

    found = ablate_edges(without, "a", "b", [(0, 1), (1, 2)], IMAGES)
    assert found.logits.shape == (2, 11, 0)
    assert found.idle.tolist() == [False, True]


def test_mistakes_are_told():
    for edges, more, says in (
        ([(0, 9)], {}, "unit 9 of b: must be from 0 to 3"),
        ([(3, 0)], {}, "unit 3 of a: must be from 0 to 2"),
        ([], {}, "no edges"),
        ([(0, 0)], {"fill": "zeros"}, "no fill 'zeros'; did you mean zero"),
    ):
        with pytest.raises(UserError, match=says):
            ablate_edges(around, "a", "b", edges, IMAGES, **more)
    with pytest.raises(UserError, match="the source must be a layer"):
        ablate_edges(around, "image", "b", [(0, 0)], IMAGES)
    assert jnp.asarray(IMAGES).shape[0] == 11
