"""A circuit: of a small network whose weights are known, as edges and as a diagram."""

import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax
from atlasjax.errors import UserError
from atlasjax.page.units.contents import UnitSite
from atlasjax.workflows.circuit import Circuit, circuit
from atlasjax.workflows.unit_site.settings import UnitSettings

QUICK = UnitSettings(icon=16, icon_steps=1, images=2)
# Of c:0 the strongest inputs are b:1 (4) and b:2 (-3); of b:1, a:0 (2); of b:2, a:2 (-5).
SECOND = np.array([[0, 2, 0], [0, 1, 0], [1, 0, -5]], np.float32)  # [in, out]
THIRD = np.array([[1, 0], [4, 0], [-3, 1]], np.float32)


def network() -> Any:
    def model(images: jax.Array, tap: Any) -> jax.Array:
        x = tap("a", images[:, ::4, ::4])
        x = tap("pooled", (x[:, ::2] + x[:, 1::2]) / 2)
        x = tap("b", jax.nn.relu(x @ SECOND))
        return tap("c", jax.nn.relu(x @ THIRD)).mean((1, 2))

    return model


def entry() -> ax.ModelEntry:
    return ax.ModelEntry("small", network, image_size=16, class_names=["one", "two"])


def photographs() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), np.uint8)


def drawn(site: UnitSite, layer: str, unit: int, *, depth: int, most: int) -> str:
    """Stand in for the diagram, which has tests of its own."""
    return f"<svg>{layer}:{unit} {depth} {most} of {len(site.layers)} layers</svg>"


def found(tmp_path: Path, unit: str = "c:0", images: Any = None, **how: Any) -> Circuit:
    how = {"most": 2, "settings": QUICK, "draw": drawn, "out": tmp_path / "c.svg"} | how
    return circuit(entry(), unit, images, **how)


def test_a_circuit_has_the_strongest_inputs_and_theirs(tmp_path: Path):
    made = found(tmp_path, images=photographs())
    pairs = [(edge.source, edge.target) for edge in made.edges]
    assert pairs == [
        (("b", 1), ("c", 0)),
        (("b", 2), ("c", 0)),
        (("a", 0), ("b", 1)),
        (("a", 2), ("b", 2)),
    ]
    assert [edge.weight for edge in made.edges] == pytest.approx([4, -3, 2, -5])
    assert [(one.name, one.number.tolist()) for one in made.site.layers] == [
        ("a", [0, 2]),
        ("b", [1, 2]),
        ("c", [0]),
    ]
    assert all(one.icon is not None for one in made.site.layers)
    assert made.picture.read_text() == "<svg>c:0 2 2 of 3 layers</svg>"
    assert made.notes == ()


def test_edges_come_to_what_images_make_of_them(tmp_path: Path):
    images = photographs()
    made = found(tmp_path, images=images, depth=1)
    some = jnp.asarray(images[[0, 2]], jnp.float32) / 255  # spread over all
    value = np.asarray(ax.capture(network(), some, ["b"])["b"]).mean((0, 1, 2))
    for edge, unit, weight in zip(made.edges, (1, 2), (4, -3), strict=True):
        assert edge.contribution == pytest.approx(weight * value[unit], rel=1e-4)
        assert edge.effect == pytest.approx(weight * value[unit], rel=1e-4)
    # b:2 sees red less five times blue, which is hardly ever above 0, so it may be idle.
    assert not made.edges[0].idle


def test_an_edge_whose_source_never_fires_is_idle(tmp_path: Path):
    blue = np.zeros((2, 16, 16, 3), np.uint8)
    blue[..., 2] = 255
    made = found(tmp_path, images=blue, depth=1)
    assert [edge.idle for edge in made.edges] == [True, True]


def test_without_images_there_are_weights_alone(tmp_path: Path):
    made = found(tmp_path, "b:0", depth=3)
    assert [(edge.source, edge.weight) for edge in made.edges] == [(("a", 2), pytest.approx(1))]
    assert math.isnan(made.edges[0].effect)
    assert math.isnan(made.edges[0].contribution)
    assert [note.partition(":")[0] for note in made.notes] == [
        "a is the first layer",
        "No images were given",
    ]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"unit": "c"}, "must be LAYER:NUMBER"),
        ({"unit": "d:0"}, "no layer 'd'"),
        ({"unit": "c:2"}, "unit c:2: must be from 0 to 1"),
        ({"unit": "a:0"}, "layer 'a' is the first"),
        ({"depth": 0}, "depth 0: must be at least 1"),
        ({"out": "x.png"}, "must end in .svg"),
    ],
)
def test_mistakes_are_one_line(how: dict[str, Any], said: str, tmp_path: Path):
    with pytest.raises(UserError, match=said) as error:
        found(tmp_path, **how)
    assert "\n" not in str(error.value)
