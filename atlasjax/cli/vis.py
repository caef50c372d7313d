"""The command `atlasjax vis`: draw what a network looks for, as a contact sheet.

Beside the sheet it writes every picture by itself, and a record of how they were made.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from atlasjax import progress
from atlasjax.cli import vis_values as values
from atlasjax.cli.vis_subject import FILES, subject_of
from atlasjax.errors import UserError, unknown

# Options that a record names where they are given.
_HOW = ("diversity", "accentuate", "keep", "content", "negative", "range")
_EXAMPLE = "atlasjax vis inception_v1_scenes mixed4a --channels 0:16"


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    vis = commands.add_parser(
        "vis",
        help="draw channels, neurons, directions, classes and more as a contact sheet",
        description="Draw what a network looks for, as a contact sheet.",
        epilog=f"example: {_EXAMPLE}",
    )
    vis.add_argument(
        "model", help="its name (see `atlasjax list`), or a file of your own, my_experiment.py"
    )
    vis.add_argument(
        "layer",
        nargs="?",
        help="its name: see `atlasjax layers MODEL`; several with commas between them for --invert "
        "and --caricature; none for --class",
    )
    _add_subjects(vis.add_argument_group("what to draw, one of"))
    how = vis.add_argument_group("how")
    how.add_argument(
        "--diversity", type=int, metavar="N", help="N pictures of each channel that differ"
    )
    how.add_argument(
        "--negative",
        action="store_true",
        help="what channels, neurons or directions are against, before the rectifier",
    )
    how.add_argument(
        "--accentuate",
        metavar="IMAGE",
        help="what channels or classes respond to in this image, heightened where it is",
    )
    how.add_argument(
        "--keep",
        metavar="LAYER",
        help="what --accentuate holds near what it is; halfway by default",
    )
    how.add_argument("--content", metavar="IMAGE", help="what --style is put on")
    how.add_argument(
        "--range",
        nargs="+",
        metavar=("LOW", "HIGH"),
        help="values that are black and white in an image of more than 8 bits; auto for its own",
    )
    how.add_argument("--weights", metavar="PATH", help="the network's weights")
    how.add_argument(
        "--size",
        type=int,
        nargs="+",
        metavar="PX",
        help="width and height of each picture; one number for both, and the shorter side of what "
        "is made from an image, which keeps its shape",
    )
    how.add_argument("--steps", type=int, help="optimization steps")
    how.add_argument("--seed", type=int, default=0)
    how.add_argument("--attempts", type=int, help="make each so often, and keep the best")
    how.add_argument("--batch", type=int, help="pictures at a time")
    how.add_argument("--out", metavar="FILE.png", help="the sheet; under vis/ by default")
    vis.set_defaults(function=run, computes=True)


def _add_subjects(group: Any) -> None:
    def subject(name: str, help: str, **kwargs: Any) -> None:
        group.add_argument(f"--{name}", help=help, **kwargs)

    subject("channels", "channels: 0:16, or 3 17 42", nargs="+", metavar="N")
    subject("neurons", "the same at the layer's centre alone", nargs="+", metavar="N")
    subject("direction", "directions of the layer, [c] or [n, c]", nargs="+", metavar="FILE.npy")
    subject("class", "classes, by name, number or WordNet id", nargs="+", metavar="CLASS")
    subject("interpolate", "from one channel to another", nargs=2, type=int, metavar=("A", "B"))
    subject("invert", "what the layer still knows of an image", metavar="IMAGE")
    subject("caricature", "what the layer sees in an image, exaggerated", metavar="IMAGE")
    subject("dream", "an image, changed towards what the layer finds in it", metavar="IMAGE")
    subject("style", "the style of this image; needs --content", metavar="IMAGE")


def run(chosen: argparse.Namespace) -> None:
    """Draw what was asked for, write it, and print the file to open."""
    subject = subject_of(chosen)
    from atlasjax.vis.files import checked_page, save
    from atlasjax.vis.gallery import told
    from atlasjax.workflows.networks import find

    found = find(chosen.model)
    _check_layers(chosen, found)
    opened = _opened(chosen, found)
    settings = _settings(chosen, found.entry, opened.network.model)
    arguments, options = _arguments(chosen, subject, opened)
    draw = _drawing(chosen, subject, opened)
    page = checked_page(chosen.out or _default_page(chosen, subject))
    with progress.bar(f"vis {subject}", "drawn") as report:
        gallery = draw(*arguments, settings=settings, progress=report, **options)
    record = _record(chosen, subject, settings, opened)
    page = save(gallery, page, record, found.entry.name)
    n = len(gallery.images)
    print(f"{n} {'picture' if n == 1 else 'pictures'}{_range(gallery)}")
    for line in told(gallery):
        print(line)
    print(f"open {page}")


def _check_layers(chosen: argparse.Namespace, found: Any) -> None:
    """Refuse layers that are not there, before any weights are read."""
    from atlasjax.workflows.networks import shapes

    wanted = [] if chosen.layer is None else values.layers(chosen.layer)
    wanted += [] if chosen.keep is None else [chosen.keep]
    if wanted:
        known = shapes(found, min(chosen.size or [found.entry.image_size]))
        for layer in wanted:
            if layer not in known:
                raise unknown("layer", layer, known)


def _opened(chosen: argparse.Namespace, found: Any) -> Any:
    from atlasjax.workflows.networks import open_network

    return open_network(found, chosen.weights, chosen.seed)


def _drawing(chosen: argparse.Namespace, subject: str, opened: Any) -> Callable[..., Any]:
    """Return the function that draws, of the model and the key."""
    import jax

    from atlasjax import vis

    function = {
        "channels": vis.channels if chosen.diversity is None else vis.diversity,
        "neurons": vis.neurons,
        "direction": vis.directions,
        "class": vis.classes,
        "interpolate": vis.interpolation,
        "invert": vis.inversion,
        "caricature": vis.caricature,
        "dream": vis.dream,
        "style": vis.style_transfer,
    }[subject]
    if chosen.accentuate is not None:
        function = partial(vis.accentuation, keep=chosen.keep)
    return partial(function, opened.network.model, key=jax.random.key(chosen.seed))


def _arguments(
    chosen: argparse.Namespace, subject: str, opened: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Return what the function of `vis` takes between the model and the key, and its options."""
    from atlasjax.optvis.objectives import channel
    from atlasjax.vis.files import read_directions, read_image

    layer, span = chosen.layer, values.value_range(chosen.range)
    read = partial(read_image, range=span, note=_note)
    if chosen.accentuate is not None:
        found, options = _accentuated(chosen, subject, opened)
        return [layer, found, read(chosen.accentuate)], options
    if subject in ("channels", "neurons"):
        options = _negative(chosen) if chosen.diversity is None else {"count": chosen.diversity}
        return [layer, values.numbers(getattr(chosen, subject), subject)], options
    if subject == "direction":
        vectors, captions = read_directions(chosen.direction)
        return [layer, vectors], {"captions": captions, **_negative(chosen)}
    if subject == "class":
        found, captions = _classes(chosen, opened)
        return [found], {"captions": captions}
    if subject == "interpolate":
        first, second = chosen.interpolate
        title = f"{layer}, from channel {first} to {second}"
        return [channel(layer, first), channel(layer, second)], {"title": title}
    if subject == "style":
        return [read(chosen.content), read(chosen.style)], {"layer": layer}
    image = read(getattr(chosen, subject))
    return [layer if subject == "dream" else values.layers(layer), image], {}


def _accentuated(
    chosen: argparse.Namespace, subject: str, opened: Any
) -> tuple[list[int], dict[str, Any]]:
    """Return the numbers of what is heightened in an image, and what they are called."""
    if subject == "class":
        found, captions = _classes(chosen, opened)
        return found, {"captions": captions}
    return values.numbers(chosen.channels, "channels"), {}


def _negative(chosen: argparse.Namespace) -> dict[str, Any]:
    return {"negative": True} if chosen.negative else {}


def _note(line: str) -> None:
    print(f"note: {line}", file=sys.stderr)


def _settings(chosen: argparse.Namespace, entry: Any, model: Any) -> Any:
    from atlasjax.optvis.sizes import USUAL, takes
    from atlasjax.vis import Settings

    # Where a network was trained on smaller images, pictures are as small; and of its own size
    # where it takes no other.
    size = values.size(chosen.size)
    if size is None:
        size = min(entry.image_size, USUAL)
        size = size if takes(model, (size, size, entry.channels)) else entry.image_size
    given = {name: getattr(chosen, name) for name in ("steps", "attempts", "batch")}
    given = {name: value for name, value in given.items() if value is not None}
    return Settings(size=size, channels=entry.channels, **given)


def _classes(chosen: argparse.Namespace, opened: Any) -> tuple[list[int], list[str]]:
    from atlasjax.classes import resolve, short_names

    if not opened.classes:
        raise UserError(f"{chosen.model} has no classes: --class needs logits")
    found = [resolve(text, opened.classes) for text in getattr(chosen, "class")]
    names = short_names(opened.classes)
    return found, [names[i] for i in found]


def _default_page(chosen: argparse.Namespace, subject: str) -> Path:
    from atlasjax.vis.files import plain

    value = getattr(chosen, subject)
    named = [Path(v).stem if subject in FILES else v for v in _listed(value)][:4]
    layer = [] if chosen.layer is None else [chosen.layer]
    what = subject if chosen.diversity is None else "diversity"
    what = f"negative-{what}" if chosen.negative else what
    if chosen.accentuate is not None:
        what = f"accentuate-{Path(chosen.accentuate).stem}-{what}"
    return Path("vis") / f"{plain(_short(chosen.model), *layer, what, *named)}.png"


def _short(model: str) -> str:
    """Return what a model is called in names of files: a file of one's own without its ending."""
    return Path(model).stem if model.endswith(".py") else model


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _record(chosen: argparse.Namespace, subject: str, settings: Any, opened: Any) -> dict[str, Any]:
    """Return what is needed to draw the same again."""
    import jax

    from atlasjax.workflows.networks import as_recorded

    return {
        "model": chosen.model,
        **as_recorded(opened),
        "layer": chosen.layer,
        subject: getattr(chosen, subject),
        **{n: getattr(chosen, n) for n in _HOW if getattr(chosen, n)},
        "seed": chosen.seed,
        "settings": asdict(settings),
        "jax": jax.__version__,
    }


def _range(gallery: Any) -> str:
    """Return the least and most that was reached, as people read it, after a comma."""
    import numpy as np

    from atlasjax.vis.sheet import shown

    values = gallery.reached[np.isfinite(gallery.reached)]
    if not len(values):
        return ""
    least, most = (shown(float(end(values)), gallery.measure) for end in (np.min, np.max))
    return f", {gallery.measure} {least}" + (f" to {most}" if most != least else "")
