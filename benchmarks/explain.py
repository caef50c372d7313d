"""How long it takes to explain an image, and what of it is compiling.

    python benchmarks/explain.py [MODEL IMAGE] [--weights PATH] [--quick] [--json]

A process of its own explains the image with all methods and three layers, first with nothing
compiled before, then again with what the first has left in the cache, as a second image would be.
Without arguments, a generated wok and the bundled network. Tracing, lowering and compiling are
seconds of CPU, of several stages at once; they add up to more than the wall's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import rich.box
import rich.console
import rich.table

CHILD = """
import json, sys, time
began = time.perf_counter()
import jax
from atlasjax.cli.process import prepare
prepare()
spent = {"trace": 0.0, "lower": 0.0, "compile": 0.0}
names = {"jaxpr_trace": "trace", "jaxpr_to_mlir": "lower", "backend_compile": "compile"}
def hear(event, seconds, **_):
    for part, name in names.items():
        if part in event:
            spent[name] += seconds
jax.monitoring.register_event_duration_secs_listener(hear)
import atlasjax as ax
model, image, out, options = json.loads(sys.argv[1])
ax.explain(model, image, out=out, **options)
wall = time.perf_counter() - began
print(json.dumps({"wall": wall, "cpu": time.process_time(), **spent}))
"""


def explained(model: str, image: str, options: dict[str, Any], folder: Path) -> dict[str, float]:
    """Explain in a new process and return its seconds."""
    given = json.dumps([model, image, str(folder / "out"), options])
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    found = subprocess.run(
        [sys.executable, "-c", CHILD, given],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=folder,
    )
    return json.loads(found.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", nargs="*", metavar="MODEL IMAGE")
    parser.add_argument("--weights", type=Path, help="the network's weights")
    parser.add_argument("--quick", action="store_true", help="two methods, nothing checked")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    if len(chosen.what) not in (0, 2):
        parser.error("give a model and an image, or neither")
    model, image = chosen.what or ("inception_v1_scenes", "scenes:wok/22")
    image = str(Path(image).resolve()) if Path(image).is_file() else image
    options: dict[str, Any] = {"weights": str(chosen.weights.resolve()) if chosen.weights else None}
    if chosen.quick:
        options |= {"methods": ["gradient", "occlusion"], "checked": False}
    with tempfile.TemporaryDirectory() as folder:
        rows = {name: explained(model, image, options, Path(folder)) for name in ("cold", "again")}
    table = rich.table.Table("seconds", *rows["cold"], box=rich.box.SIMPLE_HEAD)
    for name, row in rows.items():
        table.add_row(name, *(f"{value:.0f}" for value in row.values()))
    rich.console.Console(highlight=False).print(table)
    if chosen.json:
        print(
            json.dumps({"model": model, "image": Path(image).name, "cores": os.cpu_count()} | rows)
        )


if __name__ == "__main__":
    main()
