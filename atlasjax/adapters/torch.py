"""Networks of PyTorch: exported by `torch.export`, and their graph translated to JAX.

The export gives a flat graph of PyTorch's operators in which every value knows the module it comes
from; `aten` computes them. Sizes stay free where the network lets them. Where it does arithmetic
that pins them down, it is exported anew for each shape of input that is asked for, so that it works
at every size at which it works in PyTorch.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from atlasjax.adapters.adapted import Parts
from atlasjax.adapters.aten.export import decomposed, exported, loaded
from atlasjax.adapters.aten.program import Program, run
from atlasjax.adapters.aten.steps import unsure
from atlasjax.adapters.aten.translate import (
    array,
    not_translated,
    translate,
    unknown_operators,
)
from atlasjax.errors import UserError
from atlasjax.taps import Tap, identity

SIDE, CHANNELS = 224, 3  # of an example that nobody gave


@dataclass(frozen=True, eq=False)
class Network:
    """What a network computes, for inputs of any shape that it takes.

    Attributes:
        module: the network, or None where there is only the one program.
        programs: translations, each for some shapes; those made on the way are kept here.
        constants: arrays that a later program has and the first one has not, by name.
    """

    module: Any
    programs: list[Program]
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def __call__(self, variables: Mapping[str, Array], x: Array, tap: Tap = identity) -> Any:
        """Return what the network returns for these inputs, calling `tap` on every module's.

        Raises:
            UserError: inputs of a shape that the network does not take.
        """
        program = self.program_for(tuple(x.shape))
        missing = {name: jnp.asarray(value) for name, value in self.constants.items()}
        return run(program, {**missing, **variables}, x, tap)

    def program_for(self, shape: tuple[int, ...]) -> Program:
        """Return a program for inputs of a shape, exporting the network anew if need be."""
        for program in self.programs:
            if program.fits(shape):
                return program
        if self.module is None:
            taken = ", ".join(map(str, self.programs[0].shape))
            raise UserError(
                f"the saved program takes inputs of shape [{taken}], not {list(shape)}: export it "
                "with dynamic_shapes= for other sizes, or adapt the module itself"
            )
        first = self.programs[0]
        made = exported(self.module, _zeros(self.module, shape))
        made, program = _translated(made, saved=False)
        missing = set(program.inputs.values()) - set(first.inputs.values())
        self.constants.update(_variables(made, missing))
        self.programs.append(program)
        return program


def is_network(network: Any) -> bool:
    """Return whether this is a module or an exported program of PyTorch, or the path of one.

    PyTorch is not imported for that.

    Args:
        network: anything.

    >>> is_network("network.pt2"), is_network(print)
    (True, False)
    """
    if isinstance(network, str | Path):
        return str(network).endswith(".pt2")
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    if isinstance(network, torch.nn.Module):
        return True
    export = sys.modules.get("torch.export")
    return export is not None and isinstance(network, export.ExportedProgram)


def parts(network: Any, *, example: Any = None) -> Parts:
    """Take a network of PyTorch apart.

    The module is exported as it is in evaluation and is afterwards what it was before.

    Args:
        network: a `torch.nn.Module`, a `torch.export.ExportedProgram`, or the path of one that was
            saved (`.pt2`).
        example: an input as the network takes it, or a size of images: a side, or (h, w, c). 224
            pixels and three channels, where none is given.

    Returns:
        Its arrays by name, and what it computes. Taps have the names of `named_modules()`; the
        second and later calls of one module have ":1", ":2", ... behind the name.

    Raises:
        UserError: no PyTorch, an example that the network fails on, an operator that is not
            translated.
    """
    try:
        import torch
    except ImportError as error:
        raise UserError(
            "PyTorch is not installed, which this network needs: pip install 'atlasjax[torch]'"
        ) from error

    module = network if isinstance(network, torch.nn.Module) else None
    if module is not None:
        made = exported(module, _example(module, example), free=True)
    else:
        made = loaded(network) if isinstance(network, str | Path) else network
    made, program = _translated(made, saved=module is None)
    call = Network(module, [program])
    variables = _variables(made, set(program.inputs.values()))
    return Parts(
        variables={name: jnp.asarray(value) for name, value in variables.items()},
        call=call,
        channels_first=len(program.shape) == 4,
        channels_last=program.channels_last,
    )


def _translated(made: Any, *, saved: bool) -> tuple[Any, Program]:
    """Return the exported program as it was translated, and the translation."""
    program = translate(made, saved=saved)
    if unknown_operators(program) or unsure(program.steps):
        # PyTorch's core operators are fewer, but taking a network down to them takes much longer.
        made = decomposed(made)
        program = translate(made, saved=saved)
    if unknown := unknown_operators(program):
        raise not_translated(unknown)
    return made, program


def _variables(made: Any, names: set[str]) -> dict[str, np.ndarray]:
    held = {**made.constants, **made.state_dict}
    return {name: array(held[name]) for name in sorted(names)}


def _example(module: Any, example: Any) -> Any:
    """Return an example as a tensor of the type and on the device of the module's arrays."""
    import torch

    size = SIDE if example is None else example
    size = (size, size, CHANNELS) if isinstance(size, int) else size
    like = _like(module)
    if isinstance(size, tuple | list) and all(isinstance(n, int) for n in size):
        if len(size) != 3:
            raise UserError(
                f"example={tuple(size)} is no size of images: give a side, (h, w, c), "
                "or an array as the network takes it"
            )
        h, w, c = size
        return _zeros(module, (1, c, h, w))
    tensor = size if isinstance(size, torch.Tensor) else torch.from_numpy(np.array(size))
    if not tensor.is_floating_point() or tensor.ndim < 2 or not len(tensor):
        raise UserError(
            f"example= of shape {list(tensor.shape)} and type {tensor.dtype} is no batch of images "
            "[1, c, h, w] of floating point"
        )
    return tensor[:1].detach().to(dtype=like.dtype, device=like.device)


def _zeros(module: Any, shape: tuple[int, ...]) -> Any:
    import torch

    like = _like(module)
    return torch.zeros(shape, dtype=like.dtype, device=like.device)


def _like(module: Any) -> Any:
    import torch

    return next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
