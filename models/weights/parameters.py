"""What every format of weights ends in: the parameters of the network, checked and put in place.

Each format names tensors and lays them out in its own way. Here is what the network itself has: its
layers with their shapes, and its parameters, kernels [h, w, in, out] and 1x1 ones [in, out].
"""

from collections.abc import Iterable, Mapping

import jax.numpy as jnp
import numpy as np
from flax import nnx

from atlasjax.errors import UserError
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.specs import Spec

Shapes = Mapping[str, tuple[int, ...]]


def layer_shapes(spec: Spec) -> dict[str, tuple[int, int, int, int]]:
    """Return the layers that have weights, with outputs, inputs, height and width of each.

    Args:
        spec: the network.

    Returns:
        [out, in, h, w] by dotted path, in the order of the computation.

    >>> from atlasjax.models.specs import GOOGLENET
    >>> layer_shapes(GOOGLENET)["mixed4c.three"]
    (256, 128, 3, 3)
    """
    a, b, c = spec.stem
    found = {"conv2d0": (a, 3, 7, 7), "conv2d1": (b, a, 1, 1), "conv2d2": (c, b, 3, 3)}
    width = c
    for block, w in spec.blocks:
        found |= {
            f"{block}.one": (w.one, width, 1, 1),
            f"{block}.three_bottleneck": (w.three_bottleneck, width, 1, 1),
            f"{block}.three": (w.three, w.three_bottleneck, 3, 3),
            f"{block}.five_bottleneck": (w.five_bottleneck, width, 1, 1),
            f"{block}.five": (w.five, w.five_bottleneck, spec.five, spec.five),
            f"{block}.pool_reduce": (w.pool_reduce, width, 1, 1),
        }
        width = w.width
        for head in (head for head in spec.heads if head.after == block):
            found |= {
                f"head{head.number}.bottleneck": (head.bottleneck, width, 1, 1),
                f"head{head.number}.hidden": (head.hidden, head.bottleneck, 4, 4),
                f"head{head.number}.classifier": (spec.classes, head.hidden, 1, 1),
            }
    return found | {"classifier": (spec.classes, width, 1, 1)}


def shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the dotted path and shape of every parameter of the network.

    Args:
        spec: the network.

    >>> from atlasjax.models.specs import GOOGLENET
    >>> shapes(GOOGLENET)["mixed4c.three.kernel"]
    (3, 3, 128, 256)
    """
    found: dict[str, tuple[int, ...]] = {}
    for path, (outputs, inputs, h, w) in layer_shapes(spec).items():
        found[f"{path}.kernel"] = (inputs, outputs) if h == w == 1 else (h, w, inputs, outputs)
        found[f"{path}.bias"] = (outputs,)
    return found


def kernel(weight: np.ndarray) -> np.ndarray:
    """Turn [out, in, h, w] into [h, w, in, out], and anything 1x1 into the matrix [in, out].

    >>> kernel(np.zeros((256, 128, 3, 3))).shape, kernel(np.zeros((10, 20))).shape
    ((3, 3, 128, 256), (20, 10))
    """
    if weight.ndim == 2 or weight.shape[2:] == (1, 1):
        return weight.reshape(weight.shape[:2]).T
    return weight.transpose(2, 3, 1, 0)


def fitted(
    tensors: Mapping[str, np.ndarray],
    expected: Shapes,
    name: str,
    source: str,
    ignored: tuple[str, ...] = (),
) -> dict[str, np.ndarray]:
    """Return a file's tensors in float32 once they are found to be those of the network.

    Args:
        tensors: floating-point arrays by the names of the format. Leading dimensions of size 1 are
            dropped.
        expected: the shape of each tensor that the network has, by the same names.
        name: of the network, for messages.
        source: what messages call the tensors: the file's name.
        ignored: what the names of tensors begin with that may be there and are not needed.

    Raises:
        UserError: a tensor is missing, is not this network's, has another shape, is not of
            floating point, or is not finite.

    >>> fitted({"a": np.zeros((1, 2))}, {"a": (2,)}, "toy", "a.npz")
    {'a': array([0., 0.], dtype=float32)}
    >>> fitted({"b": np.zeros(2)}, {"a": (2,)}, "toy", "a.npz")
    Traceback (most recent call last):
    atlasjax.errors.UserError: a.npz: weights of another network than toy: it has no tensor 'b';
    1 of the 1 tensors of toy are missing
    """
    _check_names(tensors, expected, name, source, ignored)
    return {n: _fit(n, tensors[n], shape, name, source) for n, shape in expected.items()}


def build(values: Mapping[str, np.ndarray], spec: Spec) -> InceptionV1:
    """Return the network holding these parameters; no random initial weights are computed.

    Args:
        values: one array for each parameter, by dotted path, as in `shapes`.
        spec: the network.

    Returns:
        The network, in float32.

    >>> from atlasjax.models.specs import GOOGLENET
    >>> zeros = {path: np.zeros(shape) for path, shape in shapes(GOOGLENET).items()}
    >>> build(zeros, GOOGLENET).mixed4c.three.kernel.shape
    (3, 3, 128, 256)
    """
    abstract = nnx.eval_shape(lambda: InceptionV1(spec, rngs=nnx.Rngs(0)))
    structure, state = nnx.split(abstract)
    nested: dict = {}
    for path, value in values.items():
        *modules, leaf = path.split(".")
        inner = nested
        for module in modules:
            inner = inner.setdefault(module, {})
        inner[leaf] = jnp.asarray(value, jnp.float32)
    nnx.replace_by_pure_dict(state, nested)
    return nnx.merge(structure, state)


def _check_names(
    tensors: Iterable[str], expected: Shapes, name: str, source: str, ignored: tuple[str, ...]
) -> None:
    given = set(tensors)
    missing = [n for n in expected if n not in given]
    extra = sorted(n for n in given if n not in expected and not n.startswith(ignored))
    counted = f"{len(missing)} of the {len(expected)} tensors of {name} are missing"
    if extra:
        others = f" and {len(extra) - 1} more" if len(extra) > 1 else ""
        raise UserError(
            f"{source}: weights of another network than {name}: "
            f"it has no tensor {extra[0]!r}{others}" + (f"; {counted}" if missing else "")
        )
    if missing:
        shape = list(expected[missing[0]])
        raise UserError(f"{source}: no tensor {missing[0]!r} of shape {shape}; {counted}")


def _fit(
    tensor_name: str, tensor: np.ndarray, shape: tuple[int, ...], name: str, source: str
) -> np.ndarray:
    """Return the tensor in float32 without leading ones, once it is found to be as expected."""
    bare = tensor.shape
    while len(bare) > len(shape) and bare[0] == 1:
        bare = bare[1:]
    if bare != shape:
        raise UserError(
            f"{source}: tensor {tensor_name!r} has shape {list(tensor.shape)}; "
            f"that of {name} has {list(shape)}"
        )
    if not jnp.issubdtype(tensor.dtype, jnp.floating):
        raise UserError(
            f"{source}: tensor {tensor_name!r} is of {tensor.dtype}; it must be of floats"
        )
    fit = tensor.reshape(shape).astype(np.float32, copy=False)
    if not np.isfinite(fit).all():
        bad = np.count_nonzero(~np.isfinite(fit))
        raise UserError(
            f"{source}: tensor {tensor_name!r} has {bad} of {fit.size} values that are NaN or "
            "infinite"
        )
    return fit
