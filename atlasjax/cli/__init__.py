"""The command line: `run`, `vis`, `class`, `compare`, `report`, `view`, `export` and lists.

With `vis_command` and `reopen`, the one place that looks names up in `atlasjax.models` and
`atlasjax.experiments`.
"""

import argparse
import json
import os
import platform
import resource
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

from atlasjax.cli import views as views_command
from atlasjax.cli import vis as vis_command
from atlasjax.cli.interrupt import interruptible
from atlasjax.errors import UserError, unknown

COMMANDS = ("run", "vis", "class", "compare", "report", "list", "layers", "view", "export")
RESUME = ("run", "class", "compare")
PACKAGES = ("atlasjax", "jax", "jaxlib", "flax", "optax", "numpy", "umap-learn", "pillow")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: what follows the program's name; those of this process by default.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with interruptible():
            _do(given)
    except UserError as error:
        print(f"atlasjax: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from here" if given and given[0] in RESUME else ""
        print(f"atlasjax: stopped{goes_on}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe, such as head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _do(given: list[str]) -> None:
    if given and not given[0].startswith("-") and given[0] not in COMMANDS:
        raise unknown("command", given[0], COMMANDS)
    chosen = _parser().parse_args(given, argparse.Namespace(given=given))
    if chosen.computes:
        from atlasjax.cli import process

        process.prepare()
    chosen.function(chosen)


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="atlasjax", description="Activation atlases and feature visualization.")
    parser.add_argument("--version", action="version", version=_version("atlasjax"))
    parser.set_defaults(computes=False)  # what runs a network says otherwise
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    run = commands.add_parser("run", help="make an atlas from an experiment config")
    run.add_argument("experiment", help="its name: see `atlasjax list`")
    overrides = run.add_argument(
        "overrides",
        nargs=argparse.REMAINDER,
        metavar="--FIELD VALUE",
        help="change any field; `atlasjax run EXPERIMENT --help` lists them",
    )
    overrides.required = False  # as argparse would have it
    run.set_defaults(function=_run, computes=True)

    vis_command.add(commands)

    views_command.add(commands)

    listing = commands.add_parser("list", help="list the experiments and the models")
    listing.set_defaults(function=_list)

    layers = commands.add_parser("layers", help="list a model's layers with their shapes")
    layers.add_argument("model", help="its name: see `atlasjax list`")
    layers.add_argument("--image-size", type=int, default=224, help="side of the images, in px")
    layers.add_argument("--all", action="store_true", help="branches and /pre_relu values too")
    layers.set_defaults(function=_layers)

    view = commands.add_parser("view", help="serve a run folder and print its address")
    view.add_argument("run_dir", help="a folder that `atlasjax run` made")
    view.add_argument("--port", type=int, default=0, help="any free one by default")
    view.set_defaults(function=_view)

    report = commands.add_parser("report", help="make a run's fidelity report anew")
    report.add_argument("run_dir", help="a folder that `atlasjax run` made")
    report.add_argument("--weights", help="where the weights are now, if not where they were")
    report.set_defaults(function=_report, computes=True)

    single = commands.add_parser("export", help="write a run's page into one file, to be mailed")
    single.add_argument("run_dir", help="a folder that `atlasjax run` made")
    single.add_argument(
        "--single-file", required=True, metavar="OUT.html", help="the file to write"
    )
    single.add_argument("--light", action="store_true", help="leave out the large icons")
    single.set_defaults(function=_export)
    return parser


def _run(chosen: argparse.Namespace) -> None:
    began = time.perf_counter()
    from atlasjax import experiments

    config, documentation = experiments.load(chosen.experiment)
    config = _override(config, documentation, chosen.overrides)
    _make(config, shlex.join(["atlasjax", "run", chosen.experiment, *chosen.overrides]), began)


def _override(config: Any, documentation: str, overrides: list[str]) -> Any:
    import tyro

    return tyro.cli(
        type(config),
        default=config,
        args=overrides,
        prog=f"atlasjax run {config.name}",
        description=documentation,
        config=(tyro.conf.AvoidSubcommands,),
    )


def _make(config: Any, command: str, began: float) -> None:
    from atlasjax import data, models
    from atlasjax.cli import summary
    from atlasjax.fidelity.report.write import report
    from atlasjax.page.export import export
    from atlasjax.page.related import related_maps
    from atlasjax.runs import pipeline
    from atlasjax.runs.examples import examples, open_examples
    from atlasjax.runs.experiment import check, suited
    from atlasjax.runs.job import Run
    from atlasjax.runs.reopen import networks
    from atlasjax.runs.stages.activations import check_networks
    from atlasjax.storage import artifacts

    check(config)
    if config.model not in models.available():
        raise unknown("model", config.model, models.available())
    if config.images is None:
        raise UserError("no images: give --images FOLDER, or --images tfds:NAME/SPLIT")
    source = data.open_images(config.images, limit=config.max_images)
    config = suited(config, len(source))
    network, other = networks(config)
    folder = artifacts.make_run_folder(config.run_dir)
    job = Run(config, *network, source, folder, other=other)
    check_networks(job)  # before the record of an earlier run there is overwritten
    record = _record(job, command)
    earlier = _earlier_seconds(folder / "run.json")
    artifacts.write_json(folder / "run.json", record | {"seconds": earlier})
    finished = pipeline.run(job)
    patches = {level: open_examples(folder, *level).patch for level in examples(job)}
    classes = models.class_names(config.model, config.weights)
    fidelity = report(job, finished.levels, [c.name for c in classes])
    record |= {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": earlier | {stage: round(s, 1) for stage, s in job.seconds.items()},
        "peak_memory_bytes": _peak_memory(),
        "skipped": list(finished.skipped),
        "levels": summary.quality(finished),
        "activations": finished.sampled,
        "report": fidelity.name,
    }
    artifacts.write_json(folder / "run.json", record)
    page = export(
        folder,
        finished.levels,
        record,
        [c.name for c in classes],
        [c.wnid for c in classes],
        examples=patches,
        related=related_maps(folder),
    )
    summary.show(finished, page, time.perf_counter() - began, _peak_memory())


def _record(job: Any, command: str) -> dict[str, Any]:
    """Return what is needed to make the run again, and to know what it was made on."""
    import jax

    from atlasjax.runs.experiment import as_json

    config, other = job.config, {}
    if job.other is not None:
        other["other_weights_sha256"] = job.other.weights.partition(":")[2]
    return {
        "experiment": as_json(replace(config, out=None)),
        "command": command,
        "weights_sha256": job.weights.partition(":")[2],
        **other,
        "images": len(job.source),
        "seed": config.seed,
        "aligned": config.aligned,
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in PACKAGES},
        "device": {
            "platform": jax.default_backend(),
            "kind": jax.devices()[0].device_kind,
            "count": jax.device_count(),
        },
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _earlier_seconds(path: Path) -> dict[str, float]:
    """Return how long stages took that were finished before this run was stopped, if it was."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["seconds"])
    except (FileNotFoundError, KeyError, ValueError):
        return {}


def _list(chosen: argparse.Namespace) -> None:
    del chosen
    from atlasjax import experiments, models

    names = experiments.names()
    width = max(map(len, names))
    print("experiments")
    for name in names:
        first = experiments.load(name)[1].strip().partition("\n")[0]
        print(f"  {name:<{width}}  {first}")
    print("models")
    for name in models.available():
        print(f"  {name}")


def _layers(chosen: argparse.Namespace) -> None:
    from atlasjax import models, taps

    size = chosen.image_size
    shapes = taps.layers(models.abstract(chosen.model), (size, size, 3))
    shown = {n: s for n, s in shapes.items() if chosen.all or "/" not in n}
    width = max(map(len, shown))
    for name, shape in shown.items():
        print(f"{name:<{width}}  {' x '.join(map(str, shape))}")


def _view(chosen: argparse.Namespace) -> None:
    from atlasjax.page.server import serve

    serve(Path(chosen.run_dir), chosen.port, ready=lambda address: print(address, flush=True))


def _report(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.report import remake

    print(f"open {remake(chosen.run_dir, chosen.weights)}")


def _export(chosen: argparse.Namespace) -> None:
    from atlasjax.page.single_file import single_file

    out = single_file(chosen.run_dir, chosen.single_file, light=chosen.light)
    print(f"{out} ({out.stat().st_size / 2**20:.1f} MiB)")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _peak_memory() -> int:
    """Return the largest resident memory of this process, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
