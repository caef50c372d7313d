"""Circuits: what the units of a network are, how they are made of others, and what they do.

Weights between units of any two layers, read off the network's traced program made linear
(`weights_between`); what they come to on images (`weighted_by_use`, `gradient_by_use`,
`agreement`); reading them (`strongest_in`, `strongest_out`, `heat_map`, `weight_factors`,
`equivariance`, `branches`, `banding`); and whether an edge does anything (`ablate_edges`).

What a unit is tuned to (`stimuli`, `tuning`, `angular`, `find_curves`), what a person's images say
of it (`unit_examples`), and which parts of them it detects (`dissect`). All are functions on
arrays, and fit together.
"""

from atlasjax.circuits import stimuli
from atlasjax.circuits.ablation import Ablation, ablate_edges
from atlasjax.circuits.banding import Banding, banding
from atlasjax.circuits.best import Best
from atlasjax.circuits.branches import Branches, Specialization, branches, specialization
from atlasjax.circuits.detectors import (
    CurveCriterion,
    Detectors,
    GreyCriterion,
    HighLowCriterion,
    chosen,
    find_black_and_white,
    find_curves,
    find_high_low,
)
from atlasjax.circuits.dissection import Detected, Dissection, Label, best, dissect, iou, labels
from atlasjax.circuits.equivariance import (
    Equivariance,
    equivariance,
    recoloured,
    reflected,
    scaled,
    turned,
    turns,
)
from atlasjax.circuits.examples import (
    Seen,
    UnitExamples,
    at_quantiles,
    class_means,
    fires,
    unit_examples,
)
from atlasjax.circuits.families import Factors, weight_factors
from atlasjax.circuits.figures import polar
from atlasjax.circuits.heat import heat_map
from atlasjax.circuits.histogram import Histogram, quantile
from atlasjax.circuits.path import Path, Window, linear_path
from atlasjax.circuits.removal import without_units
from atlasjax.circuits.selectivity import Angular, Chromatic, Joint, angular, chromatic, joint
from atlasjax.circuits.strongest import Edges, strongest_in, strongest_out
from atlasjax.circuits.tuning import Stage, stage, tuning, tuning_map
from atlasjax.circuits.use import (
    Agreement,
    Firing,
    Gradients,
    agreement,
    firing,
    gradient_by_use,
    weighted_by_use,
)
from atlasjax.circuits.weights import path_weights, weights_between

__all__ = [
    "Ablation",
    "Agreement",
    "Angular",
    "Banding",
    "Best",
    "Branches",
    "Chromatic",
    "CurveCriterion",
    "Detected",
    "Detectors",
    "Dissection",
    "Edges",
    "Equivariance",
    "Factors",
    "Firing",
    "Gradients",
    "GreyCriterion",
    "HighLowCriterion",
    "Histogram",
    "Joint",
    "Label",
    "Path",
    "Seen",
    "Specialization",
    "Stage",
    "UnitExamples",
    "Window",
    "ablate_edges",
    "agreement",
    "angular",
    "at_quantiles",
    "banding",
    "best",
    "branches",
    "chosen",
    "chromatic",
    "class_means",
    "dissect",
    "equivariance",
    "find_black_and_white",
    "find_curves",
    "find_high_low",
    "fires",
    "firing",
    "gradient_by_use",
    "heat_map",
    "iou",
    "joint",
    "labels",
    "linear_path",
    "path_weights",
    "polar",
    "quantile",
    "recoloured",
    "reflected",
    "scaled",
    "specialization",
    "stage",
    "stimuli",
    "strongest_in",
    "strongest_out",
    "tuning",
    "tuning_map",
    "turned",
    "turns",
    "unit_examples",
    "weight_factors",
    "weighted_by_use",
    "weights_between",
    "without_units",
]
