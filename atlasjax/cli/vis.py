"""The command `atlasjax vis`: draw what a network looks for, as a contact sheet.

Beside the sheet it writes every picture by itself, and a record of how they were made. It is part
of the command line, and looks names of models up as that does.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from atlasjax import progress
from atlasjax.errors import UserError, unknown

SUBJECTS = (
    "channels",
    "neurons",
    "direction",
    "class",
    "interpolate",
    "invert",
    "caricature",
    "dream",
    "style",
)
FILES = ("direction", "invert", "caricature", "dream", "style")  # subjects that are read
SIZES = {"inception_v1_scenes": 96}  # px: what a network was trained on, where that is small
_EXAMPLE = "atlasjax vis inception_v1_scenes mixed4a --channels 0:16"


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    vis = commands.add_parser(
        "vis",
        help="draw channels, neurons, directions, classes and more as a contact sheet",
        description="Draw what a network looks for, as a contact sheet.",
        epilog=f"example: {_EXAMPLE}",
    )
    vis.add_argument("model", help="its name: see `atlasjax list`")
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
    how.add_argument("--content", metavar="IMAGE", help="what --style is put on")
    how.add_argument("--weights", metavar="PATH", help="the network's weights")
    how.add_argument("--size", type=int, help="height and width of each picture, in px")
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
    subject = _subject(chosen)
    from atlasjax.vis.files import checked_page, save

    arguments, options = _arguments(chosen, subject)
    draw, settings = _prepare(chosen, subject)
    page = checked_page(chosen.out or _default_page(chosen, subject))
    with progress.bar(f"vis {subject}", "drawn") as report:
        gallery = draw(*arguments, settings=settings, progress=report, **options)
    page = save(gallery, page, _record(chosen, subject, settings), chosen.model)
    n = len(gallery.images)
    print(f"{n} {'picture' if n == 1 else 'pictures'}, {_range(gallery)}")
    print(f"open {page}")


def _subject(chosen: argparse.Namespace) -> str:
    """Return which one thing is to be drawn, or refuse what does not belong together."""
    if (chosen.style is None) != (chosen.content is None):
        raise UserError("--style IMAGE and --content IMAGE need each other")
    given = [name for name in SUBJECTS if getattr(chosen, name) is not None]
    if len(given) != 1:
        listed = ", ".join(f"--{name}" for name in given or SUBJECTS)
        wrong = "only one at a time of" if given else "nothing to draw: give one of"
        raise UserError(f"{wrong} {listed}")
    (subject,) = given
    if subject != "class" and chosen.layer is None:
        raise UserError(
            f"--{subject} needs a layer after the model's name; "
            f"`atlasjax layers {chosen.model}` lists them"
        )
    if subject == "class" and chosen.layer is not None:
        raise UserError(f"--class is drawn from the network's output: leave {chosen.layer!r} out")
    if subject not in ("class", "invert", "caricature") and "," in str(chosen.layer):
        raise UserError(f"--{subject} is drawn for one layer, not for {chosen.layer}")
    if chosen.diversity is not None and subject != "channels":
        raise UserError("--diversity is for --channels")
    return subject


def _prepare(chosen: argparse.Namespace, subject: str) -> tuple[Callable[..., Any], Any]:
    """Return the function that draws, of the model and the key, and the settings."""
    import jax

    from atlasjax import models, taps, vis

    settings = _settings(chosen)
    if chosen.layer is not None:
        size = max(settings.size, 32)
        known = taps.layers(models.abstract(chosen.model), (size, size, 3))
        for layer in _layers(chosen.layer):
            if layer not in known:
                raise unknown("layer", layer, known)
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
    model = models.load(chosen.model, chosen.weights, seed=chosen.seed)
    return partial(function, model, key=jax.random.key(chosen.seed)), settings


def _arguments(chosen: argparse.Namespace, subject: str) -> tuple[list[Any], dict[str, Any]]:
    """Return what the function of `vis` takes between the model and the key, and its options."""
    from atlasjax.optvis.objectives import channel
    from atlasjax.vis.files import read_directions, read_image

    layer = chosen.layer
    if subject in ("channels", "neurons"):
        options = {} if chosen.diversity is None else {"count": chosen.diversity}
        return [layer, _numbers(getattr(chosen, subject), subject)], options
    if subject == "direction":
        vectors, captions = read_directions(chosen.direction)
        return [layer, vectors], {"captions": captions}
    if subject == "class":
        found, captions = _classes(chosen)
        return [found], {"captions": captions}
    if subject == "interpolate":
        first, second = chosen.interpolate
        title = f"{layer}, from channel {first} to {second}"
        return [channel(layer, first), channel(layer, second)], {"title": title}
    if subject == "style":
        return [read_image(chosen.content), read_image(chosen.style)], {"layer": layer}
    image = read_image(getattr(chosen, subject))
    return [layer if subject == "dream" else _layers(layer), image], {}


def _settings(chosen: argparse.Namespace) -> Any:
    import jax

    from atlasjax.vis import Settings

    plain = Settings(size=SIZES.get(chosen.model, Settings.size))
    # On a CPU small batches are as quick as large ones, and the bar moves.
    own = {"batch": 4 if jax.default_backend() == "cpu" else plain.batch}
    for name in ("size", "steps", "attempts", "batch"):
        value = getattr(chosen, name)
        own |= {} if value is None else {name: value}
    return replace(plain, **own)


def _layers(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _numbers(tokens: Sequence[str], what: str) -> list[int]:
    """Read numbers and ranges, "3", "0:16" or "0:16:2", also with commas between them.

    >>> _numbers(["0:3", "7,9"], "channels")
    [0, 1, 2, 7, 9]
    """
    found: list[int] = []
    for token in (part for given in tokens for part in given.split(",") if part):
        if not re.fullmatch(r"\d+(:\d+(:0*[1-9]\d*)?)?", token):
            raise UserError(f"--{what} {token!r}: must be a number, or a range such as 0:16")
        numbers = [int(part) for part in token.split(":")]
        found += range(*numbers) if len(numbers) > 1 else numbers
    if not found:
        raise UserError(f"--{what} {' '.join(tokens)}: no numbers in it")
    return found


def _classes(chosen: argparse.Namespace) -> tuple[list[int], list[str]]:
    from atlasjax import models
    from atlasjax.classes import resolve, short_name

    known = models.class_names(chosen.model, chosen.weights)
    found = [resolve(text, known) for text in getattr(chosen, "class")]
    return found, [short_name(known[i]) for i in found]


def _default_page(chosen: argparse.Namespace, subject: str) -> Path:
    from atlasjax.vis.files import plain

    value = getattr(chosen, subject)
    named = [Path(v).stem if subject in FILES else v for v in _listed(value)][:4]
    layer = [] if chosen.layer is None else [chosen.layer]
    what = subject if chosen.diversity is None else "diversity"
    return Path("vis") / f"{plain(chosen.model, *layer, what, *named)}.png"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _record(chosen: argparse.Namespace, subject: str, settings: Any) -> dict[str, Any]:
    """Return what is needed to draw the same again."""
    import jax

    from atlasjax import models

    weights = chosen.weights or models.default_weights(chosen.model)
    return {
        "model": chosen.model,
        "weights_sha256": models.weights_hash(weights) if weights else f"random-{chosen.seed}",
        "layer": chosen.layer,
        subject: getattr(chosen, subject),
        **{n: getattr(chosen, n) for n in ("diversity", "content") if getattr(chosen, n)},
        "seed": chosen.seed,
        "settings": asdict(settings),
        "jax": jax.__version__,
    }


def _range(gallery: Any) -> str:
    """Return the least and most that was reached, as people read it."""
    import numpy as np

    from atlasjax.vis.sheet import shown

    ends = [float(end(gallery.reached)) for end in (np.nanmin, np.nanmax)]
    least, most = (shown(end, gallery.measure) for end in ends)
    return f"{gallery.measure} {least}" + (f" to {most}" if most != least else "")
