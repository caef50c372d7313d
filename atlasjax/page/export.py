"""Export: finished levels in, a folder that opens in a browser and from Python out.

Three readers share the folder. People open `index.html`, straight from disk, so everything the page
needs comes as pictures and classic scripts: a page read from disk may fetch nothing. Programs read
`atlas.json`. Research code reads `levels/` with every array in full; see `runs.open`.
"""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from atlasjax.atlas.level import Level
from atlasjax.classes import NO_CLASSES, ClassName, short_names
from atlasjax.errors import UserError, unknown
from atlasjax.page import data as page_data
from atlasjax.page import explained
from atlasjax.page.pictures import LARGE, SHEET, SMALL, cell_size, picture, sheets, strips
from atlasjax.page.record import experiment_of, made_of
from atlasjax.progress import bar
from atlasjax.runs.open import FORMAT, INDEX
from atlasjax.storage import artifacts, sums
from atlasjax.storage.remedy import RECORD

PAGE_FORMAT = 2  # of atlas.js and of the files it names
PAGE = ("viewer.css", "viewer.js", "index.html")
KINDS = {"atlas": 0, "class": 1, "comparison": 2}  # and how many classes each is of
REPORT = "report.html"
BESIDE = (REPORT, "report.json", "plan.json")  # what is written before the page
QUALITY = 82  # of WebP, 0 to 100: the 64 px icon is about 1.8 KB


def export(
    folder: Path,
    levels: Mapping[tuple[str, int], Level],
    record: Mapping[str, Any],
    class_names: Sequence[str],
    wnids: Sequence[str] = (),
    *,
    examples: Mapping[tuple[str, int], UInt8[np.ndarray, "cells k h w c"]] | None = None,
    example_images: Mapping[tuple[str, int], Int[np.ndarray, "_ _"]] | None = None,
    kind: str = "atlas",
    classes: Sequence[int] = (),
    related: Iterable[tuple[str, str]] = (),
    opens: str | None = None,
) -> Path:
    """Write an atlas into its run folder: pictures, arrays and the page that shows them.

    `atlas.json` is written last: a folder that has one is complete. Where the folder holds a
    `report.html` already, the page links it.

    Args:
        folder: the run folder; it is made if need be.
        levels: by layer and grid, in the order in which they are shown.
        record: how the atlas was made, as JSON can hold it. The page knows `name`, `experiment`
            (see `runs.experiment.as_json`), `command`, `images` (how many), `activations` (how
            many, by layer), `skipped` (a list), `versions` (by package), `finished` and `aligned`
            (whether a place means the same in every layer, so that the page keeps it); each may be
            absent,
            and whatever else is there is shown as it is.
        class_names: one for each logit; none where the network has no classes.
        wnids: WordNet ids of the classes, or nothing.
        examples: parts of real images that each cell's activations come from, by layer and grid,
            about 64 px; black ones count as absent, unless `example_images` tells.
        example_images: which image each of these parts is of, [cells, k]: its number in the run's
            images, -1 where there is none.
        kind: `"atlas"`, of all images; `"class"`, of those of one class; or `"comparison"`, of two,
            with what speaks for the second on the right.
        classes: indices of the classes that the map is of: none, one or two, as the kind has it.
        related: other maps of the run, each with its title and its address relative to this folder.
        opens: the layer that the page shows at first; the first one by default.

    Returns:
        The page, `folder / "index.html"`.

    Raises:
        UserError: no levels, two layers whose files would have the same name, names of classes or
            examples that do not match the levels, or a kind, class or address that cannot be.

    >>> import tempfile
    >>> one = np.array([0])
    >>> icon = np.zeros((1, 8, 8, 3), np.uint8)
    >>> level = Level(one, one, one + 9, np.ones((1, 4)), np.ones(1), np.ones((1, 2)), icon)
    >>> with tempfile.TemporaryDirectory() as run:
    ...     page = export(Path(run), {("mixed4a/3x3", 1): level}, {}, ["cat", "dog"])
    ...     sorted(p.name for p in page.parent.rglob("*-1.*"))
    ['mixed4a-3x3-1.js', 'mixed4a-3x3-1.npz', 'mixed4a-3x3-1.png']
    """
    folder = Path(folder)
    examples, related = examples or {}, [(str(title), str(href)) for title, href in related]
    _check(levels, class_names, wnids)
    example_images = example_images or {}
    _check_extras(levels, class_names, examples, kind, classes, related)
    _check_images(examples, example_images)
    sums.forget(folder, set(sums.kept(folder)) - set(BESIDE))
    shown = []
    with bar("export", "cells") as progress:
        total, done = sum(len(level.x) for level in levels.values()), 0
        for (layer, grid), level in levels.items():
            parts = examples.get((layer, grid)), example_images.get((layer, grid))
            shown.append(_write_level(folder, layer, grid, level, *parts))
            done += len(level.x)
            progress(done, total)
    shared = {
        "name": _name(folder, record),
        "kind": kind,
        "classes": [int(index) for index in classes],
        "class_names": list(class_names),
        "wnids": list(wnids),
    }
    page = {
        "format": PAGE_FORMAT,
        **shared,
        "short_names": _short(class_names, wnids),
        "levels": shown,
        "opens": opens,
        "aligned": bool(record.get("aligned")),
        "related": related,
        "report": REPORT if (folder / REPORT).is_file() else None,
        "explained": explained.FILE,
        "made": [*made_of(record), *_colours(levels.values())],
        "record": dict(record),
    }
    explained.keep(folder)
    artifacts.write_text(folder / "atlas.js", page_data.script(page))
    write_page(folder)
    index = {"format": FORMAT, **shared, "layers": _contents(levels), "record": dict(record)}
    artifacts.write_text(folder / INDEX, page_data.as_json(index, indent=2) + "\n", lasting=True)
    sums.keep(folder, _written(folder))
    return folder / "index.html"


def _written(folder: Path) -> Iterable[Path]:
    """Give what a page consists of, but for arrays, which have their checksums themselves."""
    for name in (*PAGE, "atlas.js", INDEX, explained.FILE, RECORD, *BESIDE):
        yield folder / name
    for place in ("pictures", "sprites", "data"):
        yield from (path for path in (folder / place).rglob("*") if path.is_file())


def _short(class_names: Sequence[str], wnids: Sequence[str]) -> list[str]:
    ids = wnids or [""] * len(class_names)
    return list(short_names([ClassName(*one) for one in zip(ids, class_names, strict=True)]))


def write_page(folder: Path) -> None:
    """Write the page itself, which is the same for every atlas."""
    copy_page(folder, {name: name for name in PAGE})


def copy_page(folder: Path, files: Mapping[str, str]) -> None:
    """Copy files of a page out of the package, each whole or not at all.

    Args:
        folder: where they go.
        files: what each is called there, by its name in the package; the page itself last.
    """
    for name, there in files.items():
        source = resources.files("atlasjax").joinpath("viewer", name)
        artifacts.write_text(folder / there, source.read_text(encoding="utf-8"))


def _write_level(
    folder: Path,
    layer: str,
    grid: int,
    level: Level,
    patches: np.ndarray | None,
    images: np.ndarray | None,
) -> dict[str, Any]:
    """Write a level's picture, arrays, sheets and data; return what the page needs to find them."""
    name = f"{artifacts.folder_name(layer)}-{grid}"
    with artifacts.atomic(folder / _picture_file(layer, grid)) as temporary:
        # Icons hardly compress: a higher level takes several times as long for a few percent.
        Image.fromarray(picture(level, grid)).save(temporary, "PNG", compress_level=2)
    artifacts.save(folder / _level_file(layer, grid), level, "level")

    sprites = folder / "sprites" / name
    shutil.rmtree(sprites, ignore_errors=True)  # those of an earlier export may be at other places
    size = level.icon.shape[1]
    small = min(SMALL, size)
    large = min(LARGE, size)
    overview = picture(level, grid, largest=SHEET)
    _webp(sprites / "all.webp", overview)
    found = None
    if patches is not None:
        seen = (patches.reshape(*patches.shape[:2], -1) > 0).any(-1)
        found = (seen if images is None else images >= 0).sum(1)
        for number, sheet in enumerate(strips(patches)):
            _webp(sprites / f"patches-{number}.webp", sheet)
    shown = page_data.level_data(level, grid, found, images)
    artifacts.write_text(folder / "data" / f"{name}.js", page_data.script(shown))
    for number, chunk in enumerate(page_data.effect_chunks(level)):
        artifacts.write_text(folder / "data" / f"{name}-{number}.js", page_data.script(chunk))
    return {
        "layer": layer,
        "grid": int(grid),
        "name": name,
        "cells": len(level.x),
        "activations": int(level.count.sum()),
        "picture": _picture_file(layer, grid),
        "overview": cell_size(level, grid, SHEET),
        "small": _write_sheets(sprites, "small", level, small),
        "large": _write_sheets(sprites, "large", level, large) if large > small else None,
        "patches": None if patches is None else [*map(int, patches.shape[1:4])],
        "chunk": page_data.chunk_size(level),
    }


def _write_sheets(folder: Path, name: str, level: Level, size: int) -> dict[str, Any]:
    places = []
    for sheet in sheets(level, size):
        _webp(folder / f"{name}-{sheet.column}-{sheet.row}.webp", sheet.image)
        places.append((sheet.column, sheet.row))
    return {"size": size, "sheets": places}


def _webp(path: Path, image: UInt8[np.ndarray, "h w channels"]) -> None:
    with artifacts.atomic(path) as temporary:
        Image.fromarray(image).save(temporary, "WEBP", quality=QUALITY, method=2)


def _check_extras(
    levels: Mapping[tuple[str, int], Level],
    class_names: Sequence[str],
    examples: Mapping[tuple[str, int], np.ndarray],
    kind: str,
    classes: Sequence[int],
    related: Sequence[tuple[str, str]],
) -> None:
    if kind not in KINDS:
        raise unknown("kind of atlas", kind, KINDS)
    if len(classes) != KINDS[kind]:
        raise UserError(f"{len(classes)} classes for kind {kind!r}: it is of {KINDS[kind]}")
    if classes and not class_names:
        raise UserError(f"kind {kind!r}: {NO_CLASSES}")
    for index in classes:
        if not 0 <= index < len(class_names):
            raise UserError(f"class {index}: must be from 0 to {len(class_names) - 1}")
    for (layer, grid), patches in examples.items():
        if (layer, grid) not in levels:
            raise UserError(f"examples of {layer} at grid {grid}, which is not among the levels")
        cells = len(levels[layer, grid].x)
        if len(patches) != cells:
            raise UserError(f"examples of {len(patches)} cells for {cells} of {layer} at {grid}")
        if max(patches.shape[2:4]) > SHEET:
            raise UserError(f"examples of {patches.shape[2]} x {patches.shape[3]} px: at most 1024")
    for title, href in related:
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|[/\\]", href):
            raise UserError(f"address {href!r} of {title!r}: must be relative to the run folder")


def _check_images(
    examples: Mapping[tuple[str, int], np.ndarray],
    images: Mapping[tuple[str, int], np.ndarray],
) -> None:
    for (layer, grid), numbers in images.items():
        if (layer, grid) not in examples:
            raise UserError(f"images of examples of {layer} at grid {grid}, which has no examples")
        needed = examples[layer, grid].shape[:2]
        if numbers.shape != needed:
            raise UserError(f"images {numbers.shape} of examples {needed} of {layer} at {grid}")


def _check(
    levels: Mapping[tuple[str, int], Level], class_names: Sequence[str], wnids: Sequence[str]
) -> None:
    if not levels:
        raise UserError("no levels to export: an atlas has at least one layer and one grid")
    owner: dict[str, str] = {}
    for layer, grid in levels:
        other = owner.setdefault(artifacts.folder_name(layer), layer)
        if other != layer:
            raise UserError(f"layers {other!r} and {layer!r} would share a file; name only one")
        classes = levels[layer, grid].attribution.shape[1]
        if len(class_names) != classes:
            raise UserError(f"{len(class_names)} class names for {classes} classes of {layer}")
    if len(wnids) not in (0, len(class_names)):
        raise UserError(f"{len(wnids)} wnids for {len(class_names)} class names")


def _name(folder: Path, record: Mapping[str, Any]) -> str:
    return str(record.get("name") or experiment_of(record).get("name") or folder.resolve().name)


def _colours(levels: Iterable[Level]) -> list[tuple[str, str]]:
    """Return the line of the footer that says so where colours are false.

    >>> icon, empty = np.zeros((1, 8, 8, 5), np.uint8), np.zeros(1)
    >>> _colours([Level(*[empty] * 6, icon)])
    [('Colours', 'false, of 5 channels')]
    """
    found = sorted({level.icon.shape[-1] for level in levels} - {1, 3})
    return [("Colours", f"false, of {' and '.join(map(str, found))} channels")] if found else []


def _picture_file(layer: str, grid: int) -> str:
    return f"pictures/{artifacts.folder_name(layer)}-{grid}.png"


def _level_file(layer: str, grid: int) -> str:
    return f"levels/{artifacts.folder_name(layer)}-{grid}.npz"


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
