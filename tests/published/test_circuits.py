"""What the Circuits thread says of the weights and the branches of the article's network."""

import json
from pathlib import Path

import numpy as np
import pytest

from atlasjax import circuits, models

# Cammarata et al., "Curve detectors", Distill 2020, by the angles that they prefer.
CURVES = [342, 388, 324, 340, 330, 349, 379, 406, 385, 343]
# Those that respond to curves in other ways, by the names of their groups.
RELATED = [
    *("Curves", "Double Curves", "Curves misc.", "Shallow Curves", "Curve Shapes"),
    *("Circles / Loops", "Evolute"),
]


@pytest.fixture(scope="module")
def groups(published: Path) -> dict[str, dict[str, list[int]]]:
    """The units of each group: Olah et al., "An overview of early vision", Distill 2020."""
    path = published.parents[1] / "reference" / "early_vision_groups.json"
    if not path.is_file():
        pytest.skip(f"no published groups of units in {path}")
    return json.loads(path.read_text(encoding="utf-8"))


def found(layer: str, family: list[int]) -> tuple[dict[str, int], float]:
    """How many of a family live in each branch, and the p of the permutation test."""
    branches = circuits.branches(models.abstract("inception5h"), layer)
    told = circuits.specialization(branches, family)
    names = [name.split("/")[1] for name in branches.names]
    return dict(zip(names, told.counts.tolist(), strict=True)), told.p


def test_curve_detectors_live_in_the_branch_of_five():
    """Voss et al., "Branch specialization", Distill 2021."""
    counts, p = found("mixed3b", CURVES)
    assert counts == {"1x1": 0, "3x3": 0, "5x5": 10, "pool_reduce": 0}
    assert p < 1e-4


def test_all_thirty_units_that_are_related_to_curves_do(groups):
    family = [unit for name in RELATED for unit in groups["mixed3b"][name]]
    assert (len(family), set(groups["mixed3b"]["Curves"])) == (30, set(CURVES))
    counts, p = found("mixed3b", family)
    assert counts == {"1x1": 0, "3x3": 0, "5x5": 30, "pool_reduce": 0}
    assert p < 1e-4


@pytest.mark.parametrize(
    ("name", "branch", "count"), [("High-Low Frequency", "3x3", 15), ("BW vs Color", "5x5", 9)]
)
def test_families_of_mixed3a_live_in_one_branch(groups, name: str, branch: str, count: int):
    counts, p = found("mixed3a", groups["mixed3a"][name])
    assert (counts[branch], sum(counts.values())) == (count, count)
    assert p < 1e-3


@pytest.mark.published
def test_the_strongest_inputs_of_a_curve_detector(network):
    """Cammarata et al., "Curve circuits", Distill 2021: mixed3b:379 by norm of expanded weights."""
    weights = circuits.weights_between(network, "mixed3a", "mixed3b", units=[379])
    top = circuits.strongest_in(weights, 0, 10).units.tolist()
    assert top == [95, 145, 147, 116, 77, 176, 187, 189, 87, 92]


@pytest.mark.published
def test_the_factors_of_high_low_frequency_detectors(network, groups):
    """Schubert et al., "High-low frequency detectors", Distill 2021: units of conv2d2.

    The family's weights are parted in two, and the five source units that have most of each are
    those that are published, whichever factor comes first.
    """
    units = groups["mixed3a"]["High-Low Frequency"]
    weights = circuits.weights_between(network, "conv2d2", "mixed3a", units=units)
    made = circuits.weight_factors(weights, 2)
    top = {frozenset(np.argsort(-share)[:5].tolist()) for share in made.share}
    assert top == {frozenset([119, 102, 123, 90, 173]), frozenset([89, 163, 98, 188, 158])}
