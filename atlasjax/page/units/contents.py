"""What the site of a network's units shows: data alone, whoever has computed it.

Whatever is None was not asked for or cannot be had of this network, and is left out of the page.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8


class Edges(NamedTuple):
    """The strongest weights between each unit of a layer and the units of another, in or out.

    Attributes:
        layer: the other layer.
        unit: of the other layer, the strongest first; -1 where there are fewer.
        weight: signed sum of each kernel over its positions.
        kernel: weight by displacement; rows and columns are those of the coarser layer.
        contribution: mean over images of the gradient times the source, with its sign; or None.
        effect: what ablating the edge takes from the target on average over images; or None where
            it was not tried.
        idle: where ablating it does nothing; or None.
    """

    layer: str
    unit: Int[np.ndarray, "units k"]
    weight: Float[np.ndarray, "units k"]
    kernel: Float[np.ndarray, "units k h w"]
    contribution: Float[np.ndarray, "units k"] | None = None
    effect: Float[np.ndarray, "units k"] | None = None
    idle: Bool[np.ndarray, "units k"] | None = None


class Patches(NamedTuple):
    """Parts of a person's images for every unit.

    Attributes:
        title: such as "Largest values", "Where it matters most", "At the 90% quantile".
        patch: in the order in which they are shown; black where there are fewer.
        value: of the unit there, before the rectifier, or its relevance; NaN where there are fewer.
        label: names of the images, by their number; or empty.
        image: numbers of the images, -1 where there are fewer.
    """

    title: str
    patch: UInt8[np.ndarray, "units n s s c"]
    value: Float[np.ndarray, "units n"]
    image: Int[np.ndarray, "units n"]
    label: Mapping[int, str]


class Tuning(NamedTuple):
    """What every unit answers to stimuli, before the rectifier.

    Attributes:
        title: such as "Curves by angle".
        unit_of_x: of the numbers along x, such as "degrees".
        x: the parameter of the stimuli.
        answer: of every unit.
        periodic: whether x goes round, so that it is drawn as a polar plot.
        preferred: the x that each unit prefers; NaN where it prefers none.
    """

    title: str
    unit_of_x: str
    x: Float[np.ndarray, " x"]
    answer: Float[np.ndarray, "units x"]
    periodic: bool
    preferred: Float[np.ndarray, " units"]


class Family(NamedTuple):
    """Units that belong together, found by tuning or named by a person.

    Attributes:
        name: such as "curves".
        units: its members, in the order in which they are shown.
        note: how it was found, in one line.
    """

    name: str
    units: tuple[int, ...]
    note: str = ""


class UnitLayer(NamedTuple):
    """All that is shown of a layer's units.

    Attributes:
        name: of the layer.
        number: of each unit in its layer: a site may have a part of them.
        branch: the branch that each unit lives in; empty where the layer has none.
        icon: what each unit looks for.
        negative: what makes it least.
        diverse: four ways to the same.
        patches: examples of images.
        histogram: counts of values before the rectifier.
        bins: their edges, one more than counts.
        fires: how often the rectified value is above 0, over positions and images.
        classes: for each unit the mean of its value over the images of each class; or None.
        tuning: what it answers to stimuli.
        inputs: strongest weights from earlier layers.
        outputs: strongest weights to later layers.
        families: of its units.
        names: that a person gave, by unit.
        cells: of an atlas where it is strongest, as (grid, cell, address relative to the site).
    """

    name: str
    number: Int[np.ndarray, " units"]
    branch: tuple[str, ...] = ()
    icon: UInt8[np.ndarray, "units s s c"] | None = None
    negative: UInt8[np.ndarray, "units s s c"] | None = None
    diverse: UInt8[np.ndarray, "units 4 s s c"] | None = None
    patches: tuple[Patches, ...] = ()
    histogram: Int[np.ndarray, "units bins"] | None = None
    bins: Float[np.ndarray, "units edges"] | None = None
    fires: Float[np.ndarray, " units"] | None = None
    classes: Float[np.ndarray, "units classes"] | None = None
    tuning: tuple[Tuning, ...] = ()
    inputs: tuple[Edges, ...] = ()
    outputs: tuple[Edges, ...] = ()
    families: tuple[Family, ...] = ()
    names: Mapping[int, str] = {}
    cells: Mapping[int, tuple[tuple[int, int, str], ...]] = {}


class UnitSite(NamedTuple):
    """A whole site.

    Attributes:
        layers: in the order of the network.
        class_names: of the network; empty where it has none.
        short_names: the same, shorter.
        record: model, weights, images, settings, versions: how it was made.
        notes: for people, one line each: what is left out and why.
    """

    layers: tuple[UnitLayer, ...]
    class_names: tuple[str, ...]
    short_names: tuple[str, ...]
    record: Mapping[str, Any]
    notes: tuple[str, ...] = ()
