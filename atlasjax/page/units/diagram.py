"""Diagram: a circuit as one SVG that holds its icons, for papers and for the command line."""

from html import escape

from atlasjax.page.units.contents import UnitLayer, UnitSite
from atlasjax.page.units.graph import MOST, Circuit, Line, Unit, circuit, place
from atlasjax.page.units.pictures import png

ICON, ACROSS, DOWN = 64, 210, 92  # px: an icon, from column to column, from icon to icon
LEFT, TOP, FOOT = 88, 48, 56  # px around them
WIDEST = 9.0  # px, of lines
EXCITES, INHIBITS = "#0069be", "#cd5500"  # blue and orange of the pages, on white
TEXT, QUIET = "#171a1e", "#59616b"
LONGEST = 22  # characters of a name under an icon
LEGEND = ("blue excites, orange inhibits", "wide: strong among those of two layers")
IDLE = "dashed: ablating it does nothing"


def diagram(site: UnitSite, layer: str, unit: int, *, depth: int = 1, most: int = MOST) -> str:
    """Draw a unit at the right, and its strongest inputs, layer by layer, to the left.

    Args:
        site: what is known of units.
        layer: of the unit.
        unit: its number in the layer.
        depth: how many steps back, at least 1.
        most: inputs of the unit from each layer; of its inputs half as many.

    Returns:
        The text of an SVG file, with icons as PNG inside.

    Raises:
        UserError: no such layer or unit in the site, or numbers below 1.
    """
    return drawn(site, circuit(site, layer, unit, depth=depth, most=most))


def drawn(site: UnitSite, found: Circuit) -> str:
    """Draw a circuit as the text of an SVG file.

    Args:
        site: where icons and names come from.
        found: what is drawn.
    """
    rows = max(len(units) for _, units in found.columns)
    places = _places(found, rows)
    width = 2 * LEFT + ICON + ACROSS * (len(found.columns) - 1)
    height = TOP + DOWN * rows + FOOT
    layers = {layer.name: layer for layer in site.layers}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="system-ui, sans-serif" font-size="12" fill="{TEXT}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for column, (name, _) in enumerate(found.columns):
        x = LEFT + ACROSS * column + ICON / 2
        parts.append(_text(x, TOP - 22, name, f'font-weight="600" fill="{QUIET}"'))
    parts += [_path(line, places) for line in found.lines]
    for node, (x, y) in places.items():
        parts.append(_node(node, x, y, layers.get(node[0])))
    legend = [*LEGEND, IDLE] if any(line.idle for line in found.lines) else [*LEGEND]
    for row, text in enumerate(legend if found.lines else ()):
        y = height - FOOT + 16 * (row + 1)
        parts.append(_text(width / 2, y, text, f'font-size="11" fill="{QUIET}"'))
    return "\n".join([*parts, "</svg>", ""])


def _places(found: Circuit, rows: int) -> dict[Unit, tuple[float, float]]:
    """Return the upper left corner of every unit's icon."""
    places = {}
    for column, (_, units) in enumerate(found.columns):
        first = TOP + DOWN * (rows - len(units)) / 2
        for row, unit in enumerate(units):
            places[unit] = (float(LEFT + ACROSS * column), first + DOWN * row)
    return places


def _path(line: Line, places: dict[Unit, tuple[float, float]]) -> str:
    (x0, y0), (x1, y1) = places[line.source], places[line.target]
    x0, y0, y1 = x0 + ICON, y0 + ICON / 2, y1 + ICON / 2
    middle = (x0 + x1) / 2
    colour = INHIBITS if line.weight < 0 else EXCITES
    dashes = ' stroke-dasharray="6 5"' if line.idle else ""
    said = f"{_said(line.source)} to {_said(line.target)}: weight {line.weight:+.3g}"
    return (
        f'<path d="M{x0:g} {y0:g}C{middle:g} {y0:g} {middle:g} {y1:g} {x1:g} {y1:g}" fill="none" '
        f'stroke="{colour}" stroke-width="{max(1.0, WIDEST * abs(line.strength)):.2f}" '
        f'stroke-opacity="{0.35 + 0.5 * abs(line.strength):.2f}"{dashes}>'
        f"<title>{_safe(said)}</title></path>"
    )


def _node(node: Unit, x: float, y: float, layer: UnitLayer | None) -> str:
    """Draw a unit: its icon, or an empty square where the site has none, its number and name."""
    at = None if layer is None else place(layer, node[1])
    name = "" if layer is None else layer.names.get(node[1], "")
    where = f'x="{x:g}" y="{y:g}" width="{ICON}" height="{ICON}"'
    if layer is None or layer.icon is None or at is None:
        drawn_ = f'<rect {where} rx="6" fill="#eef0f2"/>'
    else:
        drawn_ = f'<image {where} href="data:image/png;base64,{png(layer.icon[at])}"/>'
    label = f"{node[1]}" + (f" \u00b7 {name}" if name else "")
    short = label if len(label) <= LONGEST else label[: LONGEST - 1] + "\u2026"
    said = _said(node) + (f" {name}" if name else "")
    parts = [f"<g><title>{_safe(said)}</title>", drawn_]
    return "".join([*parts, _text(x + ICON / 2, y + ICON + 15, short), "</g>"])


def _text(x: float | int, y: float | int, text: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle" {more}>{_safe(text)}</text>'


def _safe(text: str) -> str:
    return escape("".join(sign for sign in text if sign.isprintable()))  # XML has no control signs


def _said(unit: Unit) -> str:
    return f"{unit[0]}:{unit[1]}"
