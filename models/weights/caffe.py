"""Between Caffe's tensors and this network's parameters, both ways.

The names and shapes that Caffe gave the weights of GoogLeNet are what every other copy of them
still uses, so they serve as the format of weight files here too. Caffe stores a convolution as
[out, in, h, w], this network as [h, w, in, out], and a 1x1 convolution as the matrix [in, out].
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import nnx

from atlasjax.errors import UserError
from atlasjax.models.inception_v1 import InceptionV1, Spec

AUXILIARY = ("loss1/", "loss2/")  # heads that only training used; this network has none

BRANCHES = {
    "1x1": "one",
    "3x3_reduce": "three_bottleneck",
    "3x3": "three",
    "5x5_reduce": "five_bottleneck",
    "5x5": "five",
    "pool_proj": "pool_reduce",
}


class Layer(NamedTuple):
    """Where one of Caffe's layers is in this network.

    Attributes:
        path: the module, dotted: "mixed4c.three".
        shape: of the weight as Caffe stores it: [out, in, h, w], or [out, in] for the classifier.
    """

    path: str
    shape: tuple[int, ...]


def table(spec: Spec) -> dict[str, Layer]:
    """Return, for each of Caffe's layers with weights, where it is in this network.

    Args:
        spec: the network.

    Returns:
        One entry for each layer, by Caffe's name, in the order of the computation.

    Source: the layer names of `bvlc_googlenet/train_val.prototxt` in Caffe.

    >>> from atlasjax.models.inception_v1 import GOOGLENET
    >>> table(GOOGLENET)["inception_4c/3x3_reduce"]
    Layer(path='mixed4c.three_bottleneck', shape=(128, 512, 1, 1))
    """
    a, b, c = spec.stem
    rows = {
        "conv1/7x7_s2": Layer("conv2d0", (a, 3, 7, 7)),
        "conv2/3x3_reduce": Layer("conv2d1", (b, a, 1, 1)),
        "conv2/3x3": Layer("conv2d2", (c, b, 3, 3)),
    }
    width = c
    for block, w in spec.blocks:
        shapes = {
            "1x1": (w.one, width, 1, 1),
            "3x3_reduce": (w.three_bottleneck, width, 1, 1),
            "3x3": (w.three, w.three_bottleneck, 3, 3),
            "5x5_reduce": (w.five_bottleneck, width, 1, 1),
            "5x5": (w.five, w.five_bottleneck, 5, 5),
            "pool_proj": (w.pool_reduce, width, 1, 1),
        }
        for branch, shape in shapes.items():
            caffe = f"inception_{block.removeprefix('mixed')}/{branch}"
            rows[caffe] = Layer(f"{block}.{BRANCHES[branch]}", shape)
        width = w.width
    rows["loss3/classifier"] = Layer("classifier", (spec.classes, width))
    return rows


def tensor_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor that Caffe stores for this network.

    Args:
        spec: the network.

    Returns:
        Shapes by name: two for each layer, its weight and its bias.

    >>> from atlasjax.models.inception_v1 import GOOGLENET
    >>> tensor_shapes(GOOGLENET)["conv1/7x7_s2/bias"]
    (64,)
    """
    shapes = {}
    for name, layer in table(spec).items():
        shapes[f"{name}/weight"] = layer.shape
        shapes[f"{name}/bias"] = layer.shape[:1]
    return shapes


def parameter_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the dotted path and shape of every parameter of the network.

    Args:
        spec: the network.

    Returns:
        Shapes by path, as of what `parameters` returns.

    >>> from atlasjax.models.inception_v1 import GOOGLENET
    >>> parameter_shapes(GOOGLENET)["mixed4c.three.kernel"]
    (3, 3, 128, 256)
    """
    shapes = {}
    for path, shape in table(spec).values():
        shapes[f"{path}.kernel"] = _kernel(np.broadcast_to(np.float32(0), shape)).shape
        shapes[f"{path}.bias"] = shape[:1]
    return shapes


def parameters(
    tensors: Mapping[str, np.ndarray], spec: Spec, source: str = "the weights"
) -> dict[str, np.ndarray]:
    """Convert Caffe's tensors to this network's parameters, checking that they are its own.

    Args:
        tensors: floating-point arrays by Caffe's names. Leading dimensions of size 1, as a
            caffemodel has them, are dropped. Tensors of the auxiliary heads are ignored.
        spec: the network.
        source: what messages call the tensors: the file's name.

    Returns:
        float32 arrays by dotted path, "mixed4c.three.kernel", laid out as the network has them.

    Raises:
        UserError: a tensor is missing, is not this network's, has another shape, is not of
            floating point, or is not finite.

    >>> from atlasjax.models.inception_v1 import GOOGLENET
    >>> zeros = {name: np.zeros(shape) for name, shape in tensor_shapes(GOOGLENET).items()}
    >>> parameters(zeros, GOOGLENET)["mixed4c.three.kernel"].shape
    (3, 3, 128, 256)
    """
    shapes = tensor_shapes(spec)
    _check_names(tensors, shapes, spec, source)
    fitted = {n: _fit(n, tensors[n], shape, spec, source) for n, shape in shapes.items()}
    found = {}
    for name, layer in table(spec).items():
        found[f"{layer.path}.kernel"] = _kernel(fitted[f"{name}/weight"])
        found[f"{layer.path}.bias"] = fitted[f"{name}/bias"]
    return found


def build(values: Mapping[str, np.ndarray], spec: Spec) -> InceptionV1:
    """Return the network holding these parameters; no random initial weights are computed.

    Args:
        values: one array for each parameter, by dotted path, as `parameters` returns them.
        spec: the network.

    Returns:
        The network, in float32.

    >>> from atlasjax.models.inception_v1 import GOOGLENET
    >>> zeros = {name: np.zeros(shape) for name, shape in tensor_shapes(GOOGLENET).items()}
    >>> model = build(parameters(zeros, GOOGLENET), GOOGLENET)
    >>> model.mixed4c.three.kernel.shape
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


def from_caffe(
    tensors: Mapping[str, np.ndarray], spec: Spec, source: str = "the weights"
) -> InceptionV1:
    """Return the network with Caffe's weights.

    Args:
        tensors: floating-point arrays by Caffe's names: "inception_4c/3x3/weight" [out, in, h, w],
            "loss3/classifier/bias" [out].
        spec: the network that they belong to.
        source: what messages call the tensors: the file's name.

    Returns:
        The network, in float32.

    Raises:
        UserError: as `parameters` does.

    >>> from atlasjax.models.inception_v1 import GOOGLENET
    >>> from_caffe({}, GOOGLENET)
    Traceback (most recent call last):
    atlasjax.errors.UserError: the weights: no tensor 'conv1/7x7_s2/weight' of shape
    [64, 3, 7, 7]; 116 of the 116 tensors of googlenet are missing
    """
    return build(parameters(tensors, spec, source), spec)


def to_caffe(model: InceptionV1) -> dict[str, np.ndarray]:
    """Return a network's weights under Caffe's names and in Caffe's layout.

    Args:
        model: the network.

    Returns:
        float32 arrays, such that `from_caffe(to_caffe(model), model.spec)` equals `model`.

    >>> from atlasjax.models.inception_v1 import GOOGLENET
    >>> zeros = {name: np.zeros(shape) for name, shape in tensor_shapes(GOOGLENET).items()}
    >>> to_caffe(from_caffe(zeros, GOOGLENET))["conv1/7x7_s2/weight"].shape
    (64, 3, 7, 7)
    """
    flat = {".".join(map(str, path)): leaf for path, leaf in nnx.to_flat_state(nnx.state(model))}
    found = {}
    for name, layer in table(model.spec).items():
        kernel = np.asarray(flat[f"{layer.path}.kernel"][...], np.float32)
        axes = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
        weight = kernel.transpose(axes).reshape(layer.shape)
        found[f"{name}/weight"] = np.ascontiguousarray(weight)
        found[f"{name}/bias"] = np.asarray(flat[f"{layer.path}.bias"][...], np.float32)
    return found


def _check_names(
    tensors: Iterable[str], expected: Mapping[str, tuple[int, ...]], spec: Spec, source: str
) -> None:
    given = set(tensors)
    missing = [name for name in expected if name not in given]
    extra = sorted(n for n in given if n not in expected and not n.startswith(AUXILIARY))
    counted = f"{len(missing)} of the {len(expected)} tensors of {spec.name} are missing"
    if extra:
        others = f" and {len(extra) - 1} more" if len(extra) > 1 else ""
        raise UserError(
            f"{source}: weights of another network than {spec.name}: "
            f"it has no tensor {extra[0]!r}{others}" + (f"; {counted}" if missing else "")
        )
    if missing:
        shape = list(expected[missing[0]])
        raise UserError(f"{source}: no tensor {missing[0]!r} of shape {shape}; {counted}")


def _fit(
    name: str, tensor: np.ndarray, shape: tuple[int, ...], spec: Spec, source: str
) -> np.ndarray:
    """Return the tensor in float32 without leading ones, once it is found to be as expected."""
    bare = tensor.shape
    while len(bare) > len(shape) and bare[0] == 1:
        bare = bare[1:]
    if bare != shape:
        raise UserError(
            f"{source}: tensor {name!r} has shape {list(tensor.shape)}; "
            f"that of {spec.name} has {list(shape)}"
        )
    if not jnp.issubdtype(tensor.dtype, jnp.floating):
        raise UserError(f"{source}: tensor {name!r} is of {tensor.dtype}; it must be of floats")
    fitted = tensor.reshape(shape).astype(np.float32, copy=False)
    if not np.isfinite(fitted).all():
        bad = np.count_nonzero(~np.isfinite(fitted))
        raise UserError(
            f"{source}: tensor {name!r} has {bad} of {fitted.size} values that are NaN or infinite"
        )
    return fitted


def _kernel(weight: np.ndarray) -> np.ndarray:
    """Turn [out, in, h, w] into [h, w, in, out], and anything 1x1 into the matrix [in, out]."""
    if weight.ndim == 2 or weight.shape[2:] == (1, 1):
        return weight.reshape(weight.shape[:2]).T
    return weight.transpose(2, 3, 1, 0)
