"""Figures of loss surfaces, as PNG and SVG: contours, a surface seen from aside, lines, curvature.

All surfaces of a page share their scale, so that they can be compared. The loss is drawn on a
logarithmic scale: over a surface it goes through several powers of ten.
"""

from collections.abc import Sequence
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from atlasjax.page.explanation.drawing import AGAINST, FOR, INK, QUIET, plain, save
from atlasjax.page.landscape.contents import Contents, Path, Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAP = "viridis"
LEVELS = 14
LEAST = 1e-6  # a loss of 0 has no logarithm
SLICES = 5  # of a surface of three directions


def write_figures(folder: File, contents: Contents) -> list[str]:
    """Draw the figures of a page.

    Args:
        folder: where they go.
        contents: what is drawn.

    Returns:
        Their names, without an ending.
    """
    shown, dimensions = contents.surfaces, len(contents.surfaces[0].axes)
    wide = min(3.6 * len(shown), 14.4)
    if dimensions == 1:
        save(folder / "loss", (5.4, 3.6), lambda figure: _lines(figure, shown))
        return ["loss"]
    if dimensions == 3:
        size = (14.4, 3.2 * len(shown))
        save(folder / "slices", size, lambda figure: _slices(figure, shown))
        return ["slices"]
    save(folder / "contours", (wide + 1.2, 4.0), lambda figure: _contours(figure, shown))
    save(folder / "surface", (wide + 0.4, 4.0), lambda figure: _raised(figure, shown))
    names = ["contours", "surface"]
    if any(one.curvature is not None for one in shown):
        save(folder / "curvature", (wide + 1.2, 3.8), lambda figure: _curvature(figure, shown))
        names.append("curvature")
    return names


def span(shown: Sequence[Shown]) -> tuple[float, float]:
    """Return the least and the greatest finite loss of all surfaces.

    >>> from atlasjax.landscape import Surface
    >>> line = Surface((np.arange(3.0),), np.array([1.0, 2.0, np.inf]), np.zeros(3))
    >>> span([Shown("a", line, ("x",))])
    (1.0, 2.0)
    """
    values = np.concatenate([one.surface.loss.ravel() for one in shown]).astype(np.float64)
    known = values[np.isfinite(values)]
    if not len(known):
        return LEAST, 1.0
    low = max(float(known.min()), LEAST)
    return low, max(float(known.max()), low * (1 + 1e-6))


def levels(shown: Sequence[Shown], count: int = LEVELS) -> Float[np.ndarray, " levels"]:
    """Return the losses at which contours are drawn, evenly spaced in their logarithm."""
    return np.geomspace(*span(shown), count)


def _contours(figure: "Figure", shown: Sequence[Shown]) -> None:
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    drawn = None
    for ax, one in zip(axes, shown, strict=True):
        drawn = _contour(ax, one.surface.coordinates, one.surface.loss, shown)
        if one.path is not None:
            _path(ax, one.path)
        ax.plot(0, 0, "+", color="white", markersize=9, markeredgewidth=2)
        _axes(ax, one)
    _scale(figure, drawn, list(axes))


def _contour(ax: "Axes", places: Sequence[np.ndarray], loss: np.ndarray, shown: Any) -> Any:
    from matplotlib.colors import LogNorm

    low, high = span(shown)
    x, y = places
    known = np.where(np.isfinite(loss), np.maximum(loss, LEAST), np.nan).T
    norm = LogNorm(low, high)
    drawn = ax.pcolormesh(
        x,
        y,
        np.ma.masked_invalid(known),
        cmap=MAP,
        norm=norm,
        shading="gouraud" if np.isfinite(known).all() and min(known.shape) > 1 else "nearest",
        rasterized=True,
    )
    if min(known.shape) > 1 and np.isfinite(known).any():
        lines = {"colors": "white", "linewidths": 0.5, "alpha": 0.7}
        ax.contour(x, y, np.ma.masked_invalid(known), levels(shown)[1:-1], **lines)
    missing = np.argwhere(~np.isfinite(loss))
    if len(missing):
        label = "not finite"
        at = x[missing[:, 0]], y[missing[:, 1]]
        ax.plot(*at, "x", color=AGAINST, markersize=3.5, markeredgewidth=0.9, label=label)
        ax.legend(loc="upper right", fontsize=7, frameon=True)
    return drawn


def _path(ax: "Axes", path: Path) -> None:
    x, y = path.coordinates.T
    ax.plot(x, y, "-", color="white", linewidth=2.2, alpha=0.85)
    ax.plot(x, y, "-o", color=AGAINST, linewidth=1.1, markersize=3)


def _axes(ax: "Axes", one: Shown) -> None:
    ax.set_title(plain(one.name))
    ax.set_xlabel(one.axes[0])
    ax.set_ylabel(one.axes[1])
    ax.tick_params(labelsize=7, labelcolor=QUIET, color=QUIET, left=True)
    ax.locator_params(nbins=5)
    ax.set_box_aspect(1)


def _scale(figure: "Figure", drawn: Any, axes: list[Any], label: str = "loss") -> None:
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, aspect=28, pad=0.02)
    bar.set_label(label)
    bar.ax.tick_params(labelsize=7)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    bar.ax.yaxis.set_minor_formatter(lambda value, _: "")
    bar.outline.set_visible(False)


def _raised(figure: "Figure", shown: Sequence[Shown]) -> None:
    """Draw each surface as it is seen from aside, its height the logarithm of the loss."""
    from matplotlib.colors import Normalize

    low, high = map(np.log10, span(shown))
    for number, one in enumerate(shown):
        ax: Any = figure.add_subplot(1, len(shown), number + 1, projection="3d")
        x, y = np.meshgrid(*one.surface.coordinates, indexing="ij")
        height = np.log10(
            np.maximum(np.where(np.isfinite(one.surface.loss), one.surface.loss, np.nan), LEAST)
        )
        count = max(height.shape)
        ax.plot_surface(
            x,
            y,
            height,
            cmap=MAP,
            norm=Normalize(low, high),
            rcount=count,
            ccount=count,
            linewidth=0.1,
            edgecolor=(1, 1, 1, 0.25),
            antialiased=True,
        )
        if one.path is not None:
            lifted = np.log10(np.maximum(one.path.loss, LEAST)) + 0.02 * (high - low)
            ax.plot(*one.path.coordinates.T, lifted, "-o", color=AGAINST, markersize=2.5, zorder=9)
        ax.set_zlim(low, high)
        _solid(ax, one)


def _solid(ax: Any, one: Shown) -> None:
    ax.view_init(elev=32, azim=-58)
    ax.set_box_aspect(None, zoom=0.86)  # room for the label of the height
    ax.set_title(plain(one.name))
    ax.set_xlabel(one.axes[0], labelpad=-6)
    ax.set_ylabel(one.axes[1], labelpad=-6)
    ax.set_zlabel("loss", labelpad=-4)
    ax.zaxis.set_major_locator(_whole_powers())
    ax.zaxis.set_major_formatter(lambda value, _: f"{10**value:.2g}")
    ax.tick_params(labelsize=6, labelcolor=QUIET, pad=-2)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((1, 1, 1, 0))


def _whole_powers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


def _lines(figure: "Figure", shown: Sequence[Shown]) -> None:
    """Draw loss and accuracy along one direction, as Goodfellow et al. 2015 do."""
    ax = figure.subplots()
    right = ax.twinx()
    for number, one in enumerate(shown):
        style = ("-", "--", ":", "-.")[number % 4]
        x, loss = one.surface.coordinates[0], one.surface.loss
        ax.plot(
            x, np.where(np.isfinite(loss), loss, np.nan), style, color=FOR, label=plain(one.name)
        )
        right.plot(x, one.surface.accuracy, style, color=AGAINST)
        missing = x[~np.isfinite(loss)]
        low, _ = span(shown)
        ax.plot(missing, np.full(len(missing), low), "x", color=INK, markersize=4)
    ax.set_yscale("log")
    ax.set_ylabel("loss", color=FOR)
    right.set_ylabel("accuracy", color=AGAINST)
    right.set_ylim(0, 1.02)
    ax.set_xlabel(shown[0].axes[0])
    for each, side in ((ax, "left"), (right, "right")):
        each.tick_params(axis="y", left=side == "left", labelsize=8)
    if len(shown) > 1:
        ax.legend(frameon=False)
    else:
        ax.set_title(plain(shown[0].name))


def _slices(figure: "Figure", shown: Sequence[Shown]) -> None:
    """Draw contours of the first two directions at some places of the third."""
    most = max(len(one.surface.coordinates[2]) for one in shown)
    columns = min(SLICES, most)
    axes = figure.subplots(len(shown), columns, squeeze=False)
    drawn = None
    for row, one in zip(axes, shown, strict=True):
        third = one.surface.coordinates[2]
        chosen = np.linspace(0, len(third) - 1, columns).round().astype(int)
        for ax, k in zip(row, chosen, strict=True):
            drawn = _contour(ax, one.surface.coordinates[:2], one.surface.loss[..., k], shown)
            _axes(ax, one)
            ax.set_title(f"{plain(one.name)}, {one.axes[2]} at {third[k]:.2g}")
    _scale(figure, drawn, axes.ravel().tolist())


def _curvature(figure: "Figure", shown: Sequence[Shown]) -> None:
    """Draw |smallest / largest| eigenvalue: dark is where the loss is all but convex."""
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    drawn = None
    for ax, one in zip(axes, shown, strict=True):
        if one.curvature is None:
            ax.set_axis_off()
            continue
        ratio = np.ma.masked_invalid(one.curvature.ratio.T)
        drawn = ax.pcolormesh(*one.curvature.coordinates, ratio, cmap="magma", vmin=0, vmax=1)
        ax.plot(0, 0, "+", color="white", markersize=9, markeredgewidth=2)
        _axes(ax, one)
    _scale(figure, drawn, list(axes), "|smallest / largest eigenvalue|")
