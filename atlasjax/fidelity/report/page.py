"""Page: the report as one file for people, with its style and its plots inside."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from atlasjax.data.channels import as_rgb
from atlasjax.fidelity.report import plots, words

NONE = "\u2013"  # what is not defined
Pictures = Mapping[tuple[str, int], Sequence[Sequence[UInt8[np.ndarray, "_ _ _"]]]]
"""For each level and each of its worst cells: its icon, and the patch that is nearest, if any."""


def page(report: Mapping[str, Any], pictures: Pictures) -> str:
    """Write the report as HTML.

    Args:
        report: what is in report.json.
        pictures: of the worst cells of each level, in the order of the report.

    Returns:
        The page. It needs no other file.
    """
    layers, name = report["layers"], escape(report["name"])
    style = (
        resources.files("atlasjax.fidelity.report").joinpath("page.css").read_text(encoding="utf-8")
    )
    parts = [
        f"<h1>How faithful is this atlas? {name}</h1>",
        f'<div class="verdict">{words.verdict(report)}</div>',
        _summary(layers),
        _icons(layers, pictures),
        _cells(layers),
        _map(layers),
        _stability(report),
        _shortcuts(report["shortcuts"]),
        f'<p class="quiet">{words.made(report)}</p>',
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Fidelity of {name}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body>\n</html>\n"
    )


def _summary(layers: Sequence[Mapping[str, Any]]) -> str:
    heads = (
        "layer", "grid", "cells", "icon's cosine", "worst icon", "members' cosine",
        "variance kept", "dropped", "trust&shy;worthiness", "conti&shy;nuity",
        "other seed", "half the images",
    )  # fmt: skip
    rows = [
        (
            escape(layer["layer"]),
            f"{level['grid']} x {level['grid']}",
            f"{level['cells']:,}",
            _number(level["icon_cosine"]["mean"]),
            _number(level["icon_cosine"]["min"]),
            _number(level["member_cosine"]["mean"]),
            _share(level["explained"]["centred"]),
            _share(level["activations_dropped"], 1),
            _number(layer["map"]["trustworthiness"]),
            _number(layer["map"]["continuity"]),
            *(
                _share((layer["stability"] or {}).get(change, {}).get("overlap"))
                for change in ("seeds", "halves")
            ),
        )
        for layer in layers
        for level in layer["levels"]
    ]
    return "<h2>In short</h2>" + words.SUMMARY + _table(heads, rows)


def _icons(layers: Sequence[Mapping[str, Any]], pictures: Pictures) -> str:
    plot = plots.histograms(layers, "icon_cosine", "cosine between icon and cell", "icons")
    worst = [
        f"<h3>The worst of {escape(layer['layer'])}, {level['grid']} x {level['grid']}</h3>"
        + _worst(level["worst"], pictures[layer["layer"], level["grid"]])
        for layer in layers
        for level in layer["levels"]
    ]
    return (
        "<h2>Does an icon show its cell?</h2>"
        + words.ICONS
        + _figure(plot, "Histograms of the cosines that the icons reached")
        + words.WORST
        + "".join(worst)
    )


def _worst(cells: Sequence[Mapping[str, Any]], pictures: Sequence[Sequence[np.ndarray]]) -> str:
    shown = []
    for cell, images in zip(cells, pictures, strict=True):
        alts = ("icon", "nearest patch")
        drawn = "".join(
            f'<img alt="{alt}" src="{_picture(image)}">'
            for alt, image in zip(alts, images, strict=False)
        )
        where = f"x {cell['x']}, y {cell['y']}<br>{cell['count']:,} members"
        shown.append(f"<li>{drawn}<b>{_number(cell['cosine'])}</b><br>{where}</li>")
    return f'<ul class="cells">{"".join(shown)}</ul>'


def _cells(layers: Sequence[Mapping[str, Any]]) -> str:
    label = "mean cosine of a cell's members with its direction"
    plot = plots.histograms(layers, "member_cosine", label, "members")
    heads = (
        "layer", "grid", "members' cosine", "the layer's own", "width",
        "variance kept", "by chance", "energy kept", "cells dropped", "activations dropped",
    )  # fmt: skip
    rows = [
        (
            escape(layer["layer"]),
            f"{level['grid']} x {level['grid']}",
            _number(level["member_cosine"]["mean"]),
            _number(level["layer_cosine"]),
            _number(level["width"]["mean"]),
            _share(level["explained"]["centred"]),
            _share(level["explained"]["chance"], 1),
            _share(level["explained"]["uncentred"]),
            f"{level['cells_dropped']:,}",
            _share(level["activations_dropped"], 1),
        )
        for layer in layers
        for level in layer["levels"]
    ]
    return (
        "<h2>Is a cell one thing?</h2>"
        + words.SPREAD
        + _figure(plot, "Histograms of the mean cosine of the members of each cell")
        + "<h2>How much of the layer is in the atlas?</h2>"
        + words.COVERAGE
        + _figure(plots.coverage(layers), "Share of the variance kept, and of activations dropped")
        + _table(heads, rows)
    )


def _map(layers: Sequence[Mapping[str, Any]]) -> str:
    found = [layer["map"] for layer in layers]
    points, k = max(m["points"] for m in found), max(m["neighbors"] for m in found)
    return (
        "<h2>Can the neighbourhoods be trusted?</h2>"
        + words.neighborhoods(points, k)
        + _figure(plots.map_quality(layers), "Trustworthiness and continuity of each layer")
    )


def _stability(report: Mapping[str, Any]) -> str:
    head = "<h2>Does the map come out again?</h2>"
    layers = [layer for layer in report["layers"] if layer["stability"]]
    if not layers:
        return head + words.no_stability(report["stability"])
    heads = (
        "layer", "change", "activations", "same neighbours", "by chance", "disparity",
        "cell found again", "its neighbour", "cells",
    )  # fmt: skip
    rows = [
        (
            escape(layer["layer"]),
            label,
            f"{found['points']:,}",
            _share(found["overlap"]),
            _share(found["chance"], 1),
            _number(found["disparity"]),
            _number(found["direction_found"]["mean"]),
            _number(found["direction_own"]["mean"]),
            f"{found['cells']:,} at {layer['stability']['grid']} x {layer['stability']['grid']}",
        )
        for layer in layers
        for label, found in (
            ("another seed", layer["stability"]["seeds"]),
            ("half the images", layer["stability"]["halves"]),
        )
    ]
    plot = _figure(plots.stability(layers), "What stays with another seed and half the images")
    return head + words.STABILITY + plot + _table(heads, rows)


def _shortcuts(rows: Sequence[Mapping[str, Any]] | None) -> str:
    if rows is None:
        return ""
    heads = ("layer", "shortcut", "pushes", "precision", "by chance", "95% of chance", "found")
    table = [
        (
            escape(row["layer"]),
            escape(row["part"]),
            f"{escape(row['source'])} to {escape(row['target'])}",
            _share(row["precision"]),
            _share(row["chance"], 1),
            _share(row["chance_95"], 1),
            "yes" if row["found"] else "no",
        )
        for row in rows
    ]
    return (
        "<h2>Are the planted shortcuts found?</h2>"
        + words.SHORTCUTS
        + words.found(rows)
        + _figure(plots.shortcuts(rows), "Precision for each shortcut and layer")
        + _table(heads, table)
    )


def _figure(svg: str, label: str) -> str:
    labelled = svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
    return f'<figure class="plot">{labelled}</figure>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # Numbers stand below one another by their last digit, words by their first letter.
    kind = ["" if text[:1].isdigit() or text == NONE else ' class="word"' for text in rows[0]]
    head = "".join(f'<th scope="col"{k}>{t}</th>' for k, t in zip(kind, heads, strict=True))
    lines = ["".join(f"<td{k}>{t}</td>" for k, t in zip(kind, row, strict=True)) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _picture(image: UInt8[np.ndarray, "h w c"], size: int = 96) -> str:
    file = io.BytesIO()
    drawn = Image.fromarray(as_rgb(image)).resize((size, size), Image.Resampling.LANCZOS)
    drawn.save(file, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _number(value: float | None) -> str:
    r"""Write a number to three digits.

    >>> _number(0.12345), _number(None)
    ('0.123', '\u2013')
    """
    return NONE if value is None else f"{value:.3f}"


def _share(value: float | None, digits: int = 0) -> str:
    r"""Write a share as a percentage.

    >>> _share(0.5), _share(0.0123, 1), _share(None)
    ('50%', '1.2%', '\u2013')
    """
    return NONE if value is None else f"{value:.{digits}%}"
