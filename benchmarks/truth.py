"""How well an atlas finds the shortcuts that were planted in the generated scenes.

    python benchmarks/truth.py [RUN_DIR] [--model FILE.py] [--quick] [--json]

RUN_DIR is the folder of a finished run of any network on scenes, whose file --model names if the
run does not find it; without a folder a quickstart is made and thrown away. For every layer and
shortcut: the fraction of the activations in the ten cells that push most from the shortcut's source
to its target which lie on the planted part (precision), in the comparison of the two classes; the
same for ten random cells of the atlas (chance, and the 95th percentile of the draws), and how many
times the chance it is. The last two columns are for comparison: ten random cells of the comparison,
and the ten cells of the atlas, made of all images, that push most.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax import cli, data
from atlasjax.data.scenes import SHORTCUTS
from atlasjax.fidelity.truth_report import Row, score_run
from atlasjax.workflows.reopen import reopen


def rows_of(folder: Path, draws: int, network: str | None) -> list[Row]:
    record = ax.open_atlas(folder).record["experiment"]
    source: Any = data.open_images(record["images"], limit=record["max_images"])
    if not hasattr(source, "scene"):
        raise ax.UserError(f"{folder}: its images, {record['images']!r}, have no planted shortcuts")
    model = reopen(folder, model=network).run.model
    return score_run(folder, model, source, SHORTCUTS, draws=draws)


def show(rows: list[Row]) -> None:
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for column in ("shortcut", "layer"):
        table.add_column(column)
    for column in ("precision", "chance", "95%", "ratio", "chance, compared", "whole atlas"):
        table.add_column(column, justify="right")
    for row in rows:
        found = (row.score.precision, row.everywhere.chance, row.everywhere.chance_high)
        ratio = "-" if row.ratio is None else f"{row.ratio:.1f}"
        beside = (row.score.chance, row.everywhere.precision)
        first, second = ([f"{x:.1%}" for x in part] for part in (found, beside))
        table.add_row(row.shortcut, row.layer, *first, ratio, *second)
    rich.console.Console(highlight=False, soft_wrap=True).print(table)


def as_json(row: Row) -> dict[str, Any]:
    return {
        "shortcut": row.shortcut,
        "layer": row.layer,
        "precision": row.score.precision,
        "chance": row.everywhere.chance,
        "chance_95": row.everywhere.chance_high,
        "ratio": row.ratio,
        "chance_compared": row.score.chance,
        "precision_whole_atlas": row.everywhere.precision,
        "cells": row.score.cells.tolist(),
        "fraction": row.score.fraction.tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run_dir", type=Path, nargs="?", help="a finished run on scenes")
    parser.add_argument("--model", help="the network, if the run does not tell: a file of your own")
    parser.add_argument("--quick", action="store_true", help="100 random draws instead of 1000")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.run_dir
        if folder is None:
            folder = Path(temporary) / "quickstart"
            cli.main(["run", "quickstart", "--out", str(folder)])
        try:
            rows = rows_of(folder, 100 if chosen.quick else 1000, chosen.model)
        except ax.UserError as error:
            sys.exit(f"truth.py: {error}")
    show(rows)
    if chosen.json:
        print(json.dumps({"rows": [as_json(row) for row in rows]}))


if __name__ == "__main__":
    main()
