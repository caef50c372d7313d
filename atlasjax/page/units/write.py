"""Write: a site of units in, a folder out whose page opens in a browser.

People open `index.html`, straight from disk: a page read from disk may fetch nothing, so all that
it needs comes as pictures and classic scripts. The index, `site.js`, is short and read first; what
is of single units is read when they are looked at. Research code reads `arrays/`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atlasjax.errors import UserError
from atlasjax.page.data import of_script, script
from atlasjax.page.export import copy_page
from atlasjax.page.record import made_of
from atlasjax.page.units.arrays import write_arrays
from atlasjax.page.units.contents import UnitLayer, UnitSite
from atlasjax.page.units.data import CHUNK, layer_data, layer_order, unit_data
from atlasjax.page.units.pictures import digest, shot_size, write_sheets, write_unit
from atlasjax.progress import bar
from atlasjax.runs.open import INDEX
from atlasjax.storage import artifacts

UNITS_FORMAT = 1  # of site.js and of the files it names
PAGE = {
    "viewer.css": "viewer.css",
    "units.css": "units.css",
    "units.js": "units.js",
    "units.html": "index.html",
}
MADE = "made.json"  # which pictures a folder has, so that those of a stopped writing are kept


def write(folder: Path, site: UnitSite) -> Path:
    """Write the site of a network's units.

    A site can be written again with other units, layers or names: pictures that are the same stay,
    what the earlier one had and this one has not goes, and nothing else does. `index.html` is
    written last: a folder that has one is complete.

    Args:
        folder: where it goes; it is made if need be.
        site: what is shown.

    Returns:
        The page, `folder / "index.html"`.

    Raises:
        UserError: no units, layers or units that come twice, layers whose files would have the same
            name, lengths that do not match, or a folder that holds an atlas.
    """
    folder = Path(folder)
    check(site)
    if (folder / INDEX).is_file():
        raise UserError(f"{folder} holds an atlas: give another folder")
    (folder / "index.html").unlink(missing_ok=True)
    written: set[Path] = set()
    total, done = sum(len(layer.number) for layer in site.layers), 0
    with bar("page", "units") as progress:
        for layer in site.layers:
            for count in _write_layer(folder, site, layer, written):
                done += count
                progress(done, total)
    _remove_earlier(folder, written)
    artifacts.write_text(folder / "site.js", script(_index(site)))
    copy_page(folder, PAGE)
    return folder / "index.html"


def check(site: UnitSite) -> None:
    """Refuse what cannot be shown.

    Args:
        site: what is to be shown.

    Raises:
        UserError: see `write`.
    """
    if not any(len(layer.number) for layer in site.layers):
        raise UserError("nothing to show: a site has at least one layer of at least one unit")
    owner: dict[str, str] = {}
    for layer in site.layers:
        stem = artifacts.folder_name(layer.name)
        if stem in owner:
            raise UserError(f"layers {owner[stem]!r} and {layer.name!r} would share a file")
        owner[stem] = layer.name
        numbers = [int(number) for number in layer.number]
        if len(set(numbers)) < len(numbers):
            raise UserError(f"units of {layer.name} come twice")
        for name, length in _lengths(layer).items():
            if length != len(numbers):
                raise UserError(f"{name} of {length} units for {len(numbers)} of {layer.name}")
    if len(site.short_names) != len(site.class_names):
        raise UserError(f"{len(site.short_names)} short names for {len(site.class_names)} classes")


def _lengths(layer: UnitLayer) -> dict[str, int]:
    single = ("icon", "negative", "diverse", "histogram", "bins", "fires", "classes")
    there = {name: value for name in single if (value := getattr(layer, name)) is not None}
    there |= {one.title: one.patch for one in layer.patches}
    there |= {one.title: one.answer for one in layer.tuning}
    there |= {f"edges from {one.layer}": one.unit for one in layer.inputs}
    there |= {f"edges to {one.layer}": one.unit for one in layer.outputs}
    found = {name: len(value) for name, value in there.items()}
    return found | ({"branches": len(layer.branch)} if layer.branch else {})


def _write_layer(
    folder: Path, site: UnitSite, layer: UnitLayer, written: set[Path]
) -> Iterator[int]:
    """Write a layer, some units at a time; yield how many."""
    stem = artifacts.folder_name(layer.name)
    sprites = folder / "sprites" / stem
    written |= {folder / "arrays" / f"{stem}.npz", sprites / MADE, *write_sheets(sprites, layer)}
    write_arrays(folder / "arrays" / f"{stem}.npz", layer, site.class_names)
    shown = {str(number) for number in layer.number}
    made = {unit: held for unit, held in _made(sprites / MADE).items() if unit in shown}
    for first in range(0, len(layer.number), CHUNK):
        units = range(first, min(first + CHUNK, len(layer.number)))
        for at in units:
            written |= {*_write_pictures(sprites, layer, at, made)}
        artifacts.write_json(sprites / MADE, made)
        path = folder / "data" / f"{stem}-{first // CHUNK}.js"
        held = [unit_data(layer, at, len(site.class_names)) for at in units]
        artifacts.write_text(path, script(held))
        written.add(path)
        yield len(units)


def _write_pictures(sprites: Path, layer: UnitLayer, at: int, made: dict[str, Any]) -> list[Path]:
    """Write a unit's pictures, unless they are there and the same."""
    if not (layer.patches or shot_size(layer)):
        return []
    number, held = str(layer.number[at]), digest(layer, at)
    before = made.get(number, {})
    paths = [sprites / name for name in before.get("files", ())]
    if before.get("digest") == held and all(path.is_file() for path in paths):
        return paths
    paths = write_unit(sprites, layer, at)
    made[number] = {"digest": held, "files": [path.name for path in paths]}
    return paths


def _made(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # there is none, or it is damaged: all are made anew
    return found if isinstance(found, dict) else {}


def _remove_earlier(folder: Path, written: set[Path]) -> None:
    """Remove what an earlier site wrote and this one did not, and nothing that is not a site's."""
    try:
        earlier = of_script((folder / "site.js").read_text("ascii"))
        stems = [str(layer["stem"]) for layer in earlier["layers"]]
    except (OSError, ValueError, LookupError, TypeError):
        return  # there is none, or it does not say what it wrote
    for stem in stems:
        if artifacts.folder_name(stem) != stem or stem.startswith("."):
            continue  # no site's
        there = [folder / "arrays" / f"{stem}.npz", *(folder / "sprites" / stem).glob("*.webp")]
        there += [folder / "sprites" / stem / MADE]
        there += [
            path
            for path in (folder / "data").glob("*.js")
            if path.stem.rpartition("-")[0] == stem and path.stem.rpartition("-")[2].isdigit()
        ]
        for path in set(there) - written:
            path.unlink(missing_ok=True)
        sprites = folder / "sprites" / stem
        if sprites.is_dir() and not any(sprites.iterdir()):
            sprites.rmdir()


def _index(site: UnitSite) -> dict[str, Any]:
    classes = len(site.class_names)
    return {
        "format": UNITS_FORMAT,
        "layers": [layer_data(layer, classes) for layer in site.layers],
        "order": layer_order(site),
        "class_names": list(site.class_names),
        "short_names": list(site.short_names),
        "made": made_of(site.record),
        "record": dict(site.record),
        "notes": list(site.notes),
    }
