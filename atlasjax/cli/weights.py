"""The command `atlasjax weights`: published weights, listed, fetched, imported and verified."""

import argparse
import sys
from typing import Any

from atlasjax.errors import UserError


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    weights = commands.add_parser("weights", help="published weights: list, fetch, import, verify")
    weights.set_defaults(function=_list)
    actions = weights.add_subparsers(metavar="ACTION", parser_class=type(weights))
    listing = actions.add_parser("list", help="what is known, and what of it is here")
    listing.set_defaults(function=_list)
    fetch = actions.add_parser("fetch", help="fetch a network's weights from who published them")
    fetch.add_argument("name", help="of the network, as `atlasjax weights list` has it")
    fetch.add_argument("--again", action="store_true", help="also if they are here already")
    fetch.set_defaults(function=_fetch)
    take = actions.add_parser("import", help="take a file that was got by hand")
    take.add_argument("file", help="as it was published; its content tells which network it is")
    take.add_argument("--class-names", metavar="FILE", help="one on each line, if not beside it")
    take.set_defaults(function=_import)
    verify = actions.add_parser("verify", help="compare what is here with its checksums")
    verify.add_argument("name", nargs="?", help="of the network; all that are here by default")
    verify.set_defaults(function=_verify)


def _list(chosen: argparse.Namespace) -> None:
    del chosen
    from atlasjax.workflows import weights

    for known, here in weights.listed():
        print(f"{known.name}: {known.about}")
        print(f"    {known.weights.megabytes} MB, {known.licence}, from {known.weights.url}")
        if here is None:
            print(f"    not here: atlasjax weights fetch {known.name}")
        else:
            print(f"    here since {here.record.added} ({_trust(here)}): {here.path}")


def _fetch(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows import weights

    here = weights.fetch(chosen.name, again=chosen.again)
    try:
        weights.fetch_class_names(chosen.name)
    except UserError as error:  # classes have numbers then, and all else is there
        print(f"atlasjax: without the names of its classes: {error}", file=sys.stderr)
    _say(here)


def _import(chosen: argparse.Namespace) -> None:
    from pathlib import Path

    from atlasjax.workflows import weights

    here = weights.take(chosen.file)
    if chosen.class_names is not None:
        weights.add_class_names(here.published.name, Path(chosen.class_names))
    _say(here)


def _verify(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows import weights

    all_here = [known.name for known, here in weights.listed() if here is not None]
    names = all_here if chosen.name is None else [chosen.name]
    if not names:
        print("no weights are here: atlasjax weights list")
    for name in names:
        here = weights.verify(name)
        print(f"{name}: as it came ({_trust(here)})")


def _say(here: Any) -> None:
    """Print what is here now, and what can be done with it."""
    name = here.published.name
    print(f"{name}: {here.path} ({_trust(here)})")
    print(f"atlasjax run {name} --images FOLDER")


def _trust(here: Any) -> str:
    """Return in words what speaks for stored weights."""
    return {
        "published": "its published checksum",
        "first use": "no checksum is published; remembered from when it first came",
        "given": "another file than the published one",
    }[here.record.trust]
