"""Every setting, changed, changes what it says; a new one without a row fails.

And what the guide names as a default is the default.
"""

import inspect
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import vis
from atlasjax.optvis.objectives import Seen, channel, evaluate, take
from atlasjax.optvis.param import image_shape
from atlasjax.optvis.sizes import USUAL
from atlasjax.optvis.visualize import visualize
from atlasjax.vis import gallery
from atlasjax.vis.settings import Settings, settled

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "visualize.md"


class Asked(NamedTuple):
    """What was asked of `visualize`."""

    objective: Any
    options: dict[str, Any]


def asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Return what a call with these settings comes down to."""
    seen: list[Asked] = []

    class Stop(Exception):
        pass

    def recorded(model, objective, key, **options):
        # What it would be called with, as `visualize` itself understands it.
        inspect.signature(visualize).bind(model, objective, key, **options)
        seen.append(Asked(objective, options))
        raise Stop

    monkeypatch.setattr(gallery, "visualize", recorded)

    def any_channels(images, tap):
        return tap("a", images).mean((1, 2))

    with pytest.raises(Stop):
        vis.channels(any_channels, "a", [0], jax.random.key(0), settings)
    return seen[0]


def moves(one: Asked) -> tuple[float, ...]:
    """The jitter, the smallest and the largest magnification, and the angle."""
    return one.options["transform"].moves[0].settings


def peak(one: Asked) -> float:
    """The largest step that Adam takes for a gradient that never changes."""
    optimizer, steps = one.options["optimizer"], one.options["loop"].steps
    with jax.numpy_dtype_promotion("standard"):
        state = optimizer.init(jnp.zeros(()))
        largest = 0.0
        for _ in range(steps):
            change, state = optimizer.update(jnp.ones(()), state)
            largest = max(largest, -float(change))
    return largest


def noisy(one: Asked) -> float:
    """The objective of a checkerboard, whose channel is .5 and whose total variation is near 2."""
    board = jnp.tile(jnp.asarray([[0.0, 1.0], [1.0, 0.0]]), (4, 4))[None, :, :, None]
    return float(evaluate(take(one.objective, 0), Seen(board, {"a": board}))[0])


# The rate at its peak is that of step 4 of 12, on the cosine: .1 + .9 (1 + cos(pi / 4)) / 2 of all.
# For each field another value, what is read off the call, and what that is before and after.
ROWS = {
    "size": ((24, 40), lambda o: image_shape(o.options["param"])[:2], (128, 128), (24, 40)),
    "steps": (7, lambda o: o.options["loop"].steps, 12, 7),
    "learning_rate": (0.25, lambda o: round(peak(o), 2), 0.43, 0.22),
    "total_variation": (0.0, lambda o: round(noisy(o), 3), 0.062, 0.5),
    "leaky_fraction": (0.75, lambda o: o.options["loop"].leaky_steps, 4, 9),
    "jitter": (3, lambda o: moves(o)[0], 8, 3),
    "scale": ((0.5, 2.0), lambda o: moves(o)[1:3], (0.9, 1.1), (0.5, 2.0)),
    "rotate": (45, lambda o: moves(o)[3], 8, 45),
    "attempts": (3, lambda o: o.options["attempts"], 1, 3),
    "batch": (5, lambda o: o.options["batch"], 16, 5),
    "channels": (2, lambda o: image_shape(o.options["param"])[2], 3, 2),
}
PLAIN = Settings(steps=12)  # which is quick to go through


def test_every_setting_has_a_row():
    assert set(ROWS) == {field.name for field in fields(Settings)}


@pytest.mark.parametrize("name", ROWS)
def test_every_setting_changes_what_it_says_and_nothing_else(name: str, monkeypatch):
    value, read, before, after = ROWS[name]
    plain = asked(PLAIN, monkeypatch)
    other = asked(replace(PLAIN, **{name: value}), monkeypatch)
    assert read(plain) == before
    assert read(other) == after
    for rest, (_, look, unchanged, _) in ROWS.items():
        # A rate rises and falls with the steps, and small pictures are moved less.
        if rest != name and (name, rest) not in (
            ("steps", "learning_rate"),
            ("size", "jitter"),
            ("steps", "leaky_fraction"),
        ):
            assert look(other) == unchanged, rest


def test_the_best_of_all_attempts_is_kept(monkeypatch):
    assert asked(PLAIN, monkeypatch).options["retry_below"] == np.inf


def test_the_guide_names_the_defaults():
    text = re.sub(r"\s+", " ", GUIDE.read_text(encoding="utf-8"))
    own, toy = Settings(), lambda images, tap: tap("a", images).mean((1, 2))
    made = settled(toy, own)
    assert (own.size, made.size) == (None, (USUAL, USUAL))
    assert f"width and height of each picture: {USUAL}" in text
    assert f"optimization steps: {own.steps}." in text
    assert f"from a peak of {own.learning_rate} (`learning_rate`)" in text
    assert "for the first third of the steps (`leaky_fraction`" in text
    assert own.leaky_fraction == pytest.approx(1 / 3, abs=0.05)
    assert f"shifted by up to {made.settings.jitter:g} px" in text
    assert f"turned by up to {own.rotate:g} degrees" in text
    assert "scaled by up to a tenth" in text
    assert own.scale == (0.9, 1.1)
    assert inspect.signature(vis.interpolation).parameters["frames"].default == 6


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_noise_makes_every_objective_smaller(sign: float):
    board = jnp.tile(jnp.asarray([[0.0, 1.0], [1.0, 0.0]]), (4, 4))[None, :, :, None]
    flat = jnp.full_like(board, 0.5)
    own = gallery.denoised(sign * channel("a", 0), Settings())
    noisy, calm = (
        float(evaluate(take(own, 0), Seen(image, {"a": image}))[0]) for image in (board, flat)
    )
    assert calm == sign * 0.5
    # Of 7 x 8 x 2 differences of 1 in 64 pixels, half: .875 of the magnitude.
    assert noisy == pytest.approx(calm - 0.875 * 0.5)
