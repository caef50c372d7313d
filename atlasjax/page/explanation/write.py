"""Write: an explanation in, a folder out whose page opens in a browser.

People open `index.html`, straight from disk: a page read from disk may fetch nothing, so all that
it needs comes as pictures and classic scripts. Research code reads `arrays/`, papers take
`figures/`.
"""

import re
import shutil
from pathlib import Path
from typing import Any

from atlasjax.classes import ClassName, short_names
from atlasjax.errors import UserError
from atlasjax.page.data import of_script, script
from atlasjax.page.explanation.arrays import write_arrays
from atlasjax.page.explanation.contents import Explanation, Picture
from atlasjax.page.explanation.data import picture_data, target_data
from atlasjax.page.explanation.figures import write_figures
from atlasjax.page.explanation.pictures import write_pictures
from atlasjax.page.export import copy_page
from atlasjax.page.record import made_of
from atlasjax.progress import bar
from atlasjax.runs.open import INDEX
from atlasjax.storage import artifacts

EXPLANATION_FORMAT = 1  # of explanation.js and of the files it names
PAGE = {
    "viewer.css": "viewer.css",
    "explain.css": "explain.css",
    "explain.js": "explain.js",
    "explain.html": "index.html",
}
STEM = re.compile(r"[0-9]+(-[A-Za-z0-9_-]+)?")


def write(folder: Path, explanation: Explanation, *, figures: bool = True) -> Path:
    """Write the page of explained images, with every figure and every number.

    `index.html` is written last: a folder that has one is complete.

    Args:
        folder: where it goes; it is made if need be. What is of an earlier explanation goes, and
            nothing else does.
        explanation: the images and what explains the answers to them.
        figures: whether to draw the figures as PNG and SVG, which takes most of the time.

    Returns:
        The page, `folder / "index.html"`.

    Raises:
        UserError: no images, no targets, or a folder that holds an atlas.
    """
    folder = Path(folder)
    if not explanation.pictures or not explanation.targets:
        raise UserError("nothing to show: an explanation has at least one image and one target")
    if (folder / INDEX).is_file():
        raise UserError(f"{folder} holds an atlas: give another folder")
    _remove_earlier(folder)
    shown = []
    with bar("page", "images") as progress:
        for number, picture in enumerate(explanation.pictures):
            shown.append(_write_picture(folder, explanation, picture, number, figures))
            progress(number + 1, len(explanation.pictures))
    artifacts.write_text(folder / "explanation.js", script(_index(explanation, shown)))
    copy_page(folder, PAGE)
    return folder / "index.html"


def _remove_earlier(folder: Path) -> None:
    """Remove the files of an earlier explanation, and nothing that it did not write."""
    index = folder / "explanation.js"
    (folder / "index.html").unlink(missing_ok=True)
    try:
        stems = [
            str(picture["stem"]) for picture in of_script(index.read_text("ascii"))["pictures"]
        ]
    except (OSError, ValueError, LookupError, TypeError):
        return  # there is none, or it does not say what it wrote
    for stem in filter(STEM.fullmatch, stems):
        shutil.rmtree(folder / "sprites" / stem, ignore_errors=True)
        shutil.rmtree(folder / "figures" / stem, ignore_errors=True)
        for path in (folder / "data").glob(f"{stem}*.js"):
            if re.fullmatch(rf"{stem}(-[0-9]+)?[.]js", path.name):
                path.unlink()
        (folder / "arrays" / f"{stem}.npz").unlink(missing_ok=True)
    index.unlink()


def _index(explanation: Explanation, shown: list[dict[str, Any]]) -> dict[str, Any]:
    named = [ClassName("", name) for name in explanation.class_names]
    return {
        "format": EXPLANATION_FORMAT,
        "pictures": shown,
        "targets": list(explanation.targets),
        "target_classes": [int(index) for index in explanation.target_classes],
        "class_names": list(explanation.class_names),
        "short_names": list(explanation.short_names or short_names(named)),
        "default_method": explanation.default_method,
        "made": made_of(explanation.record),
        "record": dict(explanation.record),
        "notes": list(explanation.notes),
        "run": None if explanation.run is None else list(explanation.run),
    }


def _write_picture(
    folder: Path, explanation: Explanation, picture: Picture, number: int, figures: bool
) -> dict[str, Any]:
    """Write what is of one image; return what the page needs to find it."""
    stem = file_stem(number, picture.name)
    write_pictures(folder / "sprites" / stem, picture)
    write_arrays(folder / "arrays" / f"{stem}.npz", explanation, picture)
    artifacts.write_text(folder / "data" / f"{stem}.js", script(picture_data(picture)))
    for target in range(len(explanation.targets)):
        path = folder / "data" / f"{stem}-{target}.js"
        artifacts.write_text(path, script(target_data(picture, target)))
    drawn = write_figures(folder / "figures" / stem, explanation, picture) if figures else []
    height, width = picture.image.shape[:2]
    return {
        "name": picture.name,
        "stem": stem,
        "label": picture.label,
        "width": width,
        "height": height,
        "figures": drawn,
    }


def file_stem(number: int, name: str) -> str:
    """Return what an image's files are called: its number, and what of its name is safe in a path.

    >>> file_stem(0, "photos/my dog #1.jpg"), file_stem(1, "\u732b")
    ('0-my-dog-1', '1')
    """
    last = re.split(r"[/\\]", name)[-1].rsplit(".", 1)[0]
    safe = re.sub(r"[^A-Za-z0-9_]+", "-", last).strip("-")[:40]
    return f"{number}-{safe}" if safe else str(number)
