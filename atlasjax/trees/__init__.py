"""Trees: small decision trees that stand for a network, and networks that such a tree can explain.

`fit` makes a pruned tree of a network's answers; its *average path length* says in how many
questions an answer is found. `train` adds an estimate of it to a loss, by a surrogate network that
predicts it from the weights, so that what is learnt can be told in few steps.

Source: Wu, Hughes, Parbhoo, Zazzi, Roth and Doshi-Velez, "Beyond sparsity: tree regularization of
deep models for interpretability", AAAI 2018.
"""

from atlasjax.trees.pooled import Features, pooled
from atlasjax.trees.surrogate import Surrogate, fit_surrogate, initial_surrogate
from atlasjax.trees.training import Schedule, Trained, train
from atlasjax.trees.tree import (
    Tree,
    average_path_length,
    fidelity,
    fit,
    path_length,
    regional_path_length,
)

__all__ = [
    "Features",
    "Schedule",
    "Surrogate",
    "Trained",
    "Tree",
    "average_path_length",
    "fidelity",
    "fit",
    "fit_surrogate",
    "initial_surrogate",
    "path_length",
    "pooled",
    "regional_path_length",
    "train",
]
