"""The frozen graph of inception5h, as TensorFlow wrote it but with random weights, and its values.

Written from what is published of the file: the names, kinds and widths of its operations, in their
order, and their attributes. Executed operation by operation in PyTorch, by what the attributes say.
Nothing here knows anything of the package.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from wire import chunk, number, varint

# 1x1, 3x3 bottleneck, 3x3, 5x5 bottleneck, 5x5, pool reduce
WIDTHS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 204, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 48, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class Node(NamedTuple):
    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = {}


class Graph(NamedTuple):
    nodes: list[Node]

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def replaced(self, name: str, **changes: Any) -> "Graph":
        """Return the graph with some attributes of one node changed."""
        return Graph(
            [
                n._replace(attributes={**n.attributes, **changes}) if n.name == name else n
                for n in self.nodes
            ]
        )

    def without(self, *names: str) -> "Graph":
        return Graph([node for node in self.nodes if node.name not in names])


def graph(factor: int = 1, classes: int = 1008, seed: int = 0) -> Graph:
    """Return the graph with widths divided by a factor, as long as they stay at least 1."""
    maker = _Maker(factor, classes, np.random.default_rng(seed))
    maker.stem()
    for block in WIDTHS:
        maker.block(block)
    maker.ends()
    return Graph([maker.nodes[0], *maker.constants, *maker.nodes[1:]])


class _Maker:
    def __init__(self, factor: int, classes: int, rng: np.random.Generator):
        self.factor, self.classes, self.rng = factor, classes, rng
        self.nodes = [Node("input", "Placeholder")]
        self.constants: list[Node] = []
        self.last, self.widths = "input", {"input": 3}

    def less(self, width: int) -> int:
        return max(1, width // self.factor)

    def add(self, name: str, op: str, *inputs: str, width: int, **attributes: Any) -> str:
        self.nodes.append(Node(name, op, inputs, attributes))
        self.widths[name] = width
        self.last = name
        return name

    def weights(self, name: str, *shape: int, gain: float = 1.0) -> None:
        deviation = gain * np.sqrt(2 / np.prod(shape[:-1]))
        w = (deviation * self.rng.standard_normal(shape)).astype(np.float32)
        b = (0.1 * self.rng.standard_normal(shape[-1])).astype(np.float32)
        self.constants += [Node(f"{name}_w", "Const", (), {"value": w})]
        self.constants += [Node(f"{name}_b", "Const", (), {"value": b})]

    def conv(self, name: str, source: str, width: int, side: int, stride: int = 1) -> str:
        gain = 1 / 70 if source == "input" else 1.0  # pixels are not of unit size
        self.weights(name, side, side, self.widths[source], width, gain=gain)
        strides = [1, stride, stride, 1]
        product = self.add(
            f"{name}_pre_relu/conv",
            "Conv2D",
            source,
            f"{name}_w",
            width=width,
            strides=strides,
            padding=b"SAME",
        )
        bias = self.add(f"{name}_pre_relu", "BiasAdd", product, f"{name}_b", width=width)
        return self.add(name, "Relu", bias, width=width)

    def pool(self, name: str, source: str, stride: int) -> str:
        return self.add(
            name,
            "MaxPool",
            source,
            width=self.widths[source],
            ksize=[1, 3, 3, 1],
            strides=[1, stride, stride, 1],
            padding=b"SAME",
        )

    def average(self, name: str, source: str, side: int, stride: int) -> str:
        return self.add(
            name,
            "AvgPool",
            source,
            width=self.widths[source],
            ksize=[1, side, side, 1],
            strides=[1, stride, stride, 1],
            padding=b"VALID",
        )

    def lrn(self, name: str, source: str) -> str:
        constants = {"depth_radius": 5, "bias": 2.0, "alpha": 1e-4, "beta": 0.5}
        return self.add(name, "LRN", source, width=self.widths[source], **constants)

    def stem(self) -> None:
        self.conv("conv2d0", "input", self.less(64), 7, stride=2)
        self.pool("maxpool0", "conv2d0", 2)
        self.lrn("localresponsenorm0", "maxpool0")
        self.conv("conv2d1", "localresponsenorm0", self.less(64), 1)
        self.conv("conv2d2", "conv2d1", self.less(192), 3)
        self.lrn("localresponsenorm1", "conv2d2")
        self.pool("maxpool1", "localresponsenorm1", 2)

    def block(self, block: str) -> None:
        name = f"mixed{block}"
        if block in ("4a", "5a"):
            self.pool({"4a": "maxpool4", "5a": "maxpool10"}[block], self.last, 2)
        source = self.last
        one, three_b, three, five_b, five, reduce = map(self.less, WIDTHS[block])
        self.conv(f"{name}_1x1", source, one, 1)
        self.conv(f"{name}_3x3_bottleneck", source, three_b, 1)
        self.conv(f"{name}_3x3", f"{name}_3x3_bottleneck", three, 3)
        self.conv(f"{name}_5x5_bottleneck", source, five_b, 1)
        self.conv(f"{name}_5x5", f"{name}_5x5_bottleneck", five, 5)
        self.pool(f"{name}_pool", source, 1)
        self.conv(f"{name}_pool_reduce", f"{name}_pool", reduce, 1)
        branches = [f"{name}_{branch}" for branch in ("1x1", "3x3", "5x5", "pool_reduce")]
        axis = Node(f"{name}/concat_dim", "Const", (), {"value": np.int32(3)})
        self.nodes.append(axis)
        width = one + three + five + reduce
        self.add(name, "Concat", axis.name, *branches, width=width, N=len(branches))

    def dense(self, name: str, source: str, inputs: int, width: int, after: str) -> str:
        self.weights(name, inputs, width)
        shape = Node(
            f"{source}/reshape/shape", "Const", (), {"value": np.array([-1, inputs], np.int32)}
        )
        self.nodes.append(shape)
        flat = self.add(f"{source}/reshape", "Reshape", source, shape.name, width=inputs)
        product = self.add(f"{name}_{after}/matmul", "MatMul", flat, f"{name}_w", width=width)
        return self.add(f"{name}_{after}", "BiasAdd", product, f"{name}_b", width=width)

    def ends(self) -> None:
        self.average("avgpool0", "mixed5b", 7, 1)
        for i, block in enumerate(("mixed4a", "mixed4d")):
            pooled = self.average(f"head{i}_pool", block, 5, 3)
            narrow, hidden = self.less(128), self.less(1024)
            bottleneck = self.conv(f"head{i}_bottleneck", pooled, narrow, 1)
            dense = self.dense(f"nn{i}", bottleneck, 16 * narrow, hidden, "pre_relu")
            self.add(f"nn{i}", "Relu", dense, width=hidden)
            logits = self.dense(f"softmax{i}", f"nn{i}", hidden, self.classes, "pre_activation")
            self.add(f"softmax{i}", "Softmax", logits, width=self.classes)
        width = self.widths["avgpool0"]
        logits = self.dense("softmax2", "avgpool0", width, self.classes, "pre_activation")
        self.add("softmax2", "Softmax", logits, width=self.classes)
        for i, name in enumerate(("output", "output1", "output2")):
            self.add(name, "Identity", f"softmax{i}", width=self.classes)


def execute(graph: Graph, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return what every operation of the graph gives, for images [b, h, w, 3] of 0 to 255."""
    import torch

    values: dict[str, Any] = {"input": torch.from_numpy(images).permute(0, 3, 1, 2) - 117.0}
    for node in graph.nodes:
        if node.op == "Const":
            values[node.name] = torch.as_tensor(node.attributes["value"])
        elif node.op != "Placeholder":
            given = [values[name] for name in node.inputs]
            values[node.name] = _OPERATIONS[node.op](given, node.attributes)
    shown = {n.name: values[n.name] for n in graph.nodes if n.op != "Const"}
    return {n: (v.permute(0, 2, 3, 1) if v.ndim == 4 else v).numpy() for n, v in shown.items()}


def _padded(x: Any, sides: Sequence[int], strides: Sequence[int], padding: bytes, fill: float):
    """Pad as TensorFlow does for "SAME": what is odd goes behind."""
    import torch

    if padding == b"VALID":
        return x
    pads = []
    for size, side, stride in zip(x.shape[:1:-1], sides[::-1], strides[::-1], strict=True):
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
        pads += [total // 2, total - total // 2]
    return torch.nn.functional.pad(x, pads, value=fill)


def _conv(given: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
    import torch

    x, w = given
    strides = attributes["strides"][1:3]
    x = _padded(x, w.shape[:2], strides, attributes["padding"], 0.0)
    return torch.nn.functional.conv2d(x, w.permute(3, 2, 0, 1), stride=tuple(strides))


def _pool(given: Sequence[Any], attributes: Mapping[str, Any], kind: str, fill: float) -> Any:
    import torch

    sides, strides = attributes["ksize"][1:3], attributes["strides"][1:3]
    x = _padded(given[0], sides, strides, attributes["padding"], fill)
    return getattr(torch.nn.functional, kind)(x, tuple(sides), tuple(strides))


def _lrn(given: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
    import torch

    (x,), radius = given, attributes["depth_radius"]
    squares = torch.nn.functional.pad(x**2, (0, 0, 0, 0, radius, radius))
    energy = squares.unfold(1, 2 * radius + 1, 1).sum(-1)
    return x / (attributes["bias"] + attributes["alpha"] * energy) ** attributes["beta"]


def _bias(given: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
    x, b = given
    return x + (b.reshape(1, -1, 1, 1) if x.ndim == 4 else b)


def _reshape(given: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
    x, shape = given
    return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).reshape(shape.tolist())


def _concat(given: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
    import torch

    assert int(given[0]) == 3  # the channels, which PyTorch has second
    return torch.cat(list(given[1:]), 1)


_OPERATIONS: dict[str, Callable[[Sequence[Any], Mapping[str, Any]], Any]] = {
    "Conv2D": _conv,
    "BiasAdd": _bias,
    "Relu": lambda given, _: given[0].relu(),
    "MaxPool": lambda given, a: _pool(given, a, "max_pool2d", -np.inf),
    "AvgPool": lambda given, a: _pool(given, a, "avg_pool2d", 0.0),
    "LRN": _lrn,
    "Concat": _concat,
    "Reshape": _reshape,
    "MatMul": lambda given, _: given[0] @ given[1],
    "Softmax": lambda given, _: given[0].softmax(-1),
    "Identity": lambda given, _: given[0],
}


def encode(graph: Graph, constants: str = "content") -> bytes:
    """Return the graph as TensorFlow's wire format has it.

    `constants` is "content" for tensors as bytes, "values" for tensors as packed numbers.
    """
    return b"".join(chunk(1, _node(node, constants)) for node in graph.nodes)


def _node(node: Node, constants: str) -> bytes:
    out = chunk(1, node.name.encode()) + chunk(2, node.op.encode())
    out += b"".join(chunk(3, name.encode()) for name in node.inputs)
    types = {"T": number(6, 1)} if node.op not in ("Const", "Placeholder") else {}
    encoded = {k: _attribute(v, constants) for k, v in node.attributes.items()} | types
    for key, value in encoded.items():
        out += chunk(5, chunk(1, key.encode()) + chunk(2, value))
    if node.op in ("Const", "Placeholder"):
        dtype = 3 if getattr(node.attributes.get("value"), "dtype", None) == np.int32 else 1
        out += chunk(5, chunk(1, b"dtype") + chunk(2, number(6, dtype)))
    return out


def _attribute(value: Any, constants: str) -> bytes:
    if isinstance(value, bytes):
        return chunk(2, value)
    if isinstance(value, list):
        return chunk(1, chunk(3, b"".join(map(varint, value))))
    if isinstance(value, int):
        return number(3, value)
    if isinstance(value, float):
        return varint(4 << 3 | 5) + struct.pack("<f", value)
    return chunk(8, _tensor(np.asarray(value), constants))


def _tensor(array: np.ndarray, constants: str) -> bytes:
    dims = b"".join(chunk(2, number(1, n)) for n in array.shape)
    out = number(1, 3 if array.dtype == np.int32 else 1) + chunk(2, dims)
    if array.dtype == np.int32:
        return out + chunk(7, b"".join(map(varint, array.ravel().tolist())))
    content = array.astype("<f4").tobytes()
    return out + (chunk(4, content) if constants == "content" else chunk(5, content))
