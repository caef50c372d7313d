"""Which one thing `atlasjax vis` is asked to draw, and what may be asked of it."""

import argparse

from atlasjax.cli.vis_values import NEGATIVE, size
from atlasjax.errors import UserError

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


def subject_of(chosen: argparse.Namespace) -> str:
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
    if chosen.keep is not None and chosen.accentuate is None:
        raise UserError("--keep is for --accentuate")
    if chosen.accentuate is not None:
        if subject not in ("channels", "class"):
            raise UserError("--accentuate is for --channels and --class")
        if chosen.diversity is not None or chosen.negative:
            raise UserError("--accentuate goes with neither --diversity nor --negative")
    if chosen.negative and (subject not in NEGATIVE or chosen.diversity is not None):
        raise UserError("--negative is for --channels, --neurons and --direction")
    size(chosen.size)  # which refuses what is no size
    return subject
