"""Single file: a finished run's page with all it shows, in one HTML that can be mailed.

The page of a run folder is the same page; there its files lie beside it, here they are inside.
"""

import base64
import json
import os
from collections.abc import Iterator
from html import escape
from importlib import resources
from pathlib import Path
from typing import IO, Any

from atlasjax.errors import UserError
from atlasjax.page import data as page_data
from atlasjax.progress import bar
from atlasjax.runs.open import finished_run
from atlasjax.storage import artifacts, sums
from atlasjax.storage.remedy import damaged


def single_file(run_dir: str | os.PathLike, out: str | os.PathLike, *, light: bool = False) -> Path:
    """Write a finished run's page into one file that needs no other.

    Args:
        run_dir: the run folder.
        out: the file to write, ending in `.html`.
        light: whether to leave out the large icons, so that the file is about a third as large and
            icons are blurred from near by.

    Returns:
        The file.

    Raises:
        UserError: no finished run there, a file of the page that is missing, or a file that cannot
            be written.

    >>> single_file("runs/none/at/all", "one.html")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    folder, out = finished_run(run_dir), Path(out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{str(out)!r}: the single file is a page, and must end in .html")
    index = _index(folder)
    if light:
        for level in index["levels"]:
            level["large"] = None
    # These lie in the run folder and beside it, not in this file.
    index |= {"related": [], "report": None, "explained": None}
    paths = list(_files(index))
    for name in sums.changed(folder, paths):
        raise damaged(folder / name)
    try:
        with (
            artifacts.atomic(out) as temporary,
            temporary.open("w", encoding="utf-8") as file,
            bar("single file", "files") as progress,
        ):
            file.write(_head(index["name"]))
            _embed(file, "atlas.js", page_data.as_json(index))
            for done, path in enumerate(paths):
                _embed(file, path, _content(folder / path))
                progress(done + 1, len(paths))
            file.write(f"<script>{_asset('viewer.js')}</script>\n</body>\n</html>\n")
    except OSError as error:
        where = error.filename or out
        raise UserError(f"{where}: {error.strerror or error}") from None
    return out


def _index(folder: Path) -> dict[str, Any]:
    path = folder / "atlas.js"
    try:
        if not sums.changed(folder, [path.name]):
            return read_script(path)
    except (OSError, ValueError):
        pass
    raise damaged(path)


def read_script(path: Path) -> Any:
    """Return the value that a file of page data holds.

    Args:
        path: a file that `page_data.script` wrote.

    Raises:
        ValueError: it is no such file.
        OSError: it cannot be read.
    """
    text = path.read_text(encoding="ascii")
    before, after = page_data.BEFORE, page_data.AFTER
    if not (text.startswith(before) and text.endswith(after)):
        raise ValueError(f"{path} is no file of page data")
    return json.loads(text[len(before) : -len(after)])


def _files(index: dict[str, Any]) -> Iterator[str]:
    """Name every file that the page may ask for, but the first."""
    classes = len(index["class_names"])
    for level in index["levels"]:
        name = level["name"]
        yield f"data/{name}.js"
        yield from (f"data/{name}-{i}.js" for i in range(-(-classes // level["chunk"])))
        yield f"sprites/{name}/all.webp"
        for kind in ("small", "large"):
            for column, row in (level[kind] or {"sheets": []})["sheets"]:
                yield f"sprites/{name}/{kind}-{column}-{row}.webp"
        if level["patches"]:
            k, height, width = level["patches"]
            sheet = (1024 // width) * max(1, 1024 // height)
            yield from (
                f"sprites/{name}/patches-{i}.webp" for i in range(-(-level["cells"] * k // sheet))
            )


def _content(path: Path) -> str:
    if path.suffix == ".js":
        try:
            return page_data.as_json(read_script(path), separators=(",", ":"))
        except ValueError:
            raise OSError(0, "damaged: run the experiment again", str(path)) from None
    return base64.b64encode(path.read_bytes()).decode("ascii")


def _embed(file: IO[str], path: str, content: str) -> None:
    # Of a kind that no browser runs or reads, and without a "<" that could end it.
    file.write(f'<script type="text/plain" data-path="{escape(path)}">{content}</script>\n')


def _head(name: str) -> str:
    page = _asset("index.html")
    page = page[: page.index('<script src="viewer.js">')]
    page = page.replace(
        '<link rel="stylesheet" href="viewer.css">', f"<style>\n{_asset('viewer.css')}</style>"
    )
    return page.replace("<title>Activation atlas</title>", f"<title>{escape(name)}</title>")


def _asset(name: str) -> str:
    text = resources.files("atlasjax").joinpath("viewer", name).read_text(encoding="utf-8")
    return text.replace("</script", "<\\/script") if name.endswith(".js") else text
