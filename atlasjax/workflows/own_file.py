"""One's own file: an experiment, and the network it is about, in a Python file of the user's.

    atlasjax run my_experiment.py --steps 64

It holds `CONFIG = Experiment(...)`, and `MODEL = ModelEntry(...)` where the network is not one that
atlasjax knows by name. Such a file is run only because the user named it: a run's record keeps its
path and digest, and by these it is found again, where this user has named it before.
"""

import contextlib
import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import Any, NamedTuple

from atlasjax.adapters.entry import ModelEntry, entry_of, last_line, raised_at
from atlasjax.errors import UserError, nearest
from atlasjax.runs.experiment import Experiment
from atlasjax.storage import artifacts


class OwnFile(NamedTuple):
    """What a file of the user's holds.

    Attributes:
        path: the file.
        sha256: its digest.
        config: its experiment; None where it has none.
        model: its network; None where it has none.
        documentation: its docstring.
    """

    path: Path
    sha256: str
    config: Experiment | None
    model: ModelEntry | None
    documentation: str


def is_own_file(name: Any) -> bool:
    """Tell whether a name is that of a Python file, and not of something that atlasjax knows.

    >>> is_own_file("my_experiment.py"), is_own_file("googlenet")
    (True, False)
    """
    return isinstance(name, str | Path) and str(name).endswith(".py")


def read(path: str | Path) -> OwnFile:
    """Run a file of the user's, and return what it holds.

    Args:
        path: the file, which the user named. It may import what lies beside it.

    Raises:
        UserError: no such file, one that fails, or one with neither CONFIG nor MODEL.

    >>> read("no/such/file.py")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no file 'no/such/file.py'
    """
    path = Path(path)
    if not path.is_file():
        close = nearest(path.name, [p.name for p in sorted(path.parent.glob("*.py"))])
        hint = f"; did you mean {', '.join(str(path.parent / name) for name in close)}?"
        raise UserError(f"no file {str(path)!r}" + (hint if close else ""))
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # as Python does for a script: what is loaded later is found too
        sys.path.insert(0, folder)
    names = _executed(path)
    config, model = names.get("CONFIG"), names.get("MODEL")
    if config is None and model is None:
        raise UserError(
            f"{path}: neither CONFIG = Experiment(...) nor MODEL = ModelEntry(...) in it"
        )
    if config is not None and not isinstance(config, Experiment):
        raise UserError(f"{path}: CONFIG is a {type(config).__name__}; it must be an Experiment")
    entry = None if model is None else entry_of(model)
    _remember(path)
    return OwnFile(path.resolve(), digest(path), config, entry, names.get("__doc__") or "")


def digest(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def named_before(sha256: str) -> bool:
    """Tell whether this user has named a file of this digest before.

    Args:
        sha256: of the file.

    >>> named_before("0" * 64)
    False
    """
    return (_known() / sha256).is_file()


def _executed(path: Path) -> dict[str, Any]:
    # The module stays known by this name, since classes of the file look it up.
    name = f"atlasjax_file_{path.stem}_{digest(path)[:12]}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UserError:
        raise
    except SyntaxError as error:
        raise UserError(f"{path}, line {error.lineno}: SyntaxError: {error.msg}") from error
    except Exception as error:
        where = raised_at(error, str(path.resolve()))
        raise UserError(f"{path} failed: {last_line(error)} ({where})") from error
    return vars(module)


def _known() -> Path:
    return artifacts.user_cache() / "named"


def _remember(path: Path) -> None:
    """Note that the user named this file; where nothing can be noted, they are asked again."""
    with contextlib.suppress(OSError):
        _known().mkdir(parents=True, exist_ok=True)
        (_known() / digest(path)).write_text(f"{path.resolve()}\n", encoding="utf-8")
