"""The screen at the end of a run: what was made, how good it is, and which file to open."""

from pathlib import Path

import numpy as np

from atlasjax.runs.pipeline import Finished


def show(finished: Finished, page: Path, seconds: float, peak_bytes: int) -> None:
    """Print a run's summary.

    Args:
        finished: what the run made.
        page: the file to open.
        seconds: how long this call took.
        peak_bytes: the largest resident memory of the process.
    """
    import rich.box
    import rich.console
    import rich.table

    console = rich.console.Console(highlight=False, soft_wrap=True)
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for column in ("layer", "grid", "cells", "activations", "kept", "cosine", "worst"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    for (layer, grid), level in finished.levels.items():
        sampled = finished.sampled[layer]
        table.add_row(
            layer,
            f"{grid} x {grid}",
            str(len(level.count)),
            str(sampled),
            f"{level.count.sum() / sampled:.1%}",
            f"{level.cosine.mean():.3f}",
            f"{level.cosine.min():.3f}",
        )
    console.print(table)
    if finished.skipped:
        console.print(_skipped(finished.skipped), style="yellow")
    minutes, rest = divmod(round(seconds), 60)
    console.print(f"{minutes} min {rest} s, at most {peak_bytes / 2**30:.1f} GiB of memory")
    console.print(f"open {page}")


def _skipped(names: tuple[str, ...], most: int = 5) -> str:
    listed = "; ".join(names[:most])
    more = f"; and {len(names) - most} more" if len(names) > most else ""
    count = "1 image" if len(names) == 1 else f"{len(names)} images"
    return f"{count} could not be read and was left out: {listed}{more}"


def quality(finished: Finished) -> list[dict[str, float | int | str]]:
    """Return the figures of the summary, one row a level, as JSON can hold them."""
    return [
        {
            "layer": layer,
            "grid": grid,
            "cells": len(level.count),
            "activations": finished.sampled[layer],
            "kept": round(float(level.count.sum() / finished.sampled[layer]), 4),
            "cosine_mean": round(float(np.mean(level.cosine)), 4),
            "cosine_min": round(float(np.min(level.cosine)), 4),
        }
        for (layer, grid), level in finished.levels.items()
    ]
