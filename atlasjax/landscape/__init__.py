"""The loss landscape: loss and accuracy of a network as its weights are moved.

    directions = [ax.landscape.random(model, jax.random.key(i)) for i in range(2)]
    found = ax.landscape.surface(model, directions, images, labels)

A direction has one array for each array of weights: random ones with filter normalization, those
between checkpoints, the principal ones of a training, the leading eigenvectors of the Hessian. A
surface is the loss over a grid of one, two or three of them. All work on any model with weights,
whatever library it comes from (see `atlasjax.adapt`).

Source: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets",
NeurIPS 2018.
"""

from atlasjax.landscape.directions import Direction, between, random
from atlasjax.landscape.hessian import Curvature, Spectrum, curvature, eigenvectors, extremes
from atlasjax.landscape.losses import Loss, cross_entropy
from atlasjax.landscape.measured import answers, evaluate
from atlasjax.landscape.surfaces import POINTS, Surface, surface
from atlasjax.landscape.trajectory import Trajectory, principal
from atlasjax.landscape.weights import Weights, moved, weights_of

__all__ = [
    "POINTS",
    "Curvature",
    "Direction",
    "Loss",
    "Spectrum",
    "Surface",
    "Trajectory",
    "Weights",
    "answers",
    "between",
    "cross_entropy",
    "curvature",
    "eigenvectors",
    "evaluate",
    "extremes",
    "moved",
    "principal",
    "random",
    "surface",
    "weights_of",
]
