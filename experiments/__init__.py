"""Named experiments: one config a file, each a frozen `Experiment` called CONFIG.

A config's docstring is its documentation: what it makes, the exact command, how long it takes and
what to expect.
"""

import importlib
import pkgutil

from atlasjax.errors import unknown
from atlasjax.runs.experiment import Experiment


def names() -> tuple[str, ...]:
    """Return the names of all experiments: the modules here, not the packages.

    >>> "googlenet" in names()
    True
    """
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg))


def load(name: str) -> tuple[Experiment, str]:
    """Return an experiment and its documentation.

    Args:
        name: one of `names()`.

    Returns:
        The config, and the docstring of its file.

    Raises:
        UserError: no experiment of that name.

    >>> load("googlenet")[0].model
    'googlenet'
    """
    if name not in names():
        raise unknown("experiment", name, names())
    module = importlib.import_module(f"atlasjax.experiments.{name}")
    return module.CONFIG, module.__doc__ or ""
