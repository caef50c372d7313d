"""Every field of a loop, changed, changes what it says; a new field without a row fails."""

from dataclasses import fields, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.optvis.loop import LEAKY, Loop, leaky_steps
from atlasjax.optvis.objectives import channel
from atlasjax.optvis.param import Parameterization
from atlasjax.optvis.render import Rendered
from atlasjax.optvis.visualize import visualize

PLAIN = Loop(6)
DTYPES: list[str] = []


def toy(images: Any, tap: Any) -> Any:
    """The brightness of red, behind a rectifier that grey does not open."""
    DTYPES.append(str(images.dtype))
    return tap("red", jax.nn.relu(images[..., :1] - jnp.asarray(0.6, images.dtype))).mean((1, 2))


def halved(key: Any, image: Any) -> Any:
    del key
    return image / 2


def made(loop: Loop) -> Rendered:
    DTYPES.clear()
    start = jnp.full((8, 8, 3), 0.6)
    model = jax.tree_util.Partial(toy) if loop.dtype == "float32" else Cast(jnp.ones(()))
    bright = Parameterization(lambda _: start, jax.nn.sigmoid)
    return visualize(
        model, channel("red", 0), jax.random.key(0), param=bright, transform=halved, loop=loop
    )


@jax.tree_util.register_pytree_node_class
class Cast:
    """The same with a weight, whose precision is what the network computes in."""

    def __init__(self, weight: Any):
        self.weight = weight

    def __call__(self, images: Any, tap: Any) -> Any:
        return toy(images * self.weight, tap)

    def tree_flatten(self):
        return (self.weight,), None

    @classmethod
    def tree_unflatten(cls, _, leaves):
        return cls(*leaves)


def moved(one: Rendered) -> float:
    return float(np.abs(one.params - 0.6).max())


CHANGES = {
    "steps": (9, lambda plain, other: (plain.score.shape[1], other.score.shape[1]) == (6, 9)),
    "snapshots": (
        (2, 6),
        lambda plain, other: (
            plain.snapshot.shape[1] == 0
            and np.array_equal(other.snapshot[:, 1], other.image)
            and not np.array_equal(other.snapshot[:, 0], other.image)
        ),
    ),
    "stop_at": (-1.0, lambda plain, other: (plain.steps[0], other.steps[0]) == (6, 1)),
    # Seen at half its brightness nothing opens the rectifier, and only what leaks moves anything.
    "leaky_steps": (0, lambda plain, other: moved(plain) > 1e-3 and moved(other) == 0),
    "dtype": ("bfloat16", lambda plain, other: DTYPES[-1] == "bfloat16"),
    "untransformed_steps": (
        1,
        lambda plain, other: plain.score[0, -1] == 0 and other.score[0, -1] > 0.04,
    ),
}


def test_every_field_has_a_row():
    assert set(CHANGES) == {field.name for field in fields(Loop)}


@pytest.mark.parametrize("name", CHANGES)
def test_every_field_changes_what_it_says(name: str):
    value, changes = CHANGES[name]
    plain, other = made(PLAIN), made(replace(PLAIN, **{name: value}))
    assert changes(plain, other)


def test_gradients_leak_by_default_unless_logits_alone_are_asked_for():
    assert leaky_steps(Loop(128), ["mixed4a"]) == round(LEAKY * 128) == 43
    assert leaky_steps(Loop(128), ["mixed4a", "logits"]) == 43
    assert leaky_steps(Loop(128), ["logits"]) == leaky_steps(Loop(128), []) == 0
    assert leaky_steps(Loop(128, leaky_steps=7), ["logits"]) == 7
