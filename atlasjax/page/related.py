"""Related: the maps that a run has beside its own, for its page to list.

They are atlases of their own in `RUN/classes/wok` or `RUN/comparisons/wok--frying-pan`, say.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from atlasjax.page import data as page_data
from atlasjax.runs.open import INDEX
from atlasjax.storage import artifacts, sums

HOMES = {"class": "classes", "comparison": "comparisons"}
"""Where the maps of each kind are, in the run folder."""


def related_maps(folder: Path) -> list[tuple[str, str]]:
    """List the finished maps in a run folder, each with its title and its page's address.

    Those whose contents are damaged are left out.

    Args:
        folder: the run folder.

    Returns:
        Titles and addresses relative to the folder, those of classes before comparisons.

    >>> related_maps(Path("runs/none/at/all"))
    []
    """
    found = []
    for kind, home in HOMES.items():
        for index in sorted((folder / home).glob(f"*/{INDEX}")):
            try:
                name = str(json.loads(index.read_text(encoding="utf-8"))["name"])
            except (OSError, ValueError, LookupError, TypeError):  # its own command mends it
                continue
            title = name.rpartition(": ")[2]
            page = index.with_name("index.html").relative_to(folder)
            found.append((f"{kind.capitalize()}: {title}", page.as_posix()))
    return found


def relink(folder: Path, related: Sequence[tuple[str, str]]) -> None:
    """Let the page of a finished run list other maps.

    Args:
        folder: the run folder, which has been exported.
        related: titles and addresses relative to the folder; they replace those of before.
    """
    path = folder / "atlas.js"
    page = page_data.of_script(path.read_text(encoding="utf-8"))
    sums.forget(folder, ["atlas.js"])
    artifacts.write_text(path, page_data.script(page | {"related": [list(one) for one in related]}))
    sums.keep(folder, [path])
