"""Write: the report of a finished run into its folder, for people and for programs."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from atlasjax.atlas.examples import Examples
from atlasjax.fidelity.report.measure import Levels, measure
from atlasjax.fidelity.report.page import Pictures, page
from atlasjax.runs.job import Run
from atlasjax.storage import artifacts, sums

FORMAT = 2  # of report.json; raised when what is in it changes
NUMBERS, PAGE = "report.json", "report.html"


def report(run: Run, levels: Levels, class_names: Sequence[str], *, again: bool = False) -> Path:
    """Write the report of a finished run, where that was not done yet.

    Args:
        run: the run.
        levels: its levels, by layer and grid.
        class_names: one for each logit; none where the network has no classes.
        again: write it even if it is there.

    Returns:
        The page, `report.html` in the run's folder, beside `report.json` with every number.

    Raises:
        UserError: an artifact is missing or damaged.
    """
    made_from, path = _made_from(run, levels, class_names), run.folder / PAGE
    if not again and made_from is not None and made_from == written_from(run.folder):
        return path
    began = time.perf_counter()
    found = {
        "format": FORMAT,
        "made_from": made_from,
        "name": run.config.name,
        "stability": run.config.stability,
        **measure(run, levels, class_names),
    }
    found["seconds"] = round(time.perf_counter() - began, 1)
    text = page(found, _pictures(run, levels, found))
    sums.forget(run.folder, (PAGE, NUMBERS))
    # The numbers come last: while they are those of before, the report counts as not made.
    artifacts.write_text(path, text)
    artifacts.write_json(run.folder / NUMBERS, found)
    sums.keep(run.folder, (path, run.folder / NUMBERS))
    return path


def trusted(folder: Path) -> dict[str, float]:
    """Return the trustworthiness of each layer's map, as the report in a run folder has it.

    Args:
        folder: the run folder.

    Returns:
        By layer; without those of which it is not known.
    """
    try:
        layers = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))["layers"]
        known = {layer["layer"]: layer["map"]["trustworthiness"] for layer in layers}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {layer: float(value) for layer, value in known.items() if value is not None}


def origin(
    run: Run,
    levels: Iterable[tuple[str, int]],
    class_names: Sequence[str],
    digest: Callable[[Path], str | None],
) -> dict[str, Any]:
    """Return all that a report depends on; see `runs.origins`.

    Args:
        run: the run.
        levels: by layer and grid.
        class_names: one for each logit; by them it is known whether shortcuts were planted.
        digest: gives the fingerprint of an artifact.
    """
    places = sorted(levels)
    found: dict[str, Any] = {
        "stage": "report",
        "format": FORMAT,
        "stability": run.config.stability,
        "name": run.config.name,
        "classes": list(class_names),
        "layout": [digest(run.layer(layer) / "layout.npz") for layer, _ in places],
    }
    for what in ("cells", "icons"):
        found[what] = [digest(run.level(*place) / f"{what}.npz") for place in places]
    return found


def _made_from(run: Run, levels: Levels, class_names: Sequence[str]) -> str | None:
    """Return the fingerprint of all that the report depends on; None where that is not known."""
    found = origin(run, levels, class_names, artifacts.fingerprint_of)
    known = None not in (*found["layout"], *found["cells"], *found["icons"])
    return artifacts.fingerprint(**found) if known else None


def written_from(folder: Path) -> str | None:
    """Return the fingerprint of what the report in a run folder was made from.

    Args:
        folder: the run folder.

    Returns:
        The fingerprint; None where there is no report, or it is not as it was written.
    """
    if not {PAGE, NUMBERS} <= set(sums.kept(folder)) or sums.changed(folder, (PAGE, NUMBERS)):
        return None
    try:
        return str(json.loads((folder / NUMBERS).read_text(encoding="utf-8"))["made_from"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _pictures(run: Run, levels: Levels, found: dict[str, Any]) -> Pictures:
    """Return the icons of the worst cells, each with the nearest patch where there are examples."""
    pictures = {}
    for layer in found["layers"]:
        for level in layer["levels"]:
            key = layer["layer"], level["grid"]
            icon, patches = levels[key].icon, None
            examples = artifacts.load(run.level(*key) / "examples.npz", Examples)
            if examples is not None and len(examples.patch) == len(icon):
                patches = examples.patch[:, 0]
            cells = [cell["cell"] for cell in level["worst"]]
            pictures[key] = [[icon[i]] if patches is None else [icon[i], patches[i]] for i in cells]
    return pictures
