"""The command line: one file for each command, which parses, calls a workflow and prints."""

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from atlasjax.cli.interrupt import interruptible
from atlasjax.errors import UserError, unknown

# Each in the file of its name; those that Python keeps for itself have an underscore behind them.
COMMANDS = {
    "run": "run",
    "vis": "vis",
    "class": "class_",
    "compare": "compare",
    "explain": "explain",
    "units": "units",
    "circuit": "circuit",
    "landscape": "landscape",
    "tree": "tree",
    "report": "report",
    "status": "status",
    "list": "list_",
    "layers": "layers",
    "weights": "weights",
    "view": "view",
    "export": "export",
}
# What is no fault of the program: no permission, nothing may be written, the disk is full.
SURROUNDINGS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, getattr(errno, "EDQUOT", -1))
RESUME = ("run", "class", "compare", "units", "landscape")


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
    except OSError as error:
        if error.errno not in SURROUNDINGS:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"atlasjax: {where}{error.strerror}", file=sys.stderr)
        sys.exit(2)


def _do(given: list[str]) -> None:
    if given and not given[0].startswith("-") and given[0] not in COMMANDS:
        raise unknown("command", given[0], COMMANDS)
    chosen = _parser().parse_args(given, argparse.Namespace(given=given))
    if chosen.computes:
        from atlasjax.cli import process  # which imports JAX

        process.prepare()
    chosen.function(chosen)


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="atlasjax", description="Activation atlases and feature visualization.")
    parser.add_argument("--version", action="version", version=_version())
    parser.set_defaults(computes=False)  # what runs a network says otherwise
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for file in COMMANDS.values():
        importlib.import_module(f"atlasjax.cli.{file}").add(commands)
    return parser


def _version() -> str:
    try:
        return version("atlasjax")
    except PackageNotFoundError:
        return "not installed"
