"""Trees: what they say, how long their paths are, what pruning takes away."""

from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from atlasjax.errors import UserError
from atlasjax.trees import average_path_length, fidelity, fit, path_length


@pytest.fixture
def examples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    return x, ((x[:, 0] > 0) ^ (x[:, 1] > 0.5)).astype(int)


def test_without_pruning_it_is_scikit_learns(examples: Any):
    x, y = examples
    tree = fit(x, y, prune=False, least=3)
    order = np.random.default_rng(0).permutation(len(y))
    expected = DecisionTreeClassifier(min_samples_leaf=3, random_state=0).fit(x[order], y[order])
    other = np.random.default_rng(1).normal(size=(300, 4))
    np.testing.assert_array_equal(tree.predict(other), expected.predict(other))
    nodes = np.asarray(expected.decision_path(other).sum(1)).ravel()
    np.testing.assert_array_equal(tree.steps(other), nodes - 1)  # the leaf asks nothing
    assert average_path_length(tree, other) == pytest.approx((nodes - 1).mean())


def test_pruning_takes_away_what_was_learnt_by_heart(examples: Any):
    x, y = examples
    noisy = np.where(np.random.default_rng(2).random(len(y)) < 0.15, 1 - y, y)
    grown, cut = fit(x, noisy, prune=False, least=1), fit(x, noisy, least=1)
    assert cut.leaves < grown.leaves / 3
    other = np.random.default_rng(3).normal(size=(2000, 4))
    truth = ((other[:, 0] > 0) ^ (other[:, 1] > 0.5)).astype(int)
    assert fidelity(cut, other, truth) > fidelity(grown, other, truth)


def test_labels_are_those_that_were_given(examples: Any):
    x, y = examples
    assert set(fit(x, np.where(y, 21, 4)).predict(x)) == {4, 21}


def test_no_more_leaves_than_asked_for(examples: Any):
    assert fit(*examples, max_leaves=3).leaves <= 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answers": np.ones(400, int)}, "all 400 answers are 1: a tree needs two classes"),
        ({"answers": np.ones(3, int)}, "answers of [3]"),
        ({"answers": np.ones(400)}, "answers of type float64"),
        ({"features": np.full((400, 2), np.nan)}, "feature 0 is not finite"),
        ({"max_leaves": 1}, "max_leaves=1"),
        ({"least": 0}, "least=0"),
    ],
)
def test_mistakes_get_one_line(examples: Any, change: dict[str, Any], said: str):
    given: dict[str, Any] = {"features": examples[0], "answers": examples[1]} | change
    with pytest.raises(UserError) as told:
        fit(**given)
    assert said in str(told.value)


def test_one_class_takes_no_question():
    assert path_length(np.zeros((9, 2)), np.zeros(9, int)) == 0
