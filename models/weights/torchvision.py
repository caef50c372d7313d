"""Between torchvision's tensors of `googlenet` and this network's parameters.

torchvision's convolutions have no bias but a batch norm behind them. In inference that is one
linear map, `(x - mean) / sqrt(var + eps) * weight + bias`, which is multiplied into the convolution
here, so that the network needs no layer of its own for it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from atlasjax.errors import UserError, reason
from atlasjax.models.specs import Spec
from atlasjax.models.weights import files
from atlasjax.models.weights import parameters as own

ORIGINAL = "googlenet-1378be20.pth"
EPSILON = 1e-3  # that of its batch norm
AUXILIARY = ("aux1.", "aux2.")
NORM = ("weight", "bias", "running_mean", "running_var")

STEM = {"conv2d0": "conv1", "conv2d1": "conv2", "conv2d2": "conv3"}
BRANCHES = {
    "one": "branch1",
    "three_bottleneck": "branch2.0",
    "three": "branch2.1",
    "five_bottleneck": "branch3.0",
    "five": "branch3.1",
    "pool_reduce": "branch4.1",
}
COUNTER = "num_batches_tracked"  # what training counts; no weight


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the tensors of a file that PyTorch wrote; nothing in it is executed.

    Args:
        path: the file: a state dictionary, or one under "state_dict" or "model".

    Returns:
        Arrays by torchvision's names. A "module." in front, which training on several devices
        leaves, is dropped.

    Raises:
        UserError: PyTorch is not installed, there is no such file, or it is truncated or holds
            something else than tensors.

    >>> read("there/is/none.pth")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights file 'there/is/none.pth': there is no folder 'there/is'
    """
    path = files.existing(path)
    found = _loaded(path)
    for inside in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(inside), Mapping):
            found = found[inside]
    if not isinstance(found, Mapping) or not all(hasattr(t, "numpy") for t in found.values()):
        raise UserError(f"{path}: no state dictionary: save module.state_dict()")
    return {
        name.removeprefix("module."): tensor.detach().float().numpy()
        for name, tensor in found.items()
        if not name.endswith(COUNTER)
    }


def _loaded(path: Path) -> Any:
    import pickle
    import warnings

    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{path} needs PyTorch to be read: pip install 'atlasjax[torch]', or save the same "
            "tensors as .safetensors"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # what follows says it
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: truncated, or more in it than tensors, which is never executed: "
            "save module.state_dict()"
        ) from error
    except Exception as error:
        # Damaged files make PyTorch's readers raise nearly anything; since 2.13 that of safetensors
        # is one of them, whatever the file is called.
        first = reason(error).partition(". ")[0]
        raise UserError(f"{path}: truncated, or not a file of PyTorch's ({first})") from error


def tensor_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor that torchvision stores for this network.

    Args:
        spec: the network.

    >>> from atlasjax.models.specs import TORCHVISION
    >>> tensor_shapes(TORCHVISION)["inception4c.branch3.1.conv.weight"]
    (64, 24, 3, 3)
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path, shape in own.layer_shapes(spec).items():
        name = _name(path)
        if path == "classifier":
            shapes |= {f"{name}.weight": shape[:2], f"{name}.bias": shape[:1]}
        else:
            shapes[f"{name}.conv.weight"] = shape
            shapes |= {f"{name}.bn.{part}": shape[:1] for part in NORM}
    return shapes


def parameters(
    tensors: Mapping[str, np.ndarray], spec: Spec, source: str = "the weights"
) -> dict[str, np.ndarray]:
    """Convert torchvision's tensors to this network's parameters, batch norm multiplied in.

    Args:
        tensors: arrays by torchvision's names. Those of the auxiliary heads are ignored.
        spec: the network.
        source: what messages call the tensors: the file's name.

    Returns:
        float32 arrays by dotted path, laid out as the network has them.

    Raises:
        UserError: as `parameters.fitted` does, or a variance below 0.

    >>> from atlasjax.models.specs import TORCHVISION
    >>> ones = {name: np.ones(shape) for name, shape in tensor_shapes(TORCHVISION).items()}
    >>> parameters(ones, TORCHVISION)["mixed4c.five.kernel"].shape
    (3, 3, 24, 64)
    """
    kept = {n: t for n, t in tensors.items() if not n.endswith(COUNTER)}
    fitted = own.fitted(kept, tensor_shapes(spec), spec.name, source, AUXILIARY)
    found = {}
    for path in own.layer_shapes(spec):
        name = _name(path)
        if path == "classifier":
            weight, bias = fitted[f"{name}.weight"], fitted[f"{name}.bias"]
        else:
            norm = [fitted[f"{name}.bn.{part}"].astype(np.float64) for part in NORM]
            if norm[3].min() < 0:
                raise UserError(f"{source}: '{name}.bn.running_var' has a value below 0")
            weight, bias = _folded(fitted[f"{name}.conv.weight"], *norm)
        found[f"{path}.kernel"], found[f"{path}.bias"] = own.kernel(weight), bias
    return found


def _folded(
    weight: np.ndarray, scale: np.ndarray, bias: np.ndarray, mean: np.ndarray, var: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Multiply a batch norm into the convolution [out, in, h, w] before it."""
    factor = scale / np.sqrt(var + EPSILON)
    folded = weight * factor[:, None, None, None]
    return folded.astype(np.float32), (bias - mean * factor).astype(np.float32)


def _name(path: str) -> str:
    """Return torchvision's name of a layer: "inception4c.branch2.1" of "mixed4c.three"."""
    block, _, part = path.partition(".")
    if block == "classifier":
        return "fc"
    return f"inception{block.removeprefix('mixed')}.{BRANCHES[part]}" if part else STEM[block]
