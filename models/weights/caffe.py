"""Between Caffe's tensors and this network's parameters, both ways.

The names and shapes that Caffe gave the weights of GoogLeNet are what every other copy of them
still uses, so they serve as the format of weight files here too. Caffe stores a convolution as
[out, in, h, w], this network as [h, w, in, out], and a 1x1 convolution as the matrix [in, out].
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from flax import nnx

from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.specs import Spec
from atlasjax.models.weights import parameters as own

AUXILIARY = ("loss1/", "loss2/")  # heads, of which only some networks have use

STEM = {"conv2d0": "conv1/7x7_s2", "conv2d1": "conv2/3x3_reduce", "conv2d2": "conv2/3x3"}
BRANCHES = {
    "one": "1x1",
    "three_bottleneck": "3x3_reduce",
    "three": "3x3",
    "five_bottleneck": "5x5_reduce",
    "five": "5x5",
    "pool_reduce": "pool_proj",
}
HEADS = {"bottleneck": "conv", "hidden": "fc", "classifier": "classifier"}


class Layer(NamedTuple):
    """Where one of Caffe's layers is in this network.

    Attributes:
        path: the module, dotted: "mixed4c.three".
        shape: of the weight as Caffe stores it: [out, in, h, w], or [out, in] for a classifier.
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

    >>> from atlasjax.models.specs import GOOGLENET
    >>> table(GOOGLENET)["inception_4c/3x3_reduce"]
    Layer(path='mixed4c.three_bottleneck', shape=(128, 512, 1, 1))
    """
    rows = {}
    for path, shape in own.layer_shapes(spec).items():
        is_classifier = path.endswith("classifier")
        rows[_name(path)] = Layer(path, shape[:2] if is_classifier else shape)
    return rows


def _name(path: str) -> str:
    """Return Caffe's name of a layer: "inception_4c/3x3" of "mixed4c.three"."""
    block, _, part = path.partition(".")
    if block == "classifier":
        return "loss3/classifier"
    if block.startswith("head"):
        return f"loss{int(block.removeprefix('head')) + 1}/{HEADS[part]}"
    if not part:
        return STEM[block]
    return f"inception_{block.removeprefix('mixed')}/{BRANCHES[part]}"


def tensor_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor that Caffe stores for this network.

    Args:
        spec: the network.

    Returns:
        Shapes by name: two for each layer, its weight and its bias.

    >>> from atlasjax.models.specs import GOOGLENET
    >>> tensor_shapes(GOOGLENET)["conv1/7x7_s2/bias"]
    (64,)
    """
    shapes = {}
    for name, layer in table(spec).items():
        shapes[f"{name}/weight"] = layer.shape
        shapes[f"{name}/bias"] = layer.shape[:1]
    return shapes


def parameters(
    tensors: Mapping[str, np.ndarray], spec: Spec, source: str = "the weights"
) -> dict[str, np.ndarray]:
    """Convert Caffe's tensors to this network's parameters, checking that they are its own.

    Args:
        tensors: floating-point arrays by Caffe's names. Leading dimensions of size 1, as a
            caffemodel has them, are dropped. Tensors of heads that the network does not have are
            ignored.
        spec: the network.
        source: what messages call the tensors: the file's name.

    Returns:
        float32 arrays by dotted path, "mixed4c.three.kernel", laid out as the network has them.

    Raises:
        UserError: as `parameters.fitted` does.

    >>> from atlasjax.models.specs import GOOGLENET
    >>> zeros = {name: np.zeros(shape) for name, shape in tensor_shapes(GOOGLENET).items()}
    >>> parameters(zeros, GOOGLENET)["mixed4c.three.kernel"].shape
    (3, 3, 128, 256)
    """
    fitted = own.fitted(tensors, tensor_shapes(spec), spec.name, source, AUXILIARY)
    found = {}
    for name, layer in table(spec).items():
        found[f"{layer.path}.kernel"] = own.kernel(fitted[f"{name}/weight"])
        found[f"{layer.path}.bias"] = fitted[f"{name}/bias"]
    return found


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
        UserError: as `parameters.fitted` does.

    >>> from atlasjax.models.specs import GOOGLENET
    >>> from_caffe({}, GOOGLENET)
    Traceback (most recent call last):
    atlasjax.errors.UserError: the weights: no tensor 'conv1/7x7_s2/weight' of shape
    [64, 3, 7, 7]; 116 of the 116 tensors of googlenet are missing
    """
    return own.build(parameters(tensors, spec, source), spec)


def to_caffe(model: InceptionV1) -> dict[str, np.ndarray]:
    """Return a network's weights under Caffe's names and in Caffe's layout.

    Args:
        model: the network.

    Returns:
        float32 arrays, such that `from_caffe(to_caffe(model), model.spec)` equals `model`.

    >>> from atlasjax.models.specs import GOOGLENET
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
