"""Objectives: what an image is optimized for; composable, one score for each image.

Penalties (`l1`, `l2`, `total_variation`, `blur`, `boundary_complexity`, `alpha_mean`) are positive
and are subtracted; everything else is made large.
"""

from atlasjax.optvis.objectives.activations import (
    channel,
    class_logit,
    deep_dream,
    log_probability,
    neuron,
)
from atlasjax.optvis.objectives.core import (
    LOGITS,
    Objective,
    Seen,
    check,
    constant,
    evaluate,
    shapes_for,
    spread,
    take,
    units,
)
from atlasjax.optvis.objectives.directions import (
    cosine,
    direction,
    direction_neuron,
    mean_cosine,
    tensor_direction,
)
from atlasjax.optvis.objectives.facets import facet, facet_direction, facet_gradient
from atlasjax.optvis.objectives.groups import alignment, diversity, interpolate, per_frame
from atlasjax.optvis.objectives.images import (
    alpha_mean,
    blur,
    boundary_complexity,
    l1,
    l2,
    total_variation,
)
from atlasjax.optvis.objectives.likeness import caricature, gram_matrix, match, style

__all__ = [
    "LOGITS",
    "Objective",
    "Seen",
    "alignment",
    "alpha_mean",
    "blur",
    "boundary_complexity",
    "caricature",
    "channel",
    "check",
    "class_logit",
    "constant",
    "cosine",
    "deep_dream",
    "direction",
    "direction_neuron",
    "diversity",
    "evaluate",
    "facet",
    "facet_direction",
    "facet_gradient",
    "gram_matrix",
    "interpolate",
    "l1",
    "l2",
    "log_probability",
    "match",
    "mean_cosine",
    "neuron",
    "per_frame",
    "shapes_for",
    "spread",
    "style",
    "take",
    "tensor_direction",
    "total_variation",
    "units",
]
