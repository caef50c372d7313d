"""Seen: what a person's images say of the units of some layers, in one pass over them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from atlasjax.circuits.best import Best
from atlasjax.circuits.examples import Seen, at_quantiles, class_means, fires, unit_examples
from atlasjax.circuits.histogram import edges
from atlasjax.page.units.contents import Patches
from atlasjax.progress import Progress, bar
from atlasjax.storage import artifacts
from atlasjax.taps import Model
from atlasjax.workflows.unit_site.images import Images, as_classes
from atlasjax.workflows.unit_site.pictures import Pictures, packed, unpacked
from atlasjax.workflows.unit_site.settings import UnitSettings
from atlasjax.workflows.unit_site.work import Work

LARGEST, MATTERS = "Largest values", "Where it matters most"


class Said(NamedTuple):
    """What images say of all units of a layer, as it is kept.

    Attributes:
        title: of each kind of patches.
        many: patches of each kind.
        value: of the unit at each patch, kind after kind.
        image: the number of each patch's image.
        count: of each unit's patches; with the next two as `Pictures` has them.
        length: of their bytes.
        data: these.
        histogram: counts of values before the rectifier.
        bins: their edges.
        fires: how often each unit lies above 0.
        classes: mean for each class of the images; no rows where they have none.
        name: names of the images that are shown.
        number: their numbers.
        images: how many there were.
    """

    title: np.ndarray
    many: Int[np.ndarray, " kinds"]
    value: Float[np.ndarray, "units n"]
    image: Int[np.ndarray, "units n"]
    count: Int[np.ndarray, " units"]  # pyright: ignore[reportIncompatibleMethodOverride]
    length: Int[np.ndarray, " units"]
    data: UInt8[np.ndarray, "units longest"]
    histogram: Int[np.ndarray, "units bins"]
    bins: Float[np.ndarray, "units edges"]
    fires: Float[np.ndarray, " units"]
    classes: Float[np.ndarray, "classes units"]
    name: np.ndarray
    number: Int[np.ndarray, " shown"]
    images: np.ndarray


def seen(
    work: Work,
    model: Model,
    layers: Sequence[str],
    images: Images,
    settings: UnitSettings,
    has_classes: bool,
) -> dict[str, Said]:
    """Look at all units of some layers, but for layers that were looked at before.

    Args:
        work: where what is found is kept.
        model: a callable pytree `model(images, tap)`.
        layers: their names.
        images: a person's.
        settings: how many patches.
        has_classes: whether the network has logits that units may matter to.
    """
    relevance = "predicted" if has_classes else None
    parts = {
        "images": images.digest(),
        "relevance": relevance,
        "patches": [settings.patches, settings.patch],
        "quantiles": [list(settings.quantiles), settings.each],
    }
    digests = {layer: work.made_from("seen", layer, **parts) for layer in layers}
    kept = {
        layer: artifacts.load(work.path(layer, "seen"), Said, digests[layer]) for layer in layers
    }
    missing = [layer for layer in layers if kept[layer] is None]
    if missing:
        with bar("images", "images") as progress:
            found = _pass(model, missing, images, settings, relevance, progress)
        for layer in missing:
            kept[layer] = _said(found, layer, images, settings)
            artifacts.save(work.path(layer, "seen"), kept[layer], digests[layer])
    return {layer: one for layer, one in kept.items() if one is not None}


def _pass(
    model: Model,
    layers: Sequence[str],
    images: Images,
    settings: UnitSettings,
    relevance: str | None,
    progress: Progress,
) -> Seen:
    return unit_examples(
        model,
        layers,
        images.batches(),
        k=min(settings.patches, len(images.source)),
        relevance=relevance,
        size=settings.patch,
        total=len(images.source),
        progress=progress,
    )


def _said(found: Seen, layer: str, images: Images, settings: UnitSettings) -> Said:
    one = found.layers[layer]
    kinds: dict[str, Best] = {LARGEST: one.top}
    if one.relevant is not None:
        kinds[MATTERS] = one.relevant
    usual = at_quantiles(found, layer, settings.quantiles, settings.each, settings.patch)
    kinds |= {f"At the {share:.0%} quantile": best for share, best in usual.items()}
    image = np.concatenate([best.image for best in kinds.values()], 1)
    value = np.concatenate([best.value for best in kinds.values()], 1).astype(np.float32)
    patch = np.concatenate([best.patch for best in kinds.values()], 1)
    shown = np.unique(image[image >= 0])
    pictures = packed(range(len(patch)), patch)
    return Said(
        np.array(list(kinds)),
        np.array([best.image.shape[1] for best in kinds.values()]),
        np.where(image >= 0, value, np.nan),
        image,
        *pictures[1:],
        one.histogram.counts,
        edges(one.histogram),
        fires(one),
        class_means(one),
        np.array(images.names(shown.tolist()), str),
        shown,
        np.array(one.images),
    )


def patches(said: Said, units: Sequence[int]) -> tuple[Patches, ...]:
    """Return the patches of some units, kind by kind.

    Args:
        said: what `seen` returned of their layer.
        units: their numbers.
    """
    rows = np.asarray(units)
    some = Pictures(rows, said.count[rows], said.length[rows], said.data[rows])
    patch = unpacked(some)
    label = dict(zip(said.number.tolist(), map(str, said.name), strict=True))
    ends = np.cumsum(said.many)
    found = []
    for title, first, last in zip(said.title, ends - said.many, ends, strict=True):
        image = said.image[rows, first:last]
        own = {int(i): label[int(i)] for i in np.unique(image[image >= 0])}
        value = said.value[rows, first:last]
        found.append(Patches(str(title), patch[:, first:last], value, image, own))
    return tuple(found)


def by_class(
    said: Said, units: Sequence[int], of_images: Sequence[str], classes: Sequence
) -> Float[np.ndarray, "units classes"] | None:
    """Return each unit's mean over the images of each class of the network; NaN without images.

    Args:
        said: what `seen` returned of their layer.
        units: their numbers.
        of_images: names of the classes of the images.
        classes: of the network.

    Returns:
        The means; None where the images have no class that the network knows.
    """
    which = as_classes(of_images, classes)
    if which is None or not len(said.classes):
        return None
    made = np.full((len(units), len(classes)), np.nan, np.float32)
    for label, index in enumerate(which[: len(said.classes)]):
        if index >= 0:
            made[:, index] = said.classes[label, np.asarray(units)]
    return made
