"""Explained: which images of a run are explained on a page of their own, for its page to link them.

The table lies beside the page of the run, in `explained.js`:

    {"17": ["explained/train-17/index.html", "0-train-17"]}

By the number of the image in the run's source it tells the address of the page, relative to the
folder, and what the image is called there.
"""

from collections.abc import Mapping
from pathlib import Path

from atlasjax.page import data as page_data
from atlasjax.storage import artifacts, sums

FILE = "explained.js"
HOME = "explained"
"""Where the pages are, in the run folder, unless they are asked for elsewhere in it."""

Table = Mapping[int, tuple[str, str]]


def table(folder: Path) -> Table:
    """Return which images of a run are explained.

    Args:
        folder: the run folder.

    Returns:
        The address of each image's page, and what the image is called there, by the image's number.
        Pages that are no longer there are left out.

    >>> table(Path("runs/none/at/all"))
    {}
    """
    try:
        held = page_data.of_script((folder / FILE).read_text(encoding="ascii"))
        found = {int(number): (str(page), str(stem)) for number, (page, stem) in held.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # there is none, or it is damaged: what it told is lost either way
    return {number: one for number, one in found.items() if (folder / one[0]).is_file()}


def keep(folder: Path) -> None:
    """Write the table anew with what is there: an empty one at first, which a page can load.

    Args:
        folder: the run folder.
    """
    _write(folder, table(folder))


def add(folder: Path, page: Path, stems: Mapping[int, str]) -> None:
    """Add a page of explained images to the table, in place of what that page was before.

    Args:
        folder: the run folder.
        page: the page, inside the folder.
        stems: what each image is called there, by its number.
    """
    address = page.resolve().relative_to(folder.resolve()).as_posix()
    others = {number: one for number, one in table(folder).items() if one[0] != address}
    _write(folder, others | {number: (address, stem) for number, stem in stems.items()})


def _write(folder: Path, found: Table) -> None:
    shown = {str(number): found[number] for number in sorted(found)}
    sums.forget(folder, [FILE])
    artifacts.write_text(folder / FILE, page_data.script(shown))
    sums.keep(folder, [folder / FILE])
