"""Caches: a folder for every library that keeps something, where its own cannot be written.

Numba refuses to import what it cannot keep, which UMAP is. Others warn, or share a folder of
`/tmp` with whoever comes first. Importing atlasjax changes nothing: this is called by the command
line before it starts, and by functions just before they import such a library.
"""

import os
import sys
from pathlib import Path

from atlasjax.storage.artifacts import user_cache
from atlasjax.storage.places import can_be_written, of_user


def _defaults() -> dict[str, tuple[Path | str | None, ...]]:
    """Return where each library keeps things by itself, by the variable that says otherwise."""
    return {
        "NUMBA_CACHE_DIR": (of_user("cache", "numba"),),
        "MPLCONFIGDIR": (of_user("config", "matplotlib"), of_user("cache", "matplotlib")),
        "KERAS_HOME": ("~/.keras",),
        "HF_HOME": (of_user("cache", "huggingface"),),
        "TORCH_HOME": (of_user("cache", "torch"),),
    }


def provide() -> None:
    """Give libraries a folder to keep things in, where the user's own cannot be written.

    It is in `artifacts.user_cache`, and so may be for this process alone. What the user has set by
    `NUMBA_CACHE_DIR`, `MPLCONFIGDIR`, `KERAS_HOME`, `HF_HOME` or `TORCH_HOME` stays so. Where all
    can be written nothing is changed.

    Raises:
        UserError: nothing can be written anywhere.

    >>> provide()
    """
    missing = [
        variable
        for variable, places in _defaults().items()
        if variable not in os.environ and not all(map(can_be_written, places))
    ]
    for variable in missing:
        folder = user_cache() / "libraries" / variable.split("_")[0].lower()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ[variable] = str(folder)
    numba = sys.modules.get("numba")
    if missing and numba is not None:  # it was imported when there was no such variable
        numba.config.reload_config()
