"""Experiments: everything that decides what a run makes, in one frozen value."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from atlasjax.atlas.drawer import IconSettings
from atlasjax.atlas.methods import UMAP
from atlasjax.atlas.neighbors import METRIC
from atlasjax.atlas.settings import MIN_DIST, NEIGHBORS
from atlasjax.errors import UserError

GRIDS = (20, 40, 80, 160)  # Carter et al. 2019
IMAGE_SIZE = 224  # px: where neither the experiment nor the network says otherwise
LARGE = 128  # px: smaller images are not cut


@dataclass(frozen=True)
class Experiment:
    """One atlas, completely described.

    The defaults are those of the Activation Atlas article and its published notebook, where they
    name one.

    Attributes:
        name: what it is called, and what its run folder is called by default.
        model: network: a name that `atlasjax list` lists, a Python file with a MODEL, or
            package.module:name; by default the MODEL beside this CONFIG.
        layers: layers to draw; `atlasjax layers MODEL` lists them.
        weights: file of its trained weights; seeded random ones where the network allows none.
        images: folder of images (subfolders are classes), tar, zip, .npy or .npz file, or
            tfds:NAME/SPLIT, hf:NAME:SPLIT, scenes:COUNT.
        grids: cells in each direction, one map for each; of the default ones those too fine for
            the number of activations are left out.
        samples_per_image: positions taken from each image.
        max_images: use only this many images, spread evenly over all of them.
        range: the values that become black and white in images of other numbers than 8 bits: two
            numbers, or auto for those that the images have.
        image_size: side of the centre crop that the network sees, in px; its own by default.
        resize: shorter side that images are resized to before, in px; by default 8/7 of
            image_size, and image_size itself below 128 px, where every pixel counts.
        align: look at the same places of each image in all layers, and lay each layer out from the
            one before, so that a region can be followed from map to map.
        other_model: a second network, which shares the maps of the first; the first with other
            weights where only these are given.
        other_weights: file of the second network's weights.
        more_than: a cell is drawn when it holds more activations than this.
        layout: how maps are laid out: umap, jax (UMAP in JAX, which umap is as well for more than
            50,000 activations where there is an accelerator), or an optional extra (cuml, pacmap,
            tsne), or module:function, a function of activations and seed= that returns places.
        neighbors: UMAP's n_neighbors.
        min_dist: UMAP's min_dist.
        metric: how UMAP compares activations.
        early_layers: layers whose names start so are laid out by early_neighbors and early_metric;
            by default those that the network names.
        early_neighbors: UMAP's n_neighbors for early layers; the article has 200.
        early_metric: how UMAP compares activations of early layers; the article has euclidean.
        early_icon_size: largest side of an icon of early layers, which see only so much, in px.
        steps: optimization steps of an icon.
        icon_size: side of an icon, in px, at most that of an image.
        learning_rate: Adam's, at its peak; by default what suits the number of steps.
        power: power of the cosine in the objective.
        ridge: of the whitening, as a share of the mean eigenvalue of the layer's second moment.
        whiten: compare directions in whitened coordinates; early layers never are.
        attempts: how often an icon is drawn at most; the best is kept.
        retry_below: the cosine from which an icon is not drawn again.
        coarse_to_fine: start the icons of finer grids from those of the grid before.
        refine_steps: optimization steps of an icon that starts from another.
        icon_batch: icons drawn at a time; by default what the devices' memory holds, and 16 on
            CPUs.
        image_batch: images looked at at a time; likewise by default.
        opens_on: layer that the page shows at first; by default the deepest with a good map.
        stability: lay some activations out again for the report, to tell what does not change.
        seed: of everything random.
        out: run folder; runs/NAME by default.
    """

    name: str
    model: str | None = None
    layers: tuple[str, ...] = ()
    weights: str | None = None
    images: str | None = None
    grids: tuple[int, ...] = GRIDS
    samples_per_image: int = 1
    max_images: int | None = None
    range: tuple[float | int, float | int] | Literal["auto"] | None = None
    image_size: int | None = None
    resize: int | None = None
    align: bool = True
    other_model: str | None = None
    other_weights: str | None = None
    more_than: int = 5
    layout: str = UMAP
    neighbors: int = NEIGHBORS
    min_dist: float = MIN_DIST
    metric: str = METRIC
    early_layers: tuple[str, ...] | None = None
    early_neighbors: int = NEIGHBORS
    early_metric: str = METRIC
    early_icon_size: int = 56
    steps: int = IconSettings.steps
    icon_size: int = IconSettings.size
    learning_rate: float | None = IconSettings.learning_rate
    power: float = IconSettings.power
    ridge: float = 0.5
    whiten: bool = True
    attempts: int = IconSettings.attempts
    retry_below: float = IconSettings.retry_below
    coarse_to_fine: bool = True
    refine_steps: int = IconSettings.refine_steps
    icon_batch: int | None = None
    image_batch: int | None = None
    opens_on: str | None = None
    stability: bool = True
    seed: int = 0
    out: str | None = None

    @property
    def aligned(self) -> bool:
        """Tell whether the maps of several layers are aligned."""
        return self.align and len(self.layers) > 1

    @property
    def run_dir(self) -> Path:
        """The run's folder."""
        return Path(self.out) if self.out else Path("runs") / self.name

    @property
    def crop(self) -> tuple[int, int]:
        """The side of what the network sees of an image, and the shorter side before, in px."""
        side = IMAGE_SIZE if self.image_size is None else self.image_size
        before = side * 8 // 7 if side >= LARGE else side
        return side, before if self.resize is None else self.resize

    def is_early(self, layer: str) -> bool:
        """Tell whether a layer is laid out and drawn as the article does early ones."""
        return layer.startswith(self.early_layers or ())

    def whitens(self, layer: str) -> bool:
        """Tell whether a layer's icons are drawn in whitened coordinates."""
        return self.whiten and not self.is_early(layer)

    def layout_settings(self, layer: str) -> dict[str, Any]:
        """Return the arguments of `atlas.layout` for one layer."""
        early = self.is_early(layer)
        return {
            "method": self.layout,
            "n_neighbors": self.early_neighbors if early else self.neighbors,
            "min_dist": self.min_dist,
            "metric": self.early_metric if early else self.metric,
            "seed": self.seed,
        }

    def icon_settings(self, layer: str) -> IconSettings:
        """Return how this experiment draws one layer's icons."""
        early = self.is_early(layer)
        return IconSettings(
            size=min(self.icon_size, self.early_icon_size) if early else self.icon_size,
            steps=self.steps,
            learning_rate=self.learning_rate,
            power=self.power,
            attempts=self.attempts,
            retry_below=self.retry_below,
            batch=IconSettings.batch if self.icon_batch is None else self.icon_batch,
            refine_steps=self.refine_steps,
        )


def suited(config: Experiment, images: int) -> Experiment:
    """Leave out those of the default grids that are too fine for the data; the coarsest stays.

    A map covers half of the square, about. There are too few activations for a grid when that half
    of its cells could not all be drawn. Other grids than the default ones are taken as they are.

    Args:
        config: the experiment.
        images: how many there are.

    Returns:
        The experiment, with the grids that are left.

    >>> suited(Experiment("mine", "googlenet", ("mixed4c",), samples_per_image=16), 800).grids
    (20, 40)
    """
    if config.grids != GRIDS:
        return config
    enough = 2 * images * config.samples_per_image // (config.more_than + 1)
    left = tuple(size for size in GRIDS if size**2 <= enough)
    return dataclasses.replace(config, grids=left or GRIDS[:1])


def completed(
    config: Experiment, image_size: int, early_layers: tuple[str, ...], images: int
) -> Experiment:
    """Fill in what an experiment leaves to its network and its images.

    Args:
        config: the experiment.
        image_size: side of the images that the network was trained on, in px.
        early_layers: what the names of its early layers start with.
        images: how many there are.

    Returns:
        The experiment, with sizes, early layers, icons that are no larger than the images, and of
        the default grids those that `suited` left.

    >>> completed(Experiment("mine", layers=("a",)), 96, (), 800).crop
    (96, 96)
    """
    side = image_size if config.image_size is None else config.image_size
    config = dataclasses.replace(config, image_size=side)
    early = early_layers if config.early_layers is None else config.early_layers
    filled = dataclasses.replace(
        config,
        resize=config.crop[1],
        early_layers=early,
        icon_size=min(config.icon_size, side),
        early_icon_size=min(config.early_icon_size, side),
    )
    return suited(filled, images)


def from_json(record: Mapping[str, Any]) -> Experiment:
    """Return the experiment that a run's record tells of.

    Args:
        record: as `open_atlas(folder).record` has it. Fields that this version does not know are
            left out, and those that it does not have keep their defaults.

    Raises:
        UserError: there is no experiment in the record, or it lacks what has no default.

    >>> from_json({"experiment": {"name": "a", "model": "b", "layers": ["c"], "old": 1}}).layers
    ('c',)
    """
    found = record.get("experiment")
    known = {field.name for field in dataclasses.fields(Experiment)}
    if not isinstance(found, Mapping) or not {"name", "layers"} <= set(found):
        raise UserError("the run's record names no experiment: run it again")
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
        if name in known
    }
    return Experiment(**fields)


def as_json(config: Experiment) -> dict[str, Any]:
    """Return the experiment as JSON can hold it."""
    return dataclasses.asdict(config)
