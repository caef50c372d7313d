"""What the one-liners read and write: pictures, directions, and a gallery as a sheet."""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from atlasjax.data.decode import pixels, shown
from atlasjax.data.protocol import UnreadableImage
from atlasjax.data.ranges import AUTO, ValueRange, checked, ends_of, narrow, span_of
from atlasjax.errors import UserError, nearest
from atlasjax.storage import artifacts
from atlasjax.storage.places import expanded
from atlasjax.vis.gallery import Gallery
from atlasjax.vis.sheet import sheet, to_bytes


def read_image(
    path: str | Path,
    range: ValueRange | None = None,
    note: Callable[[str], Any] = warnings.warn,
) -> UInt8[np.ndarray, "h w c"]:
    """Read an image file; see `atlasjax.data.decode`.

    Args:
        path: the file.
        range: the values that become black and white; "auto" for those that it has, but for a
            thousandth at either end; by default what its type says.
        note: called with a line where the values are few of those that there could be.

    Raises:
        UserError: there is no such file, or it is no image.

    >>> read_image("no/such.png")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no file 'no/such.png'
    """
    wanted = checked(range)
    try:
        values = pixels(_existing(path).read_bytes(), str(path)).values
        image = shown(values, str(path), ends_of([values]) if wanted == AUTO else wanted)
    except UnreadableImage as error:
        raise UserError(f"not an image that can be read: {error}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    line = narrow(span_of(values)) if wanted is None else None
    if line is not None:
        note(f"{path}: {line}")
    return image


def read_directions(
    paths: Sequence[str | Path],
) -> tuple[Float[np.ndarray, "n c"], tuple[str, ...]]:
    """Read directions for `directions`, and name them after their files.

    Args:
        paths: .npy files, each of one direction [c] or several [n, c].

    Returns:
        All directions in their order, and a caption for each.

    Raises:
        UserError: a file that is absent, of another kind, or of other directions.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/edge.npy", np.ones(4))
    ...     found = read_directions([f"{folder}/edge.npy"])
    >>> found[0].shape, found[1]
    ((1, 4), ('edge',))
    """
    parts: list[np.ndarray] = []
    captions: list[str] = []
    for path in map(_existing, paths):
        try:
            rows = np.atleast_2d(np.load(path, allow_pickle=False)).astype(np.float32)
        except (ValueError, TypeError, AttributeError, OSError, EOFError):
            raise UserError(f"{path}: not a .npy file of numbers") from None
        if rows.ndim != 2 or not rows.size:
            raise UserError(f"{path}: shape {list(rows.shape)}; must be [c], or [n, c]")
        if parts and rows.shape[1] != parts[0].shape[1]:
            raise UserError(
                f"{path}: directions of {rows.shape[1]} values, but those before have "
                f"{parts[0].shape[1]}"
            )
        parts.append(rows)
        captions += [path.stem if len(rows) == 1 else f"{path.stem} {i}" for i in range(len(rows))]
    return np.concatenate(parts), tuple(captions)


def save(gallery: Gallery, page: str | Path, record: Mapping[str, Any], footer: str = "") -> Path:
    """Write a gallery: the sheet, a folder of its pictures, and a record beside it.

    Args:
        gallery: what was drawn.
        page: the sheet's file, NAME.png. The pictures go to the folder NAME, the record to
            NAME.json; what is there is replaced.
        record: how they were made, as JSON can hold it; what each reached is added.
        footer: see `sheet`.

    Returns:
        The sheet's whole path.

    Raises:
        UserError: a file of another kind, or a place that cannot be written to.

    >>> import tempfile
    >>> one = Gallery(np.zeros((1, 8, 8, 3)), np.ones(1), ("7",), "cosine", "mixed4a")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = save(one, f"{folder}/seven.png", {"seed": 0})
    ...     sorted(p.name for p in page.parent.rglob("*.*"))
    ['000-7.png', 'seven.json', 'seven.png']
    """
    page = checked_page(page)
    made = []
    for i, caption in enumerate(gallery.captions):
        path = page.with_suffix("") / f"{i:03}-{plain(caption)}.png"
        _picture(path, to_bytes(gallery.images[i]))
        value = float(gallery.reached[i])
        reached = value if np.isfinite(value) else None  # JSON has no NaN
        made.append({"file": path.name, "caption": caption, "reached": reached})
        if gallery.notes and gallery.notes[i]:
            made[-1]["note"] = gallery.notes[i]
    _picture(page, sheet(gallery, footer))
    whole = {**record, "title": gallery.title, "measure": gallery.measure, "pictures": made}
    artifacts.write_json(page.with_suffix(".json"), whole)
    return page


def checked_page(page: str | Path) -> Path:
    """Return a sheet's whole path; refuse one of another kind, or that cannot be written to.

    >>> checked_page("sheet.jpg")
    Traceback (most recent call last):
    atlasjax.errors.UserError: the sheet 'sheet.jpg': must end in .png
    """
    path = expanded(page)
    if path.suffix.lower() != ".png":
        raise UserError(f"the sheet {str(page)!r}: must end in .png")
    return artifacts.make_run_folder(path.parent) / path.name


def plain(*parts: Any) -> str:
    """Return a file name made of words and numbers.

    >>> plain("googlenet", "mixed4a/3x3", "0:16", "great white shark")
    'googlenet-mixed4a-3x3-0-16-great-white-shark'
    """
    return re.sub(r"[^\w.]+", "-", "-".join(map(str, parts))).strip("-.")


def _picture(path: Path, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    with artifacts.atomic(path) as temporary:
        Image.fromarray(pixels).save(temporary, "PNG")


def _existing(name: str | Path) -> Path:
    path = expanded(name)
    if path.is_file():
        return path
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    close = [str(path.parent / found) for found in nearest(path.name, beside)]
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    raise UserError(f"no file {str(name)!r}{hint}")
