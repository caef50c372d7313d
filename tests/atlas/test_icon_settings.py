"""Every setting of icons, changed, changes what it says; a new one without a row fails."""

from dataclasses import fields, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.atlas import drawer
from atlasjax.atlas.drawer import IconSettings
from atlasjax.optvis.param import image_shape
from atlasjax.optvis.render import Rendered

PLAIN = IconSettings(steps=20, refine_steps=8)


class Asked(NamedTuple):
    """What was asked of a renderer, when it was made and when it drew."""

    param: Any
    transform: Any
    optimizer: Any
    loop: Any
    objective: Any
    units: int
    start: Any


def asked(settings: IconSettings, monkeypatch: pytest.MonkeyPatch) -> tuple[Asked, Asked]:
    """Return what drawing one icon comes down to: from noise, and from a finished one."""
    seen: list[Asked] = []

    def recorded(param, transform, optimizer, loop, mesh, view=None):
        def draw(model, objective, measure, keys, start=None) -> Rendered:
            n, shape = len(keys), image_shape(param)
            seen.append(Asked(param, transform, optimizer, loop, objective, n, start))
            nothing = np.zeros(n, np.float32)
            image = np.full((n, *shape), 0.5, np.float32)
            made: dict[str, Any] = dict.fromkeys(Rendered._fields, nothing) | {"image": image}
            return Rendered(**made)

        return draw

    monkeypatch.setattr(drawer, "renderer", recorded)
    draw = drawer.icon_drawer(lambda images, tap: tap("a", images).mean((1, 2)), "a", settings)
    directions, keys = np.eye(4, dtype=np.float32)[:1], jax.random.split(jax.random.key(0), 1)
    made = draw(directions, keys)
    bright = np.full_like(made.icon, 200)
    draw(directions, keys, bright)
    return seen[0], seen[1]


def rates(one: Asked) -> list[float]:
    """The steps that the optimizer takes for a gradient that never changes."""
    found = []
    with jax.numpy_dtype_promotion("standard"):
        state = one.optimizer.init(jnp.zeros(()))
        for _ in range(one.loop.steps):
            change, state = one.optimizer.update(jnp.ones(()), state)
            found.append(-float(change))
    return found


def moves(one: Asked) -> tuple[float, ...]:
    return one.transform.moves[0].settings


def power(one: Asked) -> float:
    """The power of the cosine, told from the objective of an activation at 60 degrees."""
    from atlasjax.optvis.objectives import Seen, evaluate, take

    turned = jnp.asarray([0.5, np.sqrt(0.75), 0, 0], jnp.float32)[None, None, None]
    seen = Seen(jnp.ones((1, 1, 1, 3)), {"a": turned})
    score = float(evaluate(take(one.objective, 0), seen)[0])  # cos * max(.1, cos)^power
    return round(np.log2(0.5 / score), 3)


def contrast(pair: tuple[Asked, Asked]) -> float:
    """How much of a finished icon's spectrum the next one starts from."""
    refined = pair[1]
    given = np.log(200 / 55)  # what the parameters stand for, before colours are mixed and squashed
    shown = np.asarray(refined.param.image(jnp.asarray(refined.start[0])))
    return round(float(np.log(shown / (1 - shown)).mean() / given), 3)


# For each field another value, what is read off the call, and what that is before and after.
# A learning rate of 1 / sqrt(steps) is at most .2, and Adam's first steps are as long as its rate.
ROWS = {
    "size": (40, lambda p: image_shape(p[0].param)[:2], (96, 96), (40, 40)),
    "steps": (30, lambda p: p[0].loop.steps, 20, 30),
    "learning_rate": (0.05, lambda p: round(max(rates(p[0])), 2), 0.2, 0.05),
    "power": (2.0, lambda p: power(p[0]), 4, 2),
    "jitter": (1.0, lambda p: moves(p[0])[0], 6, 1),
    "scale": ((0.5, 2.0), lambda p: moves(p[0])[1:3], (0.95, 1.1), (0.5, 2.0)),
    "rotate": (45.0, lambda p: moves(p[0])[3], 5, 45),
    "untransformed_fraction": (0.5, lambda p: p[0].loop.untransformed_steps, 5, 10),
    "batch": (6, lambda p: p[0].units, 16, 6),
    "refine_steps": (12, lambda p: p[1].loop.steps, 8, 12),
    "initial_scale": (0.25, contrast, 0.5, 0.25),
    "channels": (2, lambda p: image_shape(p[0].param)[2], 3, 2),
    "dtype": ("bfloat16", lambda p: p[0].loop.dtype, "float32", "bfloat16"),
}
ELSEWHERE = {"attempts", "retry_below"}  # which `icons` takes: see test_icons.py
TOGETHER = {("steps", "learning_rate"), ("steps", "untransformed_fraction")}


def test_every_setting_has_a_row():
    assert set(ROWS) | ELSEWHERE == {field.name for field in fields(IconSettings)}


@pytest.mark.parametrize("name", ROWS)
def test_every_setting_changes_what_it_says_and_nothing_else(name: str, monkeypatch):
    value, read, before, after = ROWS[name]
    plain = asked(PLAIN, monkeypatch)
    other = asked(replace(PLAIN, **{name: value}), monkeypatch)
    assert read(plain) == before
    assert read(other) == after
    for rest, (_, look, unchanged, _) in ROWS.items():
        if rest != name and (name, rest) not in TOGETHER:
            assert look(other) == unchanged, rest


def test_the_optimizer_rises_in_a_tenth_and_forgets_soon(monkeypatch):
    first, second, *_ = rates(asked(PLAIN, monkeypatch)[0])
    # In a straight line over two of twenty steps.
    np.testing.assert_allclose([first, second], [0.1, 0.2], rtol=0.01)
    optimizer = asked(PLAIN, monkeypatch)[0].optimizer
    with jax.numpy_dtype_promotion("standard"):
        state = optimizer.init(jnp.zeros(()))
        _, state = optimizer.update(jnp.ones(()), state)
        turned, _ = optimizer.update(-jnp.ones(()), state)
    # b1 = 1/2: the mean after 1 and -1 is (1/4 - 1/2) / (1 - 1/4), a third towards the last.
    np.testing.assert_allclose(float(turned) / second, 1 / 3, rtol=0.02)


def test_icons_do_not_leak(monkeypatch):
    assert {one.loop.leaky_steps for one in asked(PLAIN, monkeypatch)} == {0}
