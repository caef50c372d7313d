"""Training with a penalty: the surrogate learns, and paths become shorter."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from atlasjax.errors import UserError
from atlasjax.trees import Schedule, fit_surrogate, initial_surrogate, path_length, train

X = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
# A line that no question about one feature draws; and a grain of it that one question tells.
Y = (X[:, 0] + 0.9 * X[:, 1] > 0).astype(np.float32)
OPTIMIZER = optax.adam(0.05)
WRONG: dict[str, Any] = {"optimizer": OPTIMIZER, "epochs": 1}


def logits(w: Any, x: Any) -> Any:
    return x @ w["kernel"] + w["bias"]


def loss(w: Any, batch: Any) -> Any:
    return optax.sigmoid_binary_cross_entropy(logits(w, batch[0]), batch[1]).mean()


def predict(w: Any) -> Any:
    return (logits(w, X) > 0).astype(jnp.int32)


def learnt(penalty: str, strength: float, **settings: Any) -> Any:
    first = {"kernel": jnp.array([0.5, 0.4], jnp.float32), "bias": jnp.zeros((), jnp.float32)}
    given: dict[str, Any] = {"optimizer": OPTIMIZER, "epochs": 60, "predict": predict}
    given |= {"features": X, "penalty": penalty, "strength": strength} | settings
    schedule = Schedule(every=5, measure=2, restarts=20, steps=200)
    return train(first, loss, (X[None], Y[None]), schedule=schedule, **given)


def test_the_surrogate_tells_weights_with_long_paths_from_those_with_short_ones():
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(150, 3)).astype(np.float32)
    lengths = 2.0 + 3 * (np.abs(weights[:, 0]) > 0.7)
    fitted = fit_surrogate(initial_surrogate(jnp.zeros(3), jax.random.key(0)), weights, lengths)
    other = rng.normal(size=(60, 3)).astype(np.float32)
    said = np.array([float(fitted(jnp.asarray(w))) for w in other])
    assert np.corrcoef(said, 2 + 3 * (np.abs(other[:, 0]) > 0.7))[0, 1] > 0.7


def test_the_tree_penalty_shortens_paths_and_the_surrogate_follows():
    plain, tree = learnt("none", 0.0), learnt("tree", 0.3)
    assert tree.path_length[-1] < 0.7 * plain.path_length[-1]
    assert tree.loss[-1] > plain.loss[-1]
    assert abs(tree.expected[-1] - tree.path_length[-1]) < 1


def test_regions_have_trees_of_their_own():
    regions = (X[:, 0] > 0).astype(int)
    made = learnt("none", 0.0, regions=regions, epochs=2)
    answers = np.asarray(predict(made.params))
    by_hand = sum(
        path_length(X[own], answers[own]) * own.mean() for own in (regions > 0, regions < 1)
    )
    assert made.path_length[-1] == pytest.approx(by_hand)
    with pytest.raises(UserError, match=r"regions of shape \[3\] for 300 examples"):
        learnt("none", 0.0, regions=regions[:3], epochs=1)


def test_networks_around_the_present_one_are_asked_for_their_paths():
    with pytest.raises(UserError, match="neighbours is 0 or greater"):
        train({"a": jnp.ones(1)}, loss, X, **WRONG, schedule=Schedule(neighbours=-1))
    with pytest.raises(UserError, match="nearness above 0"):
        train({"a": jnp.ones(1)}, loss, X, **WRONG, schedule=Schedule(nearness=0.0))


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_other_penalties_make_weights_small(penalty: str):
    sizes = [np.abs(learnt(penalty, s, epochs=40).params["kernel"]).sum() for s in (0.0, 0.1)]
    assert sizes[1] < 0.5 * sizes[0]


def test_equal_seeds_give_equal_networks():
    one, other = (learnt("tree", 0.1, epochs=8).params["kernel"] for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"penalty": "l3"}, "no penalty 'l3'; did you mean l2, l1?"),
        ({"strength": -1.0}, "strength=-1"),
        ({"epochs": 0}, "epochs=0"),
        ({"predict": None}, "needs predict= and features="),
    ],
)
def test_mistakes_get_one_line(change: dict[str, Any], said: str):
    with pytest.raises(UserError) as told:
        learnt(**({"penalty": "tree", "strength": 0.1} | change))
    assert said in str(told.value)
