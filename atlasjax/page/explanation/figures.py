"""Figures: everything that the page shows of an image, for papers and talks, as PNG and SVG."""

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasjax.data.channels import as_rgb
from atlasjax.page.explanation.contents import Explanation, Layer, Picture
from atlasjax.page.explanation.drawing import (
    AGAINST,
    FOR,
    LINE,
    QUIET,
    heat,
    plain,
    save,
    show,
    spotlight,
)
from atlasjax.page.explanation.flow_figure import draw_flow, flow_height
from atlasjax.storage import artifacts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.2  # inches
ACROSS = 4  # pictures in a row

Drawn = tuple[str, str, tuple[float, float], Callable[["Figure"], None]]


def write_figures(folder: Path, explanation: Explanation, picture: Picture) -> list[dict[str, Any]]:
    """Draw every figure of an image.

    Args:
        folder: `figures/STEM` of the page's folder; it is made.
        explanation: what the image is one of.
        picture: the image.

    Returns:
        For each figure its title and its files, relative to the page.
    """
    made = []
    for name, title, size, draw in _figures(explanation, picture):
        save(folder / name, size, draw)
        files = [f"figures/{folder.name}/{name}.{kind}" for kind in ("png", "svg")]
        made.append({"title": title, "files": files})
    return made


def _figures(explanation: Explanation, picture: Picture) -> Iterator[Drawn]:
    """Give the name, the title, the size in inches and the drawing of each figure."""
    targets = short_targets(explanation)
    for number, layer in enumerate(picture.layers):
        stem = f"{number}-{artifacts.folder_name(layer.name)}"
        rows = len(layer.groups.names)
        size = (WIDTH, 0.5 + max(1, rows) * max(1.35, 0.3 + 0.19 * len(targets)))
        yield f"groups-{stem}", f"Groups of {layer.name}", size, _groups(picture, layer, targets)
        size = (WIDTH, 3.4)
        yield f"grid-{stem}", f"Grid of {layer.name}", size, _grid(picture, layer, targets[0])
    if picture.layers:
        size = (WIDTH, flow_height(picture, len(targets)))
        yield (
            "flow",
            "Lines between layers",
            size,
            lambda figure: draw_flow(figure, picture, targets),
        )
    if picture.methods:
        cell = 1.1
        size = (0.9 + cell * (1 + len(picture.methods)), 0.5 + cell * len(targets))
        yield "methods", "All methods", size, _methods(picture, targets)
    for number, method in enumerate(picture.methods):
        rows = -(-(1 + len(targets)) // ACROSS)
        name = artifacts.folder_name(method.name)
        size = (WIDTH, 0.3 + 2.4 * rows)
        yield f"saliency-{name}", method.title, size, _saliency(picture, number, targets)


def short_targets(explanation: Explanation) -> list[str]:
    """Return what each target is called in few words."""
    names = explanation.short_names or explanation.class_names
    pairs = zip(explanation.targets, explanation.target_classes, strict=True)
    return [plain(names[index] if index >= 0 else name, 24) for name, index in pairs]


def _saliency(picture: Picture, number: int, targets: list[str]) -> Callable[["Figure"], None]:
    """Draw the image and one method's map for every target."""
    method = picture.methods[number]

    def draw(figure: "Figure") -> None:
        rows = -(-(1 + len(targets)) // ACROSS)
        axes = figure.subplots(rows, ACROSS, squeeze=False).ravel()
        show(axes[0], as_rgb(picture.image), picture.name)
        for ax, name, values in zip(axes[1:], targets, method.map, strict=False):
            show(ax, heat(picture.image, values), name)
        for ax in axes[1 + len(targets) :]:
            ax.set_axis_off()

    return draw


def _methods(picture: Picture, targets: list[str]) -> Callable[["Figure"], None]:
    """Draw every method's map for every target: targets down, methods across."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots(len(targets), 1 + len(picture.methods), squeeze=False)
        for row, name in enumerate(targets):
            show(axes[row, 0], as_rgb(picture.image), "image" if row == 0 else "")
            axes[row, 0].text(
                -0.06, 0.5, name, rotation=90, ha="right", va="center",
                transform=axes[row, 0].transAxes,
            )  # fmt: skip
            for ax, method in zip(axes[row, 1:], picture.methods, strict=True):
                show(ax, heat(picture.image, method.map[row]))
        for ax, method in zip(axes[0, 1:], picture.methods, strict=True):
            ax.set_title("\n".join(textwrap.wrap(plain(method.title), 14)), fontsize=8)

    return draw


def _groups(picture: Picture, layer: Layer, targets: list[str]) -> Callable[["Figure"], None]:
    """Draw the groups of a layer: icon, place and effects, one group a row."""
    groups = layer.groups
    most = float(np.abs(np.nan_to_num(groups.effect)).max(initial=0)) or 1.0

    def draw(figure: "Figure") -> None:
        rows = max(1, len(groups.names))
        axes = figure.subplots(rows, 3, squeeze=False, width_ratios=[1, 1, 3.6])
        for row, name in enumerate(groups.names):
            show(axes[row, 0], as_rgb(groups.icon[row]), name)
            show(axes[row, 1], spotlight(picture.image, groups.map[row]))
            _bars(axes[row, 2], groups.effect[row], targets, most, last=row == rows - 1)

    return draw


def _bars(ax: "Axes", effects: np.ndarray, targets: list[str], most: float, *, last: bool) -> None:
    at = np.arange(len(targets))
    ax.barh(at, effects, 0.62, color=[AGAINST if value < 0 else FOR for value in effects])
    ax.axvline(0, color=QUIET, linewidth=0.8)
    ax.set_yticks(at, targets, fontsize=8)
    ax.set_ylim(len(targets) - 0.4, -0.6)
    ax.set_xlim(-1.22 * most, 1.22 * most)
    for y, value in zip(at, effects, strict=True):
        side = -1 if value < 0 else 1
        text = f"{value:+.2f}".replace("-", "\u2212")
        ax.annotate(
            text, (value, y), (4 * side, 0), textcoords="offset points",
            ha="right" if side < 0 else "left", va="center", fontsize=8,
        )  # fmt: skip
    if last:
        ax.set_xlabel("effect on the target")
    else:
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
    ax.tick_params(axis="x", colors=QUIET, length=3)
    ax.spines["bottom"].set_color(LINE)


def _grid(picture: Picture, layer: Layer, target: str) -> Callable[["Figure"], None]:
    """Draw the image, how a layer sees it, and what its positions do to the first target."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots(1, 3)
        show(axes[0], as_rgb(picture.image), picture.name)
        show(axes[1], as_rgb(layer.grid), f"as {layer.name} sees it")
        show(axes[2], heat(picture.image, layer.effect[..., 0]), f"effect on {target}")

    return draw
