"""How good the bundled network of the scenes is, and which planted shortcuts it took.

    python benchmarks/scenes.py [--quick] [--json]

First how fast the scenes are drawn, on one core. Then the accuracy on held-out scenes, and for each
control set: the share of images classified rightly as they were, the same with the cue taken away
or put in, and the share of those taken for the class that the cue stands for.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import atlasjax as ax
from atlasjax import models
from atlasjax.data.scenes import scenes
from atlasjax.experiments.training import evaluate


def speed(count: int) -> float:
    source = scenes(count, seed=2)
    began = time.perf_counter()
    for i in range(count):
        source[i]
    return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--weights", type=Path, help="another file than the bundled one")
    parser.add_argument("--quick", action="store_true", help="480 images instead of 2800")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    try:
        model = models.load(models.SCENES, chosen.weights)
    except ax.UserError as error:
        sys.exit(f"scenes.py: {error}")
    count, per_control = (480, 40) if chosen.quick else (2800, 200)
    rate = speed(count)
    print(f"drawn: {rate:.0f} images/s on one core")
    report = evaluate.report(model, count=count, per_control=per_control)
    for line in evaluate.lines(report):
        print(line)
    if chosen.json:
        rows = [row._asdict() for row in report.rows]
        found = {"accuracy": report.accuracy, "per_class": report.per_class, "controls": rows}
        print(json.dumps({"images_per_second": rate, **found}))


if __name__ == "__main__":
    main()
