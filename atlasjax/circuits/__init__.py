"""Circuits: what units are, how they are made of others, and what they do, for any network.

What a unit is tuned to (`stimuli`, `tuning`, `angular`, `find_curves`), what a person's images say
of it (`unit_examples`), and which parts of them it detects (`dissect`).
"""

from atlasjax.circuits import stimuli
from atlasjax.circuits.best import Best
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
from atlasjax.circuits.examples import (
    Seen,
    UnitExamples,
    at_quantiles,
    class_means,
    fires,
    unit_examples,
)
from atlasjax.circuits.figures import polar
from atlasjax.circuits.histogram import Histogram, edges, quantile
from atlasjax.circuits.selectivity import Angular, Chromatic, Joint, angular, chromatic, joint
from atlasjax.circuits.tuning import Stage, stage, tuning, tuning_map

__all__ = [
    "Angular",
    "Best",
    "Chromatic",
    "CurveCriterion",
    "Detected",
    "Detectors",
    "Dissection",
    "GreyCriterion",
    "HighLowCriterion",
    "Histogram",
    "Joint",
    "Label",
    "Seen",
    "Stage",
    "UnitExamples",
    "angular",
    "at_quantiles",
    "best",
    "chosen",
    "chromatic",
    "class_means",
    "dissect",
    "edges",
    "find_black_and_white",
    "find_curves",
    "find_high_low",
    "fires",
    "iou",
    "joint",
    "labels",
    "polar",
    "quantile",
    "stage",
    "stimuli",
    "tuning",
    "tuning_map",
    "unit_examples",
]
