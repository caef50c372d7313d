"""Flow figure: the groups of every layer, and the lines of attribution between them."""

from typing import TYPE_CHECKING

import numpy as np

from atlasjax.data.channels import as_rgb
from atlasjax.page.explanation.contents import Picture
from atlasjax.page.explanation.drawing import AGAINST, FOR, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAINT = 0.06  # of the strongest; weaker lines are left out
WIDEST = 7.0  # points
ICON = 0.78  # of the distance between two icons
APART = 3.4  # distance between layers, in distances between icons


def flow_height(picture: Picture, targets: int) -> float:
    """Return the height of the figure, in inches."""
    rows = max([targets, *(len(layer.groups.names) for layer in picture.layers)])
    return 0.6 + 0.72 * rows


def draw_flow(figure: "Figure", picture: Picture, targets: list[str]) -> None:
    """Draw layers as columns of icons, from the input at the left to the targets at the right.

    Args:
        figure: an empty one.
        picture: the image.
        targets: what each is called in few words.
    """
    ax = figure.subplots()
    counts = [len(layer.groups.names) for layer in picture.layers]
    rows = max([len(targets), *counts])
    places = [_places(i, count, rows) for i, count in enumerate(counts)]
    ends = _places(len(counts), len(targets), rows)
    for i, flow in enumerate(picture.flows):
        _lines(ax, flow.groups, places[i], places[i + 1])
    _lines(ax, picture.layers[-1].groups.effect, places[-1], ends)
    for column, (layer, places_) in enumerate(zip(picture.layers, places, strict=True)):
        ax.text(APART * column, -0.75, plain(layer.name, 24), ha="center")
        for icon, (x, y) in zip(layer.groups.icon, places_, strict=True):
            half = ICON / 2
            ax.imshow(as_rgb(icon), extent=(x - half, x + half, y + half, y - half), zorder=3)
    for name, (x, y) in zip(targets, ends, strict=True):
        ax.text(x - ICON / 2 + 0.1, y, name, va="center", zorder=3)
    ax.set_xlim(-0.6, APART * len(counts) + 2.6)
    ax.set_ylim(rows - 0.45, -1.1)
    ax.set_aspect("equal")
    ax.set_axis_off()


def _places(column: int, count: int, rows: int) -> list[tuple[float, float]]:
    """Return the middles of a column's icons, centred."""
    return [(APART * column, row + (rows - count) / 2) for row in range(count)]


def _lines(
    ax: "Axes",
    weights: np.ndarray,
    left: list[tuple[float, float]],
    right: list[tuple[float, float]],
) -> None:
    """Draw curves as wide as their weights, the strongest on top."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    known = np.nan_to_num(weights)
    most = np.abs(known).max(initial=0) or 1.0
    for index in np.argsort(np.abs(known), axis=None):
        i, j = np.unravel_index(index, known.shape)
        strength = float(known[i, j] / most)
        if abs(strength) < FAINT:
            continue
        (x0, y0), (x1, y1) = left[i], right[j]
        x0, x1 = x0 + ICON / 2, x1 - ICON / 2
        middle = (x0 + x1) / 2
        points = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
        curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
        ax.add_patch(
            PathPatch(
                curve,
                facecolor="none",
                edgecolor=AGAINST if strength < 0 else FOR,
                linewidth=max(0.6, WIDEST * abs(strength)),
                alpha=0.25 + 0.5 * abs(strength),
                capstyle="butt",
            )
        )
