"""Words: what the report says in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

TRUSTED = 0.75  # trustworthiness of a map, below which it is hardly to be believed; chance is .5

SUMMARY = """<p>Each column is explained in one of the sections below. The last four are of the
layer's map, whatever the grid; the last two say how many of a place's nearest neighbours are its
nearest again.</p>"""

ICONS = """<p>The cosine between what an icon's centre excites in the layer and the direction of
its cell, in the layer's own coordinates. At 1 the icon excites just what the cell's activations
have in common; at 0.5 most of what it excites is something else. The line is the mean.</p>"""

WORST = """<p>Below are the worst cells of each level: the icon, the real patch nearest to the
cell's mean, the cosine, the place on the map (from the left and from the top), and how many
activations the cell holds. Do not read much into icons below 0.7 or so: look at the patch.</p>"""

SPREAD = """<p>A cell is drawn by the mean of its members. Here is how alike these are: the mean
cosine of a cell's members with the cell's direction. Near 1 the icon speaks for each of them. The
dashed line is what a single cell with everything in it would have: a cell near that line is a
mixture, and its icon the icon of a mixture. The solid line is the mean.</p>"""

COVERAGE = """<p>Replace every activation by the mean of its cell: how much of the layer's variance
remains? All of it would take as many cells as there are activations; random cells of the same sizes
keep as much as the line shows. Activations in cells that were dropped, for holding too few, count
as lost. Finer grids keep more, until they drop too much. <b>Width</b> is how far members are from
their cell's direction, as a share of how far all are from the layer's mean: small is good.
<b>Energy</b> is the same as variance with zero in place of the mean.</p>"""

STABILITY = """<p>Some of the activations are laid out again: with another seed, and with only one
half of the images, then the other. <b>Same neighbours</b>: how many of a place's nearest are its
nearest again. <b>Disparity</b>: how much of the whole arrangement is different after turning,
mirroring and scaling one onto the other; 0 is the same map, 1 an unrelated one. A map of islands
may move them about, and so have a large disparity while every island stays what it is. <b>Cell
found again</b>: the best cosine of a cell's direction with any cell of the other map; it means
something where it is clearly above the cosine with the nearest other cell of its own map
(line).</p>"""

SHORTCUTS = """<p>The images have shortcuts planted in them: a part that comes with one class and
not with its sister. In the comparison of the two classes, of the ten cells that push most from the
one to the other, this share of the activations lies on the planted part. A shortcut counts as found
where that is at least half, and more than 95% of random choices of ten cells of the atlas give (the
line).</p>"""


NO_CLASSES = """<p>The network has no classes: nothing here is about effects on them, and shortcuts
planted in the images, which show in such effects, are not looked for.</p>"""


def verdict(report: Mapping[str, Any]) -> str:
    """Say the most important in a few sentences.

    Args:
        report: what is in report.json.

    Returns:
        Paragraphs, as HTML.
    """
    layers = report["layers"]
    levels = [(layer["layer"], level) for layer in layers for level in layer["levels"]]
    said = [
        _range("The icons reach a mean cosine of", (le["icon_cosine"]["mean"] for _, le in levels)),
        _worst(levels),
        _range(
            "The cells keep",
            (le["explained"]["centred"] for _, le in levels),
            " of their layer's variance",
            percent=True,
        ),
        _range("The maps' trustworthiness is", (la["map"]["trustworthiness"] for la in layers)),
        _poor(layers),
        _range("Their continuity is", (la["map"]["continuity"] for la in layers)),
    ]
    text = f"<p>{' '.join(filter(None, said))}</p>"
    if not report["classes"]:
        return text + NO_CLASSES
    return text + (found(report["shortcuts"]) if report["shortcuts"] else "")


def _worst(levels: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    there = [(le["icon_cosine"]["min"], name, le["grid"]) for name, le in levels if le["worst"]]
    there = [entry for entry in there if entry[0] is not None]
    if not there:
        return ""
    cosine, name, grid = min(there)
    return f"The worst single icon is at {cosine:.3f}, in {escape(name)}, {grid} x {grid}."


def _poor(layers: Sequence[Mapping[str, Any]]) -> str:
    """Warn of maps that hardly keep neighbours together.

    >>> _poor([{"layer": "a", "map": {"trustworthiness": 0.614}}])
    '<b>The map of a is hardly to be believed</b>: below 0.75 most neighbours on it are strangers.'
    >>> _poor([{"layer": "a", "map": {"trustworthiness": 0.9}}])
    ''
    """
    poor = [
        escape(layer["layer"])
        for layer in layers
        if (layer["map"]["trustworthiness"] or 1.0) < TRUSTED
    ]
    if not poor:
        return ""
    what = f"map of {poor[0]} is" if len(poor) == 1 else f"maps of {_list(poor)} are"
    place = "it" if len(poor) == 1 else "them"
    return (
        f"<b>The {what} hardly to be believed</b>: below {TRUSTED} most neighbours on {place} "
        "are strangers."
    )


def _range(
    start: str, values: Iterable[float | None], end: str = "", *, percent: bool = False
) -> str:
    """Say from where to where values go.

    >>> _range("The cells keep", [0.5, 0.25, None], " of it", percent=True)
    'The cells keep 25% to 50% of it.'
    >>> _range("It is", [None])
    ''
    """
    there = [value for value in values if value is not None]
    if not there:
        return ""
    low, high = (f"{v:.0%}" if percent else f"{v:.3f}" for v in (min(there), max(there)))
    return f"{start} {low if low == high else f'{low} to {high}'}{end}."


def found(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say which planted shortcuts are found, and where.

    >>> row = {"shortcut": "tag", "layer": "mixed3a", "found": True}
    >>> found([row, {**row, "layer": "mixed4a", "found": False}])
    '<p>Every planted shortcut is found (tag in mixed3a).</p>'
    >>> found([{**row, "found": False}])
    '<p><b>Not found</b>: tag.</p>'
    """
    where: dict[str, list[str]] = {row["shortcut"]: [] for row in rows}
    for row in rows:
        if row["found"]:
            where[row["shortcut"]].append(row["layer"])
    seen = "; ".join(f"{escape(n)} in {escape(_list(at))}" for n, at in where.items() if at)
    missed = [escape(name) for name, at in where.items() if not at]
    if not missed:
        return f"<p>Every planted shortcut is found ({seen}).</p>"
    rest = f"; found: {seen}" if seen else ""
    return f"<p><b>Not found</b>: {_list(missed)}{rest}.</p>"


def _list(names: Sequence[str]) -> str:
    """Join names with commas and an "and".

    >>> _list(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def neighborhoods(points: int, k: int) -> str:
    """Say what trustworthiness and continuity are."""
    return f"""<p>A plane cannot hold what hundreds of channels hold; something has to give. Both
numbers compare the {k} nearest neighbours of {points:,} activations. <b>Trustworthiness</b> falls
where strangers in the layer are put side by side on the map. <b>Continuity</b> falls where
neighbours in the layer are torn apart on the map. Above 0.9 neighbourhoods may be believed, mostly;
distances between far places may not, whatever the numbers.</p>"""


def no_stability(wanted: bool) -> str:
    """Say why there are no figures of stability."""
    if wanted:
        return "<p>There are too few activations to tell: halves of them would say nothing.</p>"
    return "<p>Not measured: the experiment has <code>stability</code> off.</p>"


def made(report: Mapping[str, Any]) -> str:
    """Say what the report is of, and where its numbers are."""
    of = "; ".join(
        f"{escape(la['layer'])}: {la['activations']:,} activations of {la['channels']:,} channels "
        f"from {la['images']:,} images"
        for la in report["layers"]
    )
    took = f"{report['seconds']:.0f} s"
    return f"{of}. Every number is in <code>report.json</code>. Making this report took {took}."
