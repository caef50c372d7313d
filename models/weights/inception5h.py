"""Reads `tensorflow_inception_graph.pb`, the frozen graph of the article's network.

TensorFlow kept this network as a graph of operations with its weights in `Const` nodes between
them. The weights are all that is taken; that the operations are those of this network (paddings,
strides, the constants of the normalization, the order of the branches) is checked, since another
graph with the same weights would be another network.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from atlasjax.errors import UserError
from atlasjax.models.specs import Spec
from atlasjax.models.weights import files, protobuf
from atlasjax.models.weights import parameters as own

ORIGINAL = "tensorflow_inception_graph.pb"
BRANCHES = {
    "one": "1x1",
    "three_bottleneck": "3x3_bottleneck",
    "three": "3x3",
    "five_bottleneck": "5x5_bottleneck",
    "five": "5x5",
    "pool_reduce": "pool_reduce",
}
CONCATENATED = ("1x1", "3x3", "5x5", "pool_reduce")

_SCHEMA = {
    "Dim": {"size": (1, "int64")},
    "TensorShapeProto": {"dim": (2, "repeated Dim")},
    "TensorProto": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "TensorShapeProto"),
        "tensor_content": (4, "bytes"),
        # Packed floats are on the wire what bytes are, and NumPy reads bytes at once.
        "float_val": (5, "repeated bytes"),
    },
    "ListValue": {"i": (3, "packed int64")},
    "AttrValue": {
        "list": (1, "ListValue"),
        "s": (2, "bytes"),
        "i": (3, "int64"),
        "f": (4, "float"),
        "tensor": (8, "TensorProto"),
    },
    "AttrEntry": {"key": (1, "string"), "value": (2, "AttrValue")},
    "NodeDef": {
        "name": (1, "string"),
        "op": (2, "string"),
        "input": (3, "repeated string"),
        "attr": (5, "repeated AttrEntry"),
    },
    "GraphDef": {"node": (1, "repeated NodeDef")},
}
_FLOAT = 1  # TensorFlow's DT_FLOAT
_WHAT = "a frozen TensorFlow graph"


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the constants of a frozen graph that are of float32.

    Args:
        path: the file.

    Returns:
        Arrays by the names of their nodes: "mixed4c_3x3_w" [h, w, in, out].

    Raises:
        UserError: there is no such file, it is truncated or no graph, or it computes something else
            than InceptionV1 does.

    Source: TensorFlow's `graph.proto`, `node_def.proto`, `attr_value.proto` and `tensor.proto`.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     read(empty.name)
    Traceback (most recent call last):
    atlasjax.errors.UserError: /...: no operation in it; is it a frozen TensorFlow graph?
    """
    path = files.existing(path)
    graph = protobuf.parse(
        protobuf.message_class(_SCHEMA, "tensorflow", "GraphDef"),
        files.content(path),
        str(path),
        _WHAT,
    )
    nodes = {node.name: node for node in graph.node}
    if not any(node.op for node in nodes.values()):
        raise UserError(f"{path}: no operation in it; is it {_WHAT}?")
    constants = {n: _attributes(node) for n, node in nodes.items() if node.op == "Const"}
    tensors = {
        name: _array(attributes["value"].tensor, name, str(path))
        for name, attributes in constants.items()
        if "value" in attributes and attributes["value"].tensor.dtype == _FLOAT
    }
    check_operations(nodes, str(path))
    return tensors


def tensor_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every constant with weights that the graph has.

    Args:
        spec: the network.

    >>> from atlasjax.models.specs import INCEPTION5H
    >>> tensor_shapes(INCEPTION5H)["mixed4a_3x3_w"], tensor_shapes(INCEPTION5H)["nn0_w"]
    ((3, 3, 96, 204), (2048, 1024))
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path, (outputs, inputs, h, w) in own.layer_shapes(spec).items():
        name = _name(path)
        dense = path.endswith(("hidden", "classifier"))
        shapes[f"{name}_w"] = (h * w * inputs, outputs) if dense else (h, w, inputs, outputs)
        shapes[f"{name}_b"] = (outputs,)
    return shapes


def parameters(
    tensors: Mapping[str, np.ndarray], spec: Spec, source: str = "the weights"
) -> dict[str, np.ndarray]:
    """Convert the graph's constants to this network's parameters, checking that they are its own.

    Args:
        tensors: arrays by the names of their nodes, as `read` returns them.
        spec: the network.
        source: what messages call the tensors: the file's name.

    Returns:
        float32 arrays by dotted path, laid out as the network has them.

    Raises:
        UserError: as `parameters.fitted` does.

    >>> from atlasjax.models.specs import INCEPTION5H
    >>> zeros = {name: np.zeros(shape) for name, shape in tensor_shapes(INCEPTION5H).items()}
    >>> parameters(zeros, INCEPTION5H)["head0.hidden.kernel"].shape
    (4, 4, 128, 1024)
    """
    fitted = own.fitted(tensors, tensor_shapes(spec), spec.name, source)
    shapes, found = own.shapes(spec), {}
    for path in own.layer_shapes(spec):
        name = _name(path)
        # TensorFlow flattens positions before channels, which is the order of a kernel.
        found[f"{path}.kernel"] = fitted[f"{name}_w"].reshape(shapes[f"{path}.kernel"])
        found[f"{path}.bias"] = fitted[f"{name}_b"]
    return found


def _name(path: str) -> str:
    """Return the graph's name of a layer: "mixed4c_3x3" of "mixed4c.three"."""
    block, _, part = path.partition(".")
    if block == "classifier":
        return "softmax2"
    if block.startswith("head"):
        number = block.removeprefix("head")
        named = {"bottleneck": f"head{number}_bottleneck", "hidden": f"nn{number}"}
        return named.get(part, f"softmax{number}")
    return f"{block}_{BRANCHES[part]}" if part else block


def check_operations(nodes: Mapping[str, Any], source: str) -> None:
    """Refuse a graph that does with its weights what this network does not.

    Args:
        nodes: of the graph, by name.
        source: what messages call the graph: the file's name.

    Raises:
        UserError: the first operation with another attribute, or branches in another order.
    """
    for name, node in nodes.items():
        attributes = _attributes(node)
        for attribute, value in _expected(name, node.op).items():
            given = _plain(attributes.get(attribute), value)
            if given != value:
                raise UserError(
                    f"{source}: {node.op} {name!r} has {attribute} {given}; "
                    f"that of inception5h has {value}"
                )
        if node.op in ("Concat", "ConcatV2"):
            branches = [i.removeprefix(f"{name}_") for i in node.input if i.startswith(f"{name}_")]
            if tuple(branches) != CONCATENATED:
                raise UserError(
                    f"{source}: {name!r} concatenates {', '.join(branches) or 'other values'}; "
                    f"that of inception5h {', '.join(CONCATENATED)}"
                )


def _expected(name: str, op: str) -> dict[str, Any]:
    """Return the attributes that an operation of this network has, by what it is."""
    if op == "LRN":
        constants = {"bias": 2.0, "alpha": float(np.float32(1e-4)), "beta": 0.5}
        return {"depth_radius": 5} | constants
    if op == "Conv2D":
        stride = 2 if name.startswith("conv2d0_") else 1
        return {"padding": "SAME", "strides": [1, stride, stride, 1]}
    if op == "MaxPool":
        stride = 1 if name.startswith("mixed") else 2
        return {"padding": "SAME", "ksize": [1, 3, 3, 1], "strides": [1, stride, stride, 1]}
    return {}


def _attributes(node: Any) -> dict[str, Any]:
    return {entry.key: entry.value for entry in node.attr}


def _plain(attribute: Any, like: Any) -> Any:
    """Return an attribute as Python has it, in the type of another value."""
    if attribute is None:
        return None
    if isinstance(like, list):
        return list(attribute.list.i)
    if isinstance(like, str):
        return attribute.s.decode(errors="replace")
    return attribute.f if isinstance(like, float) else attribute.i


def _array(tensor: Any, name: str, source: str) -> np.ndarray:
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    content = tensor.tensor_content or b"".join(tensor.float_val)
    count = int(np.prod(shape, dtype=np.int64))
    values = np.frombuffer(content, "<f4") if len(content) % 4 == 0 else np.empty(0, np.float32)
    if not tensor.tensor_content and 0 < len(values) < count:
        # As TensorFlow has it, the last of fewer values stands for all that are left.
        values = np.concatenate([values, np.full(count - len(values), values[-1])])
    if len(values) != count:
        raise UserError(
            f"{source}: tensor {name!r} of shape {list(shape)} has {len(content) / 4:g} values; "
            "the file is damaged"
        )
    return values.reshape(shape)
