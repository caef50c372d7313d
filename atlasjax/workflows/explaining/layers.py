"""Layers: what one layer sees in each image, from its activations to icons and effects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8

from atlasjax.blocks.dictionary import Dictionary, dictionary
from atlasjax.blocks.effects import Effects, completeness, effects, outputs
from atlasjax.blocks.flow import flow_between_groups, flow_between_positions
from atlasjax.blocks.grid import GridSettings, activation_grid
from atlasjax.blocks.groups import Groups, group_effects, group_parts, groups
from atlasjax.blocks.icons import channel_icons, icons
from atlasjax.blocks.slices import channels, positions
from atlasjax.page.explanation.contents import Directions, Flow, Layer
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model
from atlasjax.targets import Target

STRONG = 8  # channels that are shown for what they do, for and against
MOST = 24  # channels that are drawn of a layer and image
DEPTH = 4  # channels of a position in the dictionary


@dataclass(frozen=True)
class LayerSettings:
    """How much is shown of a layer.

    Attributes:
        groups: of the layer's activations.
        path: whether effects are averaged along the path from a silent layer to the image's, which
            makes them add up, or taken at the image.
        steps: of that path.
        icon: side of the pictures of channels and groups, in px.
        icon_steps: of their optimization.
        grid: how the activation grid is drawn.
    """

    groups: int = 6
    path: bool = True
    steps: int = 16
    icon: int = 80
    icon_steps: int = 48
    grid: GridSettings = GridSettings()  # noqa: RUF009 (frozen)


class Seen(NamedTuple):
    """What a layer shows of all images, before anything is drawn.

    Attributes:
        layer: its name.
        effects: of its neurons on the targets.
        groups: of each image by itself, those that do most to the first target first.
        dictionary: of each image.
        shown: of each image the channels that are drawn.
    """

    layer: str
    effects: Effects
    groups: tuple[Groups, ...]
    dictionary: tuple[Dictionary, ...]
    shown: tuple[Int[np.ndarray, " n"], ...]


def see(
    model: Model,
    layer: str,
    images: Float[np.ndarray, "b h w c"],
    targets: Sequence[Target],
    settings: LayerSettings,
    key: Key[Array, ""],
) -> Seen:
    """Compute what there is to be shown of a layer.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: one with positions.
        images: as the model takes them.
        targets: what is explained.
        settings: how much is shown.
        key: what the groups start from.
    """
    method = "path" if settings.path else "gradient"
    seen = jnp.asarray(images)
    found = effects(model, layer, seen, targets, method=method, steps=settings.steps)
    value = np.asarray(found.activation)
    parts, words, shown = [], [], []
    for i, one in enumerate(value):
        own = jax.tree.map(lambda leaf: leaf[i : i + 1], found)  # noqa: B023
        parts.append(_by_effect(groups(one[None], settings.groups, key), own))
        strong = _strongest(np.asarray(channels(own).effect[0]))
        said = dictionary(one, DEPTH, max(MOST - len(strong), 1))
        words.append(said)
        shown.append(np.array(list(dict.fromkeys([*said.channels.tolist(), *strong])), int))
    return Seen(layer, found, tuple(parts), tuple(words), tuple(shown))


def _by_effect(found: Groups, own: Effects) -> Groups:
    """Return the groups, those first that do most to the first target."""
    order = np.argsort(-np.asarray(group_effects(own, *found[:2]))[0, 0], kind="stable")
    return Groups(found.map[..., order], found.direction[order], found.unexplained)


def _strongest(effect: Float[np.ndarray, "targets c"]) -> list[int]:
    """Return the channels that do most to the first target, for and against in turn."""
    order = np.argsort(-effect[0], kind="stable")
    half = STRONG // 2
    return [int(i) for i in (*order[:half], *order[::-1][:half])]


def drawn(
    model: Model,
    seen: Seen,
    images: Float[np.ndarray, "b h w c"],
    settings: LayerSettings,
    classes: int,
    key: Key[Array, ""],
    progress: Progress = silent,
) -> list[Layer]:
    """Draw a layer's channels, groups and grids; return what the page shows of it, by image.

    Args:
        model: a callable pytree `model(images, tap)`.
        seen: what `see` returned for these images.
        images: as the model takes them.
        settings: how it is drawn.
        classes: of the network, whose effects are added; 0 where it has none.
        key: what the pictures start from.
        progress: called with the number of icons done, and to do.
    """
    how: dict[str, Any] = {"size": settings.icon, "steps": settings.icon_steps}
    every = np.unique(np.concatenate(seen.shown))
    directions = np.concatenate([one.direction for one in seen.groups])
    total, count = len(every) + len(directions), len(seen.groups[0].direction)
    pictures = channel_icons(
        model, seen.layer, every.tolist(), key, **how, progress=lambda n, _: progress(n, total)
    )
    of_groups = icons(
        model,
        seen.layer,
        directions,
        jax.random.fold_in(key, 1),
        **how,
        progress=lambda n, _: progress(len(every) + n, total),
    )
    found = []
    for i in range(len(images)):
        picture = pictures[np.searchsorted(every, seen.shown[i])]
        icon = of_groups[i * count : (i + 1) * count]
        grid = activation_grid(
            model, seen.layer, images[i], jax.random.fold_in(key, i), settings.grid
        ).image
        found.append(_layer(model, seen, i, images, classes, grid, picture, icon))
    return found


def _layer(
    model: Model,
    seen: Seen,
    i: int,
    images: Float[np.ndarray, "b h w c"],
    classes: int,
    grid: UInt8[np.ndarray, "rows columns channels"],
    channel_icon: UInt8[np.ndarray, "n s s channels"],
    group_icon: UInt8[np.ndarray, "g s s channels"],
) -> Layer:
    """Return what is shown of one image."""
    own = jax.tree.map(lambda leaf: leaf[i : i + 1], seen.effects)
    image, shown, parts = jnp.asarray(images[i : i + 1]), seen.shown[i], seen.groups[i]
    value = np.asarray(own.activation[0])
    spots, sheets = positions(own), channels(own)
    alone = np.eye(value.shape[-1], dtype=np.float32)[shown]
    of_channels = group_parts(value[None][..., shown], alone)
    of_groups = group_parts(parts.map, parts.direction)
    on_classes = [np.zeros((p.shape[1], 0), np.float32) for p in (of_channels, of_groups)]
    if classes:
        both = jnp.concatenate([of_channels, of_groups], 1)
        done = np.asarray(outputs(model, seen.layer, image, both))[0]
        on_classes = np.split(done, [len(shown)])
    return Layer(
        name=seen.layer,
        norm=np.asarray(spots.magnitude[0]),
        grid=grid,
        effect=np.moveaxis(np.asarray(spots.effect[0]), 0, -1),
        channels=Directions(
            tuple(map(str, shown.tolist())),
            channel_icon,
            np.moveaxis(value[..., shown], -1, 0),
            np.asarray(sheets.effect[0]).T[shown],
            on_classes[0],
        ),
        groups=Directions(
            tuple(f"group {n + 1}" for n in range(len(parts.direction))),
            group_icon,
            np.moveaxis(parts.map[0], -1, 0),
            np.asarray(group_effects(own, *parts[:2]))[0].T,
            on_classes[1],
        ),
        dictionary=seen.dictionary[i].strongest,
        unexplained=float(parts.unexplained[0]),
        completeness=np.asarray(completeness(own))[0],
    )


def flows(
    model: Model, earlier: Seen, later: Seen, images: Float[np.ndarray, "b h w c"]
) -> list[Flow]:
    """Return what each image's groups and positions of a layer do to those of a later one.

    Args:
        model: a callable pytree `model(images, tap)`.
        earlier: what `see` returned for one layer.
        later: for one that follows it.
        images: as the model takes them.
    """
    names, found = (earlier.layer, later.layer), []
    for i in range(len(images)):
        image = jnp.asarray(images[i : i + 1])
        first, second = earlier.groups[i], later.groups[i]
        of_groups = flow_between_groups(model, *names, image, first[:2], second[:2])
        of_positions = flow_between_positions(model, *names, image)
        found.append(Flow(np.asarray(of_groups)[0], np.asarray(of_positions)[0]))
    return found
