"""A decision tree that mimics a network's answers: CART, pruned by its errors on other examples."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.errors import UserError

HELD_OUT = 0.25  # of the examples, by which the tree is pruned
LEAF = -1


class Tree(NamedTuple):
    """A binary tree, node by node; the root is node 0.

    Attributes:
        feature: which one a node asks about; -1 for a leaf.
        threshold: examples whose feature is at most this go left.
        left: the node to the left; -1 for a leaf.
        right: the node to the right; -1 for a leaf.
        share: the share of each class among the examples that came there.
        count: how many came there.
        classes: the label that each column of `share` stands for.
    """

    feature: Int[np.ndarray, " nodes"]
    threshold: Float[np.ndarray, " nodes"]
    left: Int[np.ndarray, " nodes"]
    right: Int[np.ndarray, " nodes"]
    share: Float[np.ndarray, "nodes classes"]
    count: Int[np.ndarray, " nodes"]  # pyright: ignore[reportIncompatibleMethodOverride]
    classes: Int[np.ndarray, " classes"]

    @property
    def leaves(self) -> int:
        """Return the number of leaves that can be reached."""
        return sum(int(self.left[node] < 0) for node in _reached(self))

    def node_of(self, features: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
        """Return the leaf that each example comes to."""
        return self._walk(features)[0]

    def predict(self, features: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
        """Return the most frequent class of the leaf that each example comes to."""
        return self.classes[self.share[self.node_of(features)].argmax(1)]

    def steps(self, features: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
        """Return how many questions each example is asked."""
        return self._walk(features)[1]

    def _walk(self, features: Any) -> tuple[np.ndarray, np.ndarray]:
        found = np.asarray(features)
        at, asked = np.zeros(len(found), int), np.zeros(len(found), int)
        while (open_ := self.left[at] >= 0).any():
            rows = np.nonzero(open_)[0]
            node = at[rows]
            goes_left = found[rows, self.feature[node]] <= self.threshold[node]
            at[rows] = np.where(goes_left, self.left[node], self.right[node])
            asked[rows] += 1
        return at, asked


def fit(
    features: Any,
    answers: Any,
    *,
    max_leaves: int | None = None,
    least: int = 5,
    prune: bool = True,
    seed: int = 0,
) -> Tree:
    """Return a tree that gives a network's answers.

    CART by scikit-learn, with Gini's impurity. Then, from the bottom up, every split goes whose
    leaf would make no more errors on a quarter of the examples, which the tree has not seen.

    Args:
        features: what the tree may ask about, [n, d].
        answers: [n], what the network says of each example: its classes, not the truth.
        max_leaves: grow no more than so many, the best splits first.
        least: examples in a leaf.
        prune: whether to prune; without it all examples are learnt from.
        seed: of which examples are held out, and of ties.

    Returns:
        The tree.

    Raises:
        UserError: arrays that do not fit or are not finite, or answers of one class only.

    Source: Wu et al. 2018, section 3 and the supplement; Quinlan 1987 for the pruning.

    >>> x = np.linspace(0, 1, 80)[:, None]
    >>> tree = fit(x, (x[:, 0] > 0.5).astype(int))
    >>> tree.leaves, tree.predict(np.array([[0.2], [0.9]])).tolist()
    (2, [0, 1])
    """
    x, y = _checked(features, answers)
    if max_leaves is not None and max_leaves < 2:
        raise UserError(f"max_leaves={max_leaves}: at least 2, or None for any number")
    if least < 1:
        raise UserError(f"least={least}: at least 1 example in a leaf")
    if len(np.unique(y)) < 2:
        raise UserError(f"all {len(y)} answers are {y[0]}: a tree needs two classes to tell apart")
    from sklearn.tree import DecisionTreeClassifier

    order = np.random.default_rng(seed).permutation(len(y))
    held = order[: int(HELD_OUT * len(y))] if prune else order[:0]
    seen = order[len(held) :]
    grown = DecisionTreeClassifier(
        min_samples_leaf=min(least, max(1, len(seen) // 2)),
        max_leaf_nodes=max_leaves,
        random_state=seed,
    ).fit(x[seen], y[seen])
    found = grown.tree_
    tree = Tree(
        np.where(found.children_left < 0, LEAF, found.feature),
        found.threshold,
        found.children_left.copy(),
        found.children_right.copy(),
        found.value[:, 0] / found.value[:, 0].sum(1, keepdims=True),
        found.n_node_samples.copy(),
        np.asarray(grown.classes_),
    )
    return pruned(tree, x[held], y[held]) if len(held) else tree


def pruned(tree: Tree, features: Float[np.ndarray, "n d"], answers: Int[np.ndarray, " n"]) -> Tree:
    """Return a tree without the splits that do not lessen errors on other examples.

    Args:
        tree: what `fit` grew.
        features: of examples that it was not grown from.
        answers: of these.

    >>> x = np.array([[0.0], [1.0]])
    >>> tree = fit(x, np.array([0, 1]), least=1, prune=False)
    >>> pruned(tree, x, np.array([0, 0])).leaves, pruned(tree, x, np.array([0, 1])).leaves
    (1, 2)
    """
    left, right, feature = tree.left.copy(), tree.right.copy(), tree.feature.copy()
    label = tree.classes[tree.share.argmax(1)]

    def errors(node: int, rows: np.ndarray) -> int:
        """Prune below a node; return the errors of what is left there."""
        as_leaf = int((answers[rows] != label[node]).sum())
        if left[node] < 0:
            return as_leaf
        goes_left = features[rows, feature[node]] <= tree.threshold[node]
        below = errors(int(left[node]), rows[goes_left])
        below += errors(int(right[node]), rows[~goes_left])
        if as_leaf > below:
            return below
        left[node] = right[node] = feature[node] = LEAF
        return as_leaf

    errors(0, np.arange(len(answers)))
    return tree._replace(left=left, right=right, feature=feature)


def average_path_length(tree: Tree, features: Float[np.ndarray, "n d"]) -> float:
    """Return how many questions an example is asked on average.

    Args:
        tree: see `fit`.
        features: of the examples.

    >>> x = np.linspace(0, 1, 80)[:, None]
    >>> average_path_length(fit(x, (x[:, 0] > 0.5).astype(int)), x)
    1.0
    """
    return float(tree.steps(features).mean())


def path_length(
    features: Float[np.ndarray, "n d"], answers: Int[np.ndarray, " n"], **settings: Any
) -> float:
    """Return the average path length of the tree that mimics the answers; 0 for one class only.

    Args:
        features: what the tree may ask about.
        answers: of the network.
        settings: of `fit`.

    >>> path_length(np.zeros((4, 1)), np.ones(4, int))
    0.0
    """
    if len(np.unique(np.asarray(answers))) < 2:
        return 0.0
    return average_path_length(fit(features, answers, **settings), np.asarray(features))


def regional_path_length(
    features: Float[np.ndarray, "n d"],
    answers: Int[np.ndarray, " n"],
    regions: Any,
    **settings: Any,
) -> float:
    """Return the average path length where every region has a tree of its own.

    A network may be simple in each of a few regions that a person knows, such as wards of a
    hospital or kinds of scenes, and not simple as a whole.

    Args:
        features: what the trees may ask about.
        answers: of the network.
        regions: [n], which one each example is of, by any numbers.
        settings: of `fit`.

    Raises:
        UserError: regions that do not fit the examples.

    Source: Wu et al. 2020, "Regional tree regularization for interpretability in deep neural
    networks"; of their ways to add regions up, the mean over all examples.

    >>> x = np.linspace(0, 1, 80)[:, None]
    >>> answers = ((x[:, 0] > 0.25) & (x[:, 0] < 0.75)).astype(int)
    >>> round(path_length(x, answers, prune=False), 1)
    1.8
    >>> regional_path_length(x, answers, (x[:, 0] > 0.5).astype(int), prune=False)
    1.0
    """
    x, y, own = np.asarray(features), np.asarray(answers), np.asarray(regions)
    if own.shape != y.shape:
        raise UserError(f"regions of shape {list(own.shape)} for {len(y)} examples: one for each")
    names, count = np.unique(own, return_counts=True)
    lengths = [path_length(x[own == name], y[own == name], **settings) for name in names]
    return float(np.average(lengths, weights=count))


def fidelity(
    tree: Tree, features: Float[np.ndarray, "n d"], answers: Int[np.ndarray, " n"]
) -> float:
    """Return the share of examples of which a tree says what the network does.

    Args:
        tree: see `fit`.
        features: of examples, those that the tree was not grown from where it matters.
        answers: of the network.

    >>> x = np.linspace(0, 1, 80)[:, None]
    >>> fidelity(fit(x, (x[:, 0] > 0.5).astype(int)), x, np.zeros(80, int))
    0.5
    """
    return float((tree.predict(np.asarray(features)) == np.asarray(answers)).mean())


def _reached(tree: Tree) -> list[int]:
    found = [0]
    for node in found:
        if tree.left[node] >= 0:
            found += [int(tree.left[node]), int(tree.right[node])]
    return found


def _checked(features: Any, answers: Any) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(features, np.float64), np.asarray(answers)
    if x.ndim != 2 or y.shape != x.shape[:1] or len(y) < 2:
        raise UserError(
            f"features of shape {list(x.shape)} and answers of {list(y.shape)}: give [n, d] and "
            "[n], of at least two examples"
        )
    if not np.issubdtype(y.dtype, np.integer):
        raise UserError(f"answers of type {y.dtype}: give the class of each as a whole number")
    if not np.isfinite(x).all():
        raise UserError(f"feature {np.argwhere(~np.isfinite(x))[0][1]} is not finite everywhere")
    return x, y
