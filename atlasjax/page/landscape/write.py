"""Write: surfaces in, a folder out whose page opens in a browser.

People open `index.html`, straight from disk. Research code reads `landscape.npz`, papers take
`figures/`.
"""

from pathlib import Path
from typing import Any

import numpy as np

from atlasjax.errors import UserError
from atlasjax.page.data import packed, script
from atlasjax.page.export import copy_page
from atlasjax.page.landscape.contents import Contents, Shown
from atlasjax.page.landscape.figures import write_figures
from atlasjax.page.record import made_of
from atlasjax.runs.open import INDEX
from atlasjax.storage import artifacts

LANDSCAPE_FORMAT = 1  # of landscape.js
PAGE = {
    "viewer.css": "viewer.css",
    "landscape.css": "landscape.css",
    "landscape.js": "landscape.js",
    "landscape.html": "index.html",
}


def write(folder: Path, contents: Contents) -> Path:
    """Write the page of loss surfaces, with every figure and every number.

    Args:
        folder: where it goes; it is made if need be. `index.html` is written last.
        contents: what is shown.

    Returns:
        The page, `folder / "index.html"`.

    Raises:
        UserError: no surface, surfaces of different numbers of directions, or a folder that holds
            an atlas.
    """
    folder = Path(folder)
    if len({len(one.axes) for one in contents.surfaces}) != 1:
        raise UserError("a page has at least one surface, and all of as many directions")
    if (folder / INDEX).is_file():
        raise UserError(f"{folder} holds an atlas: give another folder")
    (folder / "index.html").unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with artifacts.atomic(folder / "landscape.npz") as temporary:
        np.savez(temporary, **arrays(contents))
    drawn = write_figures(folder / "figures", contents)
    artifacts.write_text(folder / "data.js", script(_index(contents, drawn)))
    copy_page(folder, PAGE)
    return folder / "index.html"


def arrays(contents: Contents) -> dict[str, Any]:
    """Return every number of a page: of each surface under its number, `0.loss` and so on."""
    found: dict[str, Any] = {}
    for i, one in enumerate(contents.surfaces):
        parts = {"name": np.array(one.name), **one.surface._asdict()}
        if one.path is not None:
            parts |= {f"path.{name}": np.array(v) for name, v in one.path._asdict().items()}
        if one.curvature is not None:
            parts |= {f"curvature.{name}": v for name, v in one.curvature._asdict().items()}
        for name, value in parts.items():
            if not name.endswith("coordinates") or name.startswith("path"):
                found[f"{i}.{name}"] = value
            else:
                found |= {f"{i}.{name}.{k}": places for k, places in enumerate(value)}
    return found


def _index(contents: Contents, figures: list[str]) -> dict[str, Any]:
    return {
        "format": LANDSCAPE_FORMAT,
        "surfaces": [_shown(one) for one in contents.surfaces],
        "figures": figures,
        "made": made_of(contents.record),
        "record": dict(contents.record),
        "notes": list(contents.notes),
    }


def _shown(one: Shown) -> dict[str, Any]:
    """Return what the page needs of a surface; what is not finite is no number there as well."""
    path = one.path
    return {
        "name": one.name,
        "axes": list(one.axes),
        "places": [packed(places, "<f4") for places in one.surface.coordinates],
        "loss": packed(one.surface.loss, "<f4"),
        "accuracy": packed(one.surface.accuracy, "<f4"),
        "path": None
        if path is None
        else {
            "at": packed(path.coordinates, "<f4"),
            "loss": packed(path.loss, "<f4"),
            "accuracy": packed(path.accuracy, "<f4"),
            "aside": packed(path.aside, "<f4"),
            "names": list(path.names),
        },
        "curvature": None
        if one.curvature is None
        else {
            "places": [packed(places, "<f4") for places in one.curvature.coordinates],
            "ratio": packed(one.curvature.ratio, "<f4"),
        },
    }
