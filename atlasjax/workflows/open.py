"""Open: a finished atlas as people open it, which shows itself in a notebook."""

import dataclasses
import os

from atlasjax.page.notebook import mimebundle
from atlasjax.runs import open as run_folder
from atlasjax.runs.open import Atlas


def open_atlas(folder: str | os.PathLike) -> Atlas:
    """Open a finished atlas.

    Args:
        folder: its run folder.

    Returns:
        What is in it; as the last value of a notebook's cell it is the page itself.

    Raises:
        UserError: no such folder, a run that has not finished, or a damaged table of contents.

    >>> open_atlas("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    return dataclasses.replace(run_folder.open_atlas(folder), display=mimebundle)
