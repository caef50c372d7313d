"""The page of defaults: what it says of icons is what the code does."""

import inspect
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.atlas.icons import IconSettings
from atlasjax.optvis.objectives import direction_neuron
from atlasjax.optvis.schedule import warmup_cosine_adam
from atlasjax.runs.experiment import Experiment

PAGE = Path(__file__).resolve().parents[2] / "docs" / "defaults.md"
ICONS, PLAIN = IconSettings(), Experiment("plain")


def here(section: str) -> dict[str, str]:
    """Return the column "here" of a section's table, by the first column."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    column = rows[0].index("here")
    return {row[0]: row[column] for row in rows[2:]}


def floor() -> float:
    return inspect.signature(direction_neuron).parameters["floor"].default


SAYS = {
    "ridge": (lambda: PLAIN.ridge, 0.5, "half the mean eigenvalue"),
    "objective": (
        lambda: (floor(), ICONS.power, PLAIN.power),
        (0.1, 4, 4),
        "`dot * max(.1, cos)^4`",
    ),
    "steps": (
        lambda: (ICONS.steps, ICONS.refine_steps, PLAIN.steps, PLAIN.refine_steps),
        (96, 16, 96, 16),
        "96; 16 from the icon of a coarser grid",
    ),
    "icon": (
        lambda: (ICONS.size, PLAIN.icon_size, PLAIN.early_icon_size),
        (96, 96, 56),
        "96 px; 56 px in early layers",
    ),
    "attempts": (
        lambda: (ICONS.attempts, PLAIN.attempts),
        (2, 2),
        "at most 2, the second only where the first failed",
    ),
}


@pytest.mark.parametrize("row", SAYS)
def test_the_page_says_what_is_so(row: str):
    is_so, value, words = SAYS[row]
    assert here("Icons")[row] == words
    assert is_so() == value


def strides(steps: int, turned_at: int) -> list[float]:
    """How far the icons' optimizer goes in each step, where the gradient changes its sign once."""
    optimizer, found = warmup_cosine_adam(steps, ICONS.learning_rate), []
    with jax.numpy_dtype_promotion("standard"):  # Optax relies on it
        state = optimizer.init(jnp.zeros(()))
        for step in range(steps):
            gradient = jnp.where(step < turned_at, 1.0, -1.0)
            change, state = optimizer.update(gradient, state)
            found.append(-float(jnp.asarray(change)))
    return found


def test_the_optimizer_is_what_the_page_says():
    said = here("Icons")["optimizer"]
    assert "Adam with `b1` of .5, at most .2 and 1 / sqrt(steps), rising in a tenth of the " in said
    assert "steps and falling along a cosine" in said
    for steps in (20, 100):
        rates = strides(steps, steps)
        assert max(rates) == pytest.approx(min(0.2, steps**-0.5), rel=0.03)
        assert int(np.argmax(rates)) + 1 == steps // 10
    # With b1 = 1/2 half of the mean is the last gradient: at the turn it is 1/2 - 1/2 = 0.
    assert strides(100, 50)[50] == pytest.approx(0, abs=1e-6)


def test_the_last_quarter_goes_without_a_transform():
    reason = PAGE.read_text(encoding="utf-8")
    assert "none in the last quarter of the steps" in reason
    assert ICONS.untransformed_fraction == 0.25


def test_activations_are_taken_as_the_page_says():
    rows = here("Activations")
    assert rows["positions of an image"].startswith(f"{PLAIN.samples_per_image}; ")
    rows = here("Map")
    assert rows["a cell is drawn when it holds"] == f"more than {PLAIN.more_than}"
    assert rows["seed"] == str(PLAIN.seed)
    assert rows["grids"].startswith(", ".join(map(str, PLAIN.grids)))
