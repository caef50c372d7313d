"""Circuits: what the units of a network do to one another, for any model with taps.

Weights between units of any two layers, read off the network's traced program made linear
(`weights_between`); what they come to on images (`weighted_by_use`, `gradient_by_use`,
`agreement`); reading them (`strongest_in`, `strongest_out`, `heat_map`, `weight_factors`,
`equivariance`, `branches`, `banding`); and whether an edge does anything (`ablate_edges`). All are
functions on arrays, and fit together.
"""

from atlasjax.circuits.ablation import Ablation, ablate_edges
from atlasjax.circuits.banding import Banding, banding
from atlasjax.circuits.branches import Branches, Specialization, branches, specialization
from atlasjax.circuits.equivariance import (
    Equivariance,
    equivariance,
    recoloured,
    reflected,
    scaled,
    turned,
    turns,
)
from atlasjax.circuits.families import Factors, weight_factors
from atlasjax.circuits.heat import heat_map
from atlasjax.circuits.path import Path, Window, linear_path
from atlasjax.circuits.strongest import Edges, strongest_in, strongest_out
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
    "Banding",
    "Branches",
    "Edges",
    "Equivariance",
    "Factors",
    "Firing",
    "Gradients",
    "Path",
    "Specialization",
    "Window",
    "ablate_edges",
    "agreement",
    "banding",
    "branches",
    "equivariance",
    "firing",
    "gradient_by_use",
    "heat_map",
    "linear_path",
    "path_weights",
    "recoloured",
    "reflected",
    "scaled",
    "specialization",
    "strongest_in",
    "strongest_out",
    "turned",
    "turns",
    "weight_factors",
    "weighted_by_use",
    "weights_between",
]
