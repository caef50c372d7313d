"""Targets: their numbers, the edits on the way, and what a network does not have."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import targets
from atlasjax.errors import UserError
from atlasjax.taps import layers

SHAPE = (2, 2, 3)


def toy(images, tap):
    tap("pooled", images.mean((1, 2)))
    return tap("double", 2 * images).sum((1, 2))


def images() -> jax.Array:
    return jax.random.uniform(jax.random.key(0), (3, *SHAPE))


def test_each_image_may_have_its_own():
    x = np.asarray(images())
    logits = 2 * x.sum((1, 2))
    found = targets.evaluate(targets.class_logit([2, 0, 1]), toy, images())
    np.testing.assert_allclose(found, logits[np.arange(3), [2, 0, 1]], rtol=1e-6)
    found = targets.evaluate(targets.difference([2, 0, 1], 1), toy, images())
    np.testing.assert_allclose(found, logits[np.arange(3), [2, 0, 1]] - logits[:, 1], atol=1e-6)
    targets.check_target(targets.class_logit([2, 0, 1]), toy, SHAPE)


def test_units_and_directions_are_of_a_position_or_of_all():
    x = 2 * np.asarray(images())
    vector = np.array([1.0, -2.0, 0.5], np.float32)
    for target, expected in (
        (targets.unit("double", 2), x.mean((1, 2))[:, 2]),
        (targets.unit("double", 2, (0, 1)), x[:, 0, 1, 2]),
        (targets.direction("double", vector), x.mean((1, 2)) @ vector),
        (targets.direction("double", vector, (1, 0)), x[:, 1, 0] @ vector),
        (targets.as_target("pooled:1"), x.mean((1, 2))[:, 1] / 2),
    ):
        targets.check_target(target, toy, SHAPE)
        np.testing.assert_allclose(targets.evaluate(target, toy, images()), expected, rtol=1e-5)


def test_an_edit_is_seen_by_the_target():
    target = targets.unit("double", 0)
    found = targets.evaluate(target, toy, images(), {"double": jnp.ones_like})
    np.testing.assert_array_equal(found, 1)
    with pytest.raises(UserError, match="no layer 'doubl'"):
        targets.evaluate(target, toy, images(), {"doubl": jnp.ones_like})


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (targets.class_logit(3), "class 3: must be from 0 to 2"),
        (targets.class_logit([0, -1]), "class -1"),
        (targets.difference(0, 9), "class 9"),
        (targets.unit("doubl", 0), "no layer 'doubl'; did you mean double"),
        (targets.unit("double", 3), "channel 3 of double: must be from 0 to 2"),
        (targets.unit("double", 0, (2, 0)), "it has 2 rows and 2 columns"),
        (targets.direction("double", np.zeros(2)), "a vector of 2 numbers"),
        (targets.scalar(lambda output, _: output), r"has shape \[1, 3\]"),
        (targets.scalar(lambda output, _: output.sum()), r"has shape \[\]"),
    ],
)
def test_what_a_network_does_not_have_is_refused(target: targets.Target, said: str):
    with pytest.raises(UserError, match=said):
        targets.check_targets([targets.class_logit(0), target], toy, SHAPE)


def test_the_network_is_looked_at_once_for_all():
    seen = []

    def counted(images, tap):
        seen.append(images.shape)
        return toy(images, tap)

    many = [targets.class_logit(i) for i in range(3)] + [targets.unit("double", 0)]
    targets.check_targets(many, counted, SHAPE)
    assert seen == [(1, *SHAPE)]


def test_a_name_tapped_twice_hides_no_class():
    def twice(images, tap):
        return tap("same", tap("same", images)[:, ::2]).mean((1, 2))

    targets.check_target(targets.class_logit(0), twice, (4, 4, 3))
    with pytest.raises(UserError, match="twice"):
        layers(twice, (4, 4, 3))
