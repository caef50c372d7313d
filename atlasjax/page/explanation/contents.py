"""What the page of explained images is made from: plain arrays, whatever computed them.

*Targets* are what is explained: classes mostly, or units of a network without classes. Effects are
signed, in units of the target (logits for classes), positive where they speak for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8


@dataclass(frozen=True)
class Directions:
    """A few directions of a layer that are shown as icons: its channels, or groups of them.

    Attributes:
        names: what each is called: `"379"` for a channel, `"group 1"`.
        icon: what each looks like.
        map: how strong each is at every position, at least 0 for groups.
        effect: what each does to every target, by all its positions.
        classes: what each does to every class of the network; of no columns where there are none.
    """

    names: tuple[str, ...]
    icon: UInt8[np.ndarray, "n s s c"]
    map: Float[np.ndarray, "n rows columns"]
    effect: Float[np.ndarray, "n targets"]
    classes: Float[np.ndarray, "n classes"]


@dataclass(frozen=True)
class Layer:
    """What one layer sees in one image.

    Attributes:
        name: the layer's.
        norm: of the activation at every position.
        grid: the activation grid: every position drawn by its own direction, as one picture.
        effect: what every position does to every target.
        channels: those that are shown: what `dictionary` needs, and those that do most.
        groups: its groups, those that do most first.
        dictionary: at every position the most active channels, the strongest first, as indices into
            `channels`; -1 for none.
        unexplained: the part of the squared norm of the layer that the groups leave, 0 to 1.
        completeness: for every target, how far the sum of `effect` lies from the change of the
            target that it should add up to, as a part of that change.
    """

    name: str
    norm: Float[np.ndarray, "rows columns"]
    grid: UInt8[np.ndarray, "h w c"]
    effect: Float[np.ndarray, "rows columns targets"]
    channels: Directions
    groups: Directions
    dictionary: Int[np.ndarray, "rows columns d"]
    unexplained: float
    completeness: Float[np.ndarray, " targets"]


@dataclass(frozen=True)
class Flow:
    """What a layer does to the next of the layers shown: the lines between them.

    Attributes:
        groups: what each group of the earlier layer does to each group of the later one.
        positions: what each position of the earlier layer does to each position of the later one.
    """

    groups: Float[np.ndarray, "groups later_groups"]
    positions: Float[np.ndarray, "rows columns later_rows later_columns"]


@dataclass(frozen=True)
class Checks:
    """How far a method can be trusted on this image; nan for what it does not have.

    Attributes:
        completeness: how far the sum of the map lies from the change of the target between the
            baseline and the image, as a part of that change.
        insertion: mean of the target while pixels are put into the baseline, those first that the
            map says matter most; as a part of the way from baseline to image.
        deletion: the same while they are taken out of the image: low is good.
        weights: rank correlation of the map with that of a network of random weights: a method that
            explains the network has one near 0.
        labels: the same with that of the network trained on, or asked for, other labels.
    """

    completeness: float = float("nan")
    insertion: float = float("nan")
    deletion: float = float("nan")
    weights: float = float("nan")
    labels: float = float("nan")


@dataclass(frozen=True)
class Method:
    """The maps of one saliency method.

    Attributes:
        name: as on the command line, such as `"integrated_gradients"`.
        title: as people write it, such as `"Integrated gradients"`.
        map: one for each target, of the image's height and width; signed where `signed`.
        signed: whether negative values mean that a pixel speaks against the target.
        checks: how far it can be trusted, for each target.
        note: what there is to say about it, or nothing.
    """

    name: str
    title: str
    map: Float[np.ndarray, "targets h w"]
    signed: bool
    checks: tuple[Checks, ...]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """One image and what explains the network's answer to it.

    Attributes:
        name: the file's name, or that of a generated image.
        image: as the network sees it.
        label: the class that the image is of, where it is known.
        output: every logit, or what else the network puts out, flat.
        value: every target's value.
        layers: from the input to the output.
        flows: between each layer and the next; one less than there are layers.
        methods: in the order in which they are shown.
    """

    name: str
    image: UInt8[np.ndarray, "h w c"]
    label: int | None
    output: Float[np.ndarray, " outputs"]
    value: Float[np.ndarray, " targets"]
    layers: tuple[Layer, ...]
    flows: tuple[Flow, ...]
    methods: tuple[Method, ...]


@dataclass(frozen=True)
class Explanation:
    """Images explained, all by the same layers, methods and targets.

    Attributes:
        pictures: the images.
        targets: what each target is called in full.
        target_classes: the class that each target is, or -1.
        class_names: of the network, in the order of the logits; none where it has no classes.
        short_names: the same in few words, no two alike.
        default_method: the name of the method that is shown at first.
        record: how it was made, as JSON can hold it.
        notes: lines for the reader: what was left out and why.
        run: the run that the images are of: its name, and the address of its page relative to the
            explanation's folder; None where they are of none.
    """

    pictures: tuple[Picture, ...]
    targets: tuple[str, ...]
    target_classes: tuple[int, ...]
    class_names: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    default_method: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    run: tuple[str, str] | None = None
