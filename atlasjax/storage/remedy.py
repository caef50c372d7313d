"""Remedy: what is to be done about a file of a run that is not as it was written."""

import json
from pathlib import Path

from atlasjax.errors import UserError

RECORD = "run.json"  # how a run folder was made
LOG = "run.log"  # what was done in it when, and how long it took


def remedy(folder: Path) -> str:
    """Say what makes anew what is missing or damaged in a run folder, and nothing else.

    Args:
        folder: the run folder, or one in it.

    >>> remedy(Path("no/such/run"))
    'run the experiment again, which only writes it anew'
    """
    command = command_of(folder)
    asked = "run the experiment again" if command is None else f"run `{command}` again"
    return f"{asked}, which only writes it anew"


def command_of(folder: Path) -> str | None:
    """Return the command that a run was made by; None where it was none, or is not known.

    Args:
        folder: the run folder, or one in it.
    """
    for place in (folder, *folder.absolute().parents):
        try:
            return str(json.loads((place / RECORD).read_text(encoding="utf-8"))["command"])
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError, LookupError, TypeError):  # made from Python; or damaged too
            break
    return None


def damaged(path: Path) -> UserError:
    """Return the error for a file that is not as it was written, with what mends it.

    Args:
        path: the file, in a run folder.

    >>> str(damaged(Path("no/such.npz")))
    'no/such.npz is missing or damaged: run the experiment again, which only writes it anew'
    """
    return UserError(f"{path} is missing or damaged: {remedy(path.parent)}")
