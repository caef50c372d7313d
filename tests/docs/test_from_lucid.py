"""The guide from Lucid: what it says to write runs, every row of it."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax
from atlasjax.optvis import param
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.objectives import Objective, Seen, check, evaluate, shapes_for, spread, take
from atlasjax.optvis.objectives.core import network
from atlasjax.optvis.render import Rendered
from atlasjax.vis.gallery import Gallery

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "from_lucid.md"
SIDE = 32
NETWORK_LAYERS = ax.layers(ax.models.abstract("inception_v1_scenes"), (96, 96, 3))


def rows() -> dict[str, str]:
    """Return the code on the right of each row, by what is on the left."""
    found = {}
    for line in GUIDE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 2 and not cells[0].startswith(("Lucid", "---")):
            found[f"{len(found)} {cells[0]}"] = cells[1]
    return found


ROWS = rows()


def toy(images: Any, tap: Any) -> Any:
    """Three layers of 32 channels, under the names of the guide, and a class for each."""
    x = jnp.concatenate([images, 1 - images, images**2, images[..., :1]] * 4, -1)[..., :32]
    x = tap("mixed3a", x[:, ::4, ::4])
    x = tap("mixed4a", jax.nn.relu(tap("mixed4a/pre_relu", x[:, ::2, ::2] - 0.1)))
    x = tap("mixed4b", jnp.roll(x, 1, -1))
    return tap("logits", x.mean((1, 2)))


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the guide's own first lines define, with a model and sizes that are quick."""
    text = GUIDE.read_text(encoding="utf-8")
    found: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], found)
    assert type(found["model"]).__name__ == "InceptionV1"
    quick = {"model": toy, "size": SIDE, "loop": Loop(2), "v": np.linspace(-1, 1, 32)}
    return found | quick | {"settings": ax.vis.Settings(size=SIDE, steps=2, total_variation=0)}


def test_there_is_a_guide():
    assert len(ROWS) > 60
    assert len(set(ROWS.values())) > 60
    assert all(re.fullmatch(r"`[^`]+`", code) for code in ROWS.values())
    headings = re.findall(r"^## (.+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {"Rendering", "Objectives", "Parameterizations", "Transforms"} < set(headings)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_runs(row: str, names: dict[str, Any]):
    made = eval(ROWS[row].strip("`"), names)
    if isinstance(made, Objective):
        values = scores(made)
    elif isinstance(made, param.Parameterization):
        values = made.image(made.init(jax.random.key(0)))
        assert 0 <= values.min() <= values.max() <= 1
    elif type(made).__name__ in ("Affine", "Chain", "Effect"):
        channels = 4 if "alpha" in row else 3
        values = made(jax.random.key(0), jnp.full((48, 48, channels), 0.3))
        assert values.shape[-1] == 3
    else:
        values = made
    if isinstance(values, Rendered):
        values = [values.image, values.reached]  # its history is NaN where a unit has stopped
    elif isinstance(values, Gallery):
        # Of an image that was given, which stands first, nothing is measured.
        values = [values.images, values.reached["image" in values.captions :]]
    leaves = [leaf for leaf in jax.tree.leaves(values) if isinstance(leaf, np.ndarray | jax.Array)]
    numbers = [np.asarray(leaf, np.float64) for leaf in leaves if leaf.size]
    assert numbers or isinstance(made, tuple | dict)  # of names or shapes
    assert all(np.isfinite(part).all() for part in numbers)


def scores(objective: Objective) -> Any:
    """Score two frames of noise, after the checks against the toy; names are the network's."""
    check(objective, shapes_for(toy, (SIDE, SIDE, 3)))
    assert {*objective.layers} <= {*NETWORK_LAYERS}
    images = jax.random.uniform(jax.random.key(0), (2, SIDE, SIDE, 3))
    values = evaluate(
        take(spread(objective, 1), 0), Seen(images, network(toy, images, objective.layers))
    )
    assert values.shape == (2,)
    return values


def test_a_row_that_is_wrong_would_fail(names: dict[str, Any]):
    with pytest.raises(ax.UserError, match="no layer 'mixed9z'"):
        scores(eval('obj.channel("mixed9z", 3)', names))
