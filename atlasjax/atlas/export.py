"""Export: finished levels in, a folder that opens in a browser and from Python out.

Three readers share the folder. People open `index.html`, straight from disk, so everything the page
needs comes as pictures and one classic script: a page read from disk may fetch nothing. Programs
read `atlas.json`. Research code reads `levels/` with every array in full; see `atlas.open`.
"""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from atlasjax import storage
from atlasjax.atlas.level import Level
from atlasjax.errors import UserError

FORMAT = 1  # of atlas.json and atlas.js; raised when what is in them changes
PAGE = ("page.css", "page.js", "index.html")
LARGEST = 8192  # px; browsers and graphics cards refuse pictures much larger
HIGHEST, LOWEST = 5, 3  # classes that the page names for a cell


def export(
    folder: Path,
    levels: Mapping[tuple[str, int], Level],
    record: Mapping[str, Any],
    class_names: Sequence[str],
    wnids: Sequence[str] = (),
) -> Path:
    """Write an atlas into its run folder: pictures, arrays and the page that shows them.

    `atlas.json` is written last: a folder that has one is complete.

    Args:
        folder: the run folder; it is made if need be.
        levels: by layer and grid, in the order in which they are shown.
        record: how the atlas was made, as JSON can hold it. The page knows `name`, `experiment`
            (see `experiment.as_json`), `command`, `images` (how many), `activations` (how many, by
            layer), `skipped` (a list), `versions` (by package) and `finished`; each may be absent,
            and whatever else is there is shown as it is.
        class_names: one for each logit.
        wnids: WordNet ids of the classes, or nothing.

    Returns:
        The page, `folder / "index.html"`.

    Raises:
        UserError: no levels, two layers whose files would have the same name, or names of classes
            that do not match the attributions.

    >>> import tempfile
    >>> one = np.array([0])
    >>> icon = np.zeros((1, 8, 8, 3), np.uint8)
    >>> level = Level(one, one, one + 9, np.ones((1, 4)), np.ones(1), np.ones((1, 2)), icon)
    >>> with tempfile.TemporaryDirectory() as run:
    ...     page = export(Path(run), {("mixed4a/3x3", 1): level}, {}, ["cat", "dog"])
    ...     sorted(p.name for p in page.parent.rglob("*-1.*"))
    ['mixed4a-3x3-1.npz', 'mixed4a-3x3-1.png']
    """
    folder = Path(folder)
    _check(levels, class_names, wnids)
    for (layer, grid), level in levels.items():
        with storage.atomic(folder / _picture_file(layer, grid)) as temporary:
            # Icons hardly compress: a higher level takes several times as long for a few percent.
            Image.fromarray(picture(level, grid)).save(temporary, "PNG", compress_level=2)
        storage.save(folder / _level_file(layer, grid), level, "level")
    shared = {
        "format": FORMAT,
        "name": _name(folder, record),
        "class_names": list(class_names),
        "wnids": list(wnids),
    }
    shown = [_for_page(layer, grid, level) for (layer, grid), level in levels.items()]
    page = {**shared, "levels": shown, "made": _made(record), "record": dict(record)}
    script = _json(page, separators=(",", ":"))
    storage.write_text(folder / "atlas.js", f"window.ATLAS = {script};\n")
    for name in PAGE:
        source = resources.files("atlasjax").joinpath("viewer", name)
        storage.write_text(folder / name, source.read_text(encoding="utf-8"))
    index = {**shared, "layers": _contents(levels), "record": dict(record)}
    storage.write_text(folder / "atlas.json", _json(index, indent=2) + "\n")
    return folder / "index.html"


def picture(level: Level, grid: int, *, largest: int = LARGEST) -> UInt8[np.ndarray, "h w 4"]:
    """Draw a level's map: every icon at its place, and nothing where there is no cell.

    The picture is all that is held in memory besides the level: 256 MiB at the default `largest`,
    whatever the grid.

    Args:
        level: the cells.
        grid: cells in each direction.
        largest: longest side allowed, in px, at least `grid`; icons are scaled down, smoothly, to
            keep to it.

    Returns:
        The map as RGBA; x goes to the right and y downwards. Empty places are transparent.

    >>> icon = np.full((1, 8, 8, 3), 200, np.uint8)
    >>> one = np.ones((1, 1))
    >>> level = Level(*np.array([[2], [0], [9]]), one, one[0], one, icon)
    >>> picture(level, 3)[4, ::8, 3]
    array([  0,   0, 255], dtype=uint8)
    """
    size = cell_size(level, grid, largest)
    canvas = np.zeros((grid * size, grid * size, 4), np.uint8)
    for x, y, icon in zip(level.x, level.y, level.icon, strict=True):
        rows = slice(y * size, (y + 1) * size)
        columns = slice(x * size, (x + 1) * size)
        canvas[rows, columns, :3] = _scaled(icon, size)
        canvas[rows, columns, 3] = 255
    return canvas


def cell_size(level: Level, grid: int, largest: int = LARGEST) -> int:
    """Return the side of a cell in the level's picture, in px.

    Args:
        level: the cells, of which only the icons' size matters.
        grid: cells in each direction.
        largest: longest side allowed of the picture, in px.

    >>> icons = np.zeros((1, 96, 96, 3), np.uint8)
    >>> one = np.ones((1, 1))
    >>> level = Level(*np.array([[0], [0], [9]]), one, one[0], one, icons)
    >>> cell_size(level, 20), cell_size(level, 160)
    (96, 51)
    """
    return max(1, min(level.icon.shape[1], largest // grid))


def _scaled(icon: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    if icon.shape[:2] == (size, size):
        return icon
    return np.asarray(Image.fromarray(icon).resize((size, size), Image.Resampling.LANCZOS))


def _check(
    levels: Mapping[tuple[str, int], Level], class_names: Sequence[str], wnids: Sequence[str]
) -> None:
    if not levels:
        raise UserError("no levels to export: an atlas has at least one layer and one grid")
    owner: dict[str, str] = {}
    for layer, grid in levels:
        other = owner.setdefault(storage.folder_name(layer), layer)
        if other != layer:
            raise UserError(f"layers {other!r} and {layer!r} would share a file; name only one")
        classes = levels[layer, grid].attribution.shape[1]
        if len(class_names) != classes:
            raise UserError(f"{len(class_names)} class names for {classes} classes of {layer}")
    if len(wnids) not in (0, len(class_names)):
        raise UserError(f"{len(wnids)} wnids for {len(class_names)} class names")


def _experiment(record: Mapping[str, Any]) -> Mapping[str, Any]:
    found = record.get("experiment")
    return found if isinstance(found, Mapping) else {}


def _name(folder: Path, record: Mapping[str, Any]) -> str:
    return str(record.get("name") or _experiment(record).get("name") or folder.resolve().name)


def _made(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the page's footer says of how the atlas was made, line by line.

    >>> _made({"images": 9998, "experiment": {"model": "googlenet", "images": "photos", "seed": 0}})
    [('Model', 'googlenet'), ('Images', '9,998 from photos'), ('Seed', '0')]
    """
    experiment = _experiment(record)
    known = {**experiment, **record}
    images = (_text(record.get("images")), _text(experiment.get("images")))
    lines = {
        "Model": known.get("model"),
        "Weights": known.get("weights"),
        "Images": " from ".join(filter(None, images)),
        "Not readable": len(known.get("skipped") or ()) or None,
        "Activations": known.get("activations"),
        "Seed": str(known.get("seed", "")),
        "Versions": known.get("versions"),
        "Made": known.get("finished"),
        "Command": known.get("command"),
    }
    return [(name, _text(value)) for name, value in lines.items() if _text(value)]


def _text(value: Any) -> str:
    """Say a value of the record in one line.

    >>> _text({"mixed4c": 9998, "mixed4d": 9998})
    'mixed4c 9,998, mixed4d 9,998'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)


def _picture_file(layer: str, grid: int) -> str:
    return f"pictures/{storage.folder_name(layer)}-{grid}.png"


def _level_file(layer: str, grid: int) -> str:
    return f"levels/{storage.folder_name(layer)}-{grid}.npz"


def _contents(levels: Mapping[tuple[str, int], Level]) -> list[dict[str, Any]]:
    """List the layers in order, each with its grids and where their files are."""
    found: dict[str, list[dict[str, Any]]] = {}
    for (layer, grid), level in levels.items():
        found.setdefault(layer, []).append(
            {
                "grid": int(grid),
                "cells": len(level.x),
                "picture": _picture_file(layer, grid),
                "level": _level_file(layer, grid),
            }
        )
    return [{"name": layer, "grids": grids} for layer, grids in found.items()]


def _for_page(layer: str, grid: int, level: Level) -> dict[str, Any]:
    """Return what the page shows of a level, with numbers as short as they can be read."""
    classes = level.attribution.shape[1]
    highest = min(HIGHEST, classes)
    lowest = min(LOWEST, classes - highest)
    order = np.argsort(-level.attribution, axis=1, kind="stable")
    chosen = np.concatenate([order[:, :highest], order[:, classes - lowest :]], axis=1)
    effects = np.take_along_axis(level.attribution, chosen, axis=1)
    return {
        "layer": layer,
        "grid": int(grid),
        "picture": _picture_file(layer, grid),
        "cell": cell_size(level, grid),
        "highest": highest,
        "x": level.x.tolist(),
        "y": level.y.tolist(),
        "count": level.count.tolist(),
        "cosine": [_short(value, ".3f") for value in level.cosine],
        "classes": chosen.tolist(),
        # Significant digits, not decimals: an untrained network's effects are tiny, yet not zero.
        "effects": [[_short(value, ".3g") for value in row] for row in effects],
    }


def _short(value: Any, digits: str) -> float | None:
    """Round; None where there is no number, which JSON cannot hold."""
    return float(format(float(value), digits)) if np.isfinite(value) else None


def _json(value: Any, **layout: Any) -> str:
    r"""Write JSON in ASCII, safe inside a script element.

    ASCII also holds file names that are not valid UTF-8, which a text file would refuse.

    >>> _json("</script>")
    '"\\u003c/script>"'
    """
    return json.dumps(value, **layout).replace("<", "\\u003c")
