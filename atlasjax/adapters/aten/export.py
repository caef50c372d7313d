"""Export: from a module of PyTorch to the graph of what it does in evaluation."""

import logging
import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atlasjax.errors import UserError
from atlasjax.storage.pointers import HEAD, stand_in

FREE_SECONDS = 10.0  # of computing, after which sizes are no longer left free


def exported(module: Any, example: Any, *, free: bool = False) -> Any:
    """Return the module as a `torch.export.ExportedProgram`, with a free batch where it can.

    Args:
        module: a `torch.nn.Module`, which is the same afterwards.
        example: a tensor as the module takes it.
        free: whether to leave rows and columns free, too, where the module lets them.

    Raises:
        UserError: the module fails on the example, or cannot be exported.
    """
    import torch
    from torch.export import Dim

    several = example if example.shape[0] > 1 else torch.cat([example, example])
    batch, every = {0: Dim.AUTO}, {0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO}
    tries = [(several, batch, math.inf), (example, None, math.inf)]
    if free and example.ndim == 4:
        # With windows that are padded and shifted, what PyTorch works out of sizes has no end.
        tries.insert(0, (several, every, FREE_SECONDS))
    first: Exception | None = None
    with at_rest(module):
        for inputs, sizes, seconds in tries:
            shapes = None if sizes is None else (sizes,)
            try:
                with _within(seconds):
                    return torch.export.export(
                        module, (inputs,), dynamic_shapes=shapes, strict=False
                    )
            except Exception as error:  # whatever the network raises is its answer
                if first is None:
                    first = error
                    _run(module, example)
    assert first is not None
    raise UserError(
        f"torch.export cannot follow this network ({message(first)}): "
        "export it yourself and adapt the program, see torch.export's documentation"
    ) from first


def decomposed(program: Any) -> Any:
    """Return the program in PyTorch's core operators, without any that overwrites."""
    with _quiet():
        return program.run_decompositions()


def loaded(path: str | Path) -> Any:
    """Return a saved program.

    Args:
        path: of a file that `torch.export.save` wrote.

    Raises:
        UserError: no such file, or one that PyTorch cannot read.
    """
    import torch

    if not Path(path).is_file():
        raise UserError(f"no file {str(path)!r}")
    with Path(path).open("rb") as file:
        instead = stand_in(file.read(HEAD))
    if instead is not None:
        raise UserError(f"{str(path)!r} is {instead}")
    try:
        with _quiet():
            return torch.export.load(str(path))
    except Exception as error:
        raise UserError(
            f"{str(path)!r} is not a program of torch.export.save: {message(error)}"
        ) from error


@contextmanager
def at_rest(module: Any) -> Iterator[None]:
    """Have the module in evaluation, and every part of it as it was afterwards."""
    import torch

    training = {part: part.training for part in module.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    module.eval()
    # One fused operator for all of an attention could not be looked into.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _quiet():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for part, was in training.items():
            part.training = was


def message(error: Exception) -> str:
    """Return the last line of an error, or its kind where it says nothing.

    >>> message(ValueError("first this, then that")), message(KeyError())
    ('first this, then that', 'KeyError')
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raise at the first call of a module that comes later than that."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    end = time.thread_time() + seconds

    def check(module: Any, given: Any) -> None:
        del module, given
        if time.thread_time() > end:
            raise TimeoutError("with free sizes it takes too long")

    hook = register_module_forward_pre_hook(check)
    try:
        yield
    finally:
        hook.remove()


def _run(module: Any, example: Any) -> None:
    """Run the module, so that it is its own error that is shown and not the export's."""
    import torch

    try:
        with torch.no_grad():
            module(example)
    except Exception as error:
        raise UserError(
            f"the network fails on an input of shape {list(example.shape)}: {message(error)}; "
            "give one that it takes by example=, an array or a size"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    # What torch.export warns of and logs, its own deprecations and inequalities that it cannot
    # solve, is nothing that a user of it can mend.
    disabled = logging.root.manager.disable
    logging.disable(max(disabled, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
