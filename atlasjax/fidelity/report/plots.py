"""Plots of the report, as SVG that takes its colours and its font from the page around it."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from atlasjax.fidelity.measures import NEIGHBORS
from atlasjax.storage import caches

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for those of the page, put in their place once the SVG is written.
INK, QUIET, LINE, FIRST, SECOND = "#010101", "#020202", "#030303", "#040404", "#050505"
PAGE = {INK: "text", QUIET: "quiet", LINE: "line", FIRST: "first", SECOND: "second"}
STYLE = {
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "font.size": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",  # text stays text
    "text.color": INK,
    "xtick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.color": LINE,
    "ytick.labelcolor": INK,
}
WIDTH = 9.2  # inches, of which a browser shows 96 px each
BINS = 40
DASHED = (0, (3, 2))


def histograms(layers: Sequence[Mapping[str, Any]], what: str, label: str, name: str) -> str:
    """Draw one histogram for each layer and level, all on one scale.

    Args:
        layers: as `measure` returned them.
        what: the entry of a level whose values are counted.
        label: of the axis.
        name: of the plot, unique on the page.

    Returns:
        An svg element.
    """
    rows, columns = len(layers), max(len(layer["levels"]) for layer in layers)
    levels = [level for layer in layers for level in layer["levels"]]
    values = [v for level in levels for v in level[what]["values"] if v is not None]
    beside = [level["layer_cosine"] for level in levels] if what == "member_cosine" else []
    low, high = math.floor(10 * min([0.9, *values, *beside])) / 10, 1.0

    def draw(figure: "Figure") -> None:
        axes = figure.subplots(rows, columns, sharex=True, squeeze=False)
        for layer, line in zip(layers, axes, strict=True):
            for ax, level in zip(line, layer["levels"], strict=False):
                _histogram(ax, level, what, (low, high), f"{layer['layer']}, {_grid(level)}")
            for ax in line[len(layer["levels"]) :]:
                ax.set_axis_off()
        for ax in axes[-1]:
            ax.set_xlabel(label)

    return _svg(draw, name, 0.35 + 1.05 * rows)


def _histogram(
    ax: "Axes", level: Mapping[str, Any], what: str, span: tuple[float, float], title: str
) -> None:
    values = [v for v in level[what]["values"] if v is not None]
    ax.hist(values, bins=BINS, range=span, color=FIRST, linewidth=0)
    ax.set_title(title)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlim(*span)
    ax.set_ylim(bottom=0)
    if values:
        ax.axvline(level[what]["mean"], color=INK, linewidth=1)
    if what == "member_cosine":
        ax.axvline(level["layer_cosine"], color=SECOND, linewidth=1.2, linestyle=DASHED)


def coverage(layers: Sequence[Mapping[str, Any]]) -> str:
    """Draw the share of each layer's variance that each level keeps, and what it drops."""
    levels = [(la["layer"], le) for la in layers for le in la["levels"]]
    names = [f"{layer}, {_grid(level)}" for layer, level in levels]

    def draw(figure: "Figure") -> None:
        kept, dropped = figure.subplots(1, 2, sharey=True, width_ratios=[2, 1])
        for row, (_, level) in enumerate(levels):
            found = level["explained"]
            if found["centred"] is not None:
                kept.barh(row, found["centred"], 0.55, color=FIRST, linewidth=0)
                _number(kept, found["centred"], row, f"{found['centred']:.0%}")
            if found["chance"] is not None:
                kept.plot([found["chance"]] * 2, [row - 0.36, row + 0.36], color=SECOND, lw=2)
            dropped.barh(row, level["activations_dropped"], 0.55, color=SECOND, linewidth=0)
            _number(
                dropped, level["activations_dropped"], row, f"{level['activations_dropped']:.1%}"
            )
        _rows(kept, names)
        kept.set_xlim(0, 1)
        dropped.set_xlim(0, max(0.05, 1.4 * max(le["activations_dropped"] for _, le in levels)))
        kept.set_xlabel("share of the layer's variance that is kept (bar), and by chance (line)")
        dropped.set_xlabel("activations in dropped cells")
        for ax in (kept, dropped):
            _percent(ax)

    return _svg(draw, "coverage", 0.7 + 0.27 * len(levels))


def map_quality(layers: Sequence[Mapping[str, Any]]) -> str:
    """Draw trustworthiness and continuity of each layer's map."""
    names = [layer["layer"] for layer in layers]

    def draw(figure: "Figure") -> None:
        ax = figure.subplots()
        for mark, what, colour in (("o", "trustworthiness", FIRST), ("D", "continuity", SECOND)):
            values = [layer["map"][what] for layer in layers]
            _dots(ax, values, mark, colour, what)
        _rows(ax, names)
        ax.set_xlim(0.48, 1.01)
        ax.axvline(0.5, color=QUIET, linewidth=1, linestyle=DASHED)
        ax.set_xlabel("0.5 (dashed) is a random map; 1 is perfect")
        _legend(ax)

    return _svg(draw, "map", 0.95 + 0.27 * len(layers))


def stability(layers: Sequence[Mapping[str, Any]]) -> str:
    """Draw what stays of places and cells, with another seed and with half the images."""
    names = [layer["layer"] for layer in layers]
    kinds = (("o", "seeds", FIRST, "another seed"), ("D", "halves", SECOND, "half the images"))

    def draw(figure: "Figure") -> None:
        axes = figure.subplots(1, 3, sharey=True)
        for mark, kind, colour, label in kinds:
            found = [(layer["stability"] or {}).get(kind) for layer in layers]
            places = (("overlap", "chance"), ("disparity", None))
            for ax, (what, chance) in zip(axes, places, strict=False):
                _dots(ax, [f and f[what] for f in found], mark, colour, label)
                if chance:
                    _ticks(ax, [f and f[chance] for f in found], colour)
            _dots(axes[2], [f and f["direction_found"]["mean"] for f in found], mark, colour, label)
            _ticks(axes[2], [f and f["direction_own"]["mean"] for f in found], colour)
        _rows(axes[0], names)
        labels = (
            f"same {NEIGHBORS} neighbours (line: by chance)",
            "Procrustes disparity",
            "cell found again (line: its neighbour)",
        )
        for ax, label in zip(axes, labels, strict=True):
            ax.set_xlim(-0.03, 1.03)
            ax.set_xlabel(label)
        _legend(axes[0])

    return _svg(draw, "stability", 0.95 + 0.3 * len(layers))


def shortcuts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw the precision with which each planted shortcut is found in each layer."""
    names = list(dict.fromkeys(row["shortcut"] for row in rows))
    layers = list(dict.fromkeys(row["layer"] for row in rows))

    def draw(figure: "Figure") -> None:
        axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for ax, name in zip(axes, names, strict=True):
            for row in (row for row in rows if row["shortcut"] == name):
                at = layers.index(row["layer"])
                colour = FIRST if row["found"] else SECOND
                ax.barh(at, row["precision"], 0.55, color=colour, linewidth=0)
                ax.plot([row["chance_95"]] * 2, [at - 0.36, at + 0.36], color=INK, lw=1.5)
                beyond = max(row["precision"], row["chance_95"])
                _number(ax, beyond, at, f"{row['precision']:.0%}")
            ax.set_title(name)
            ax.set_xlim(0, 1.12)
            ax.set_xticks([0, 0.5, 1])
            _percent(ax)
            ax.set_xlabel("of the cells is on the part")
        _rows(axes[0], layers)

    return _svg(draw, "shortcuts", 0.95 + 0.27 * len(layers))


def _dots(ax: "Axes", values: Sequence[float | None], mark: str, colour: str, label: str) -> None:
    there = [(value, row) for row, value in enumerate(values) if value is not None]
    if there:
        x, y = zip(*there, strict=True)
        ax.plot(x, y, mark, color=colour, markersize=6.5, label=label, clip_on=False)


def _ticks(ax: "Axes", values: Sequence[float | None], colour: str) -> None:
    for row, value in enumerate(values):
        if value is not None:
            ax.plot([value] * 2, [row - 0.25, row + 0.25], color=colour, linewidth=1.5)


def _rows(ax: "Axes", names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    for each in ax.figure.get_axes():
        each.tick_params(axis="y", length=0)
        each.grid(axis="x")
        each.set_axisbelow(True)
        each.spines["left"].set_visible(False)


def _number(ax: "Axes", x: float, y: int, text: str) -> None:
    ax.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", color=INK)


def _percent(ax: "Axes") -> None:
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _legend(ax: "Axes") -> None:
    if ax.get_legend_handles_labels()[0]:
        ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=2)


def _grid(level: Mapping[str, Any]) -> str:
    return f"{level['grid']} x {level['grid']}"


def _svg(draw: Any, name: str, height: float) -> str:
    """Draw a figure and return it as an svg element whose colours are the page's variables."""
    caches.provide()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = {**mpl.rcParamsDefault, **STYLE, "svg.hashsalt": name}
    with mpl.rc_context(style):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for colour, variable in PAGE.items():
        text = text.replace(colour, f"var(--{variable})")
    # Ids are unique in one picture, and must be on the page.
    return re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
