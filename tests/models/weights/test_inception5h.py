"""The frozen graph of inception5h: what is read of it is what it computes."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import models, taps
from atlasjax.errors import UserError
from atlasjax.models.specs import INCEPTION5H, narrow
from atlasjax.models.weights import convert, inception5h, parameters

pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
import frozen_graph

NARROW = narrow(INCEPTION5H, 16, classes=12, name="narrow")
TOLERANCE = 1e-4  # of a layer's largest value: float32 sums in another order, twenty layers deep


@pytest.fixture(scope="module")
def small():
    return frozen_graph.graph(factor=16, classes=12)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATLASJAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def written(graph, path, **how):
    path.write_bytes(frozen_graph.encode(graph, **how))
    return path


def photographs(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (count, side, side, 3)).astype(np.float32)


def tap_name(node: str) -> str | None:
    """Return what a tap is called that has the value of an operation."""
    if node in ("softmax2_pre_activation", "softmax2"):
        return {"softmax2_pre_activation": "logits"}.get(node)
    base, _, rest = node.partition("_pre_relu")
    if rest or "/" in node or node.startswith(("input", "output")) or node.endswith("_pool"):
        return None
    if node.endswith("_pre_activation"):
        return node.replace("_pre_activation", "/pre_activation")
    name = base.replace("_", "/", 1) if base.startswith("mixed") else base
    return f"{name}/pre_relu" if base != node else name


def compare(model, values: dict[str, np.ndarray], images: np.ndarray) -> set[str]:
    """Compare every tap of a network with the operation of its name; return those compared."""
    x = jnp.asarray(images) / 255
    names = list(taps.layers(model, (x.shape[1], x.shape[2], 3)))
    found = jax.jit(lambda model, x: taps.capture(model, x, names))(model, x)
    nodes = {tap_name(node): node for node in values}
    for name in names:
        if name in nodes:
            expected = values[nodes[name]]
            got = np.asarray(found[name]).reshape(expected.shape)
            assert np.abs(got - expected).max() <= TOLERANCE * np.abs(expected).max(), name
    return set(names) & set(nodes)


@pytest.mark.usefixtures("cache")
def test_every_layer_is_what_the_graph_computes(tmp_path):
    graph = frozen_graph.graph()
    model = models.load("inception5h", written(graph, tmp_path / "any.pb"))
    images = photographs(2, 224)
    values = frozen_graph.execute(graph, images)
    compared = compare(model, values, images)
    assert {"conv2d0", "localresponsenorm1", "mixed4a", "mixed5b", "avgpool0"} <= compared
    assert {"mixed4a/3x3_bottleneck/pre_relu", "head0_bottleneck", "nn1", "softmax1"} <= compared
    # All but the concatenations before the nonlinearity, which the graph does not have.
    missing = set(taps.layers(model)) - compared
    assert missing == {f"{block}/pre_relu" for block, _ in INCEPTION5H.blocks}


@pytest.mark.slow
def test_tensorflow_computes_the_same(tmp_path):
    tensorflow = pytest.importorskip(
        "tensorflow", reason="needs TensorFlow: pip install '.[parity]'"
    )
    v1 = importlib.import_module("tensorflow.compat.v1")
    graph, images = frozen_graph.graph(), photographs(1, 224)
    definition = v1.GraphDef.FromString(frozen_graph.encode(graph))
    with tensorflow.Graph().as_default(), v1.Session() as session:
        v1.import_graph_def(definition, name="")
        names = [node.name for node in graph.nodes if node.op not in ("Const", "Placeholder")]
        found = session.run([f"{name}:0" for name in names], {"input:0": images - 117})
    values = frozen_graph.execute(graph, images)
    for name, value in zip(names, found, strict=True):
        error = np.abs(value - values[name]).max()
        assert error <= TOLERANCE * np.abs(value).max(), name
    model = models.load("inception5h", written(graph, tmp_path / "any.pb"))
    assert "logits" in compare(model, dict(zip(names, found, strict=True)), images)


def test_widths_are_those_of_the_published_file():
    # What TensorFlow's tutorial of deep dreams counts in the file: its convolutions, and their
    # channels, those of the auxiliary heads among them.
    shapes = inception5h.tensor_shapes(INCEPTION5H)
    kernels = [shape for name, shape in shapes.items() if len(shape) == 4]
    assert (len(kernels), sum(shape[-1] for shape in kernels)) == (59, 7548)


@pytest.mark.parametrize("constants", ["content", "values"])
def test_both_forms_of_tensors_are_read(tmp_path, small, constants):
    found = inception5h.read(written(small, tmp_path / "a.pb", constants=constants))
    weights = [n for n in small.nodes if n.op == "Const" and n.name.endswith(("_w", "_b"))]
    assert found.keys() == {node.name for node in weights}
    for node in weights:
        np.testing.assert_array_equal(found[node.name], node.attributes["value"])


def test_the_last_of_too_few_values_stands_for_the_rest(tmp_path):
    from wire import chunk, number

    shape = chunk(2, chunk(2, number(1, 5)))
    tensor = chunk(8, number(1, 1) + shape + chunk(5, np.array([1, 2], np.float32).tobytes()))
    node = chunk(1, b"a_b") + chunk(2, b"Const") + chunk(5, chunk(1, b"value") + chunk(2, tensor))
    (tmp_path / "a.pb").write_bytes(chunk(1, node))
    np.testing.assert_array_equal(inception5h.read(tmp_path / "a.pb")["a_b"], [1, 2, 2, 2, 2])


@pytest.mark.parametrize("side", [33, 96, 224])
def test_images_of_other_sizes(small, side):
    # The published graph has room for 224 px alone; the heads' dense layers stay what they are.
    model = parameters.build(inception5h.parameters(constants(small), NARROW), NARROW)
    names = set(jax.eval_shape(record, model, jnp.zeros((1, side, side, 3))))
    assert "logits" in names
    assert ("head0_bottleneck" in names) == (side >= 96)
    assert ("nn0" in names) == (side == 224)


def record(model, x):
    seen = {}

    def tap(name, value):
        seen[name] = value
        return value

    model(x, tap)
    return seen


def constants(graph) -> dict[str, np.ndarray]:
    named = {n.name: n.attributes["value"] for n in graph.nodes if n.op == "Const"}
    return {name: value for name, value in named.items() if value.dtype == np.float32}


def refusal(graph, tmp_path) -> str:
    tensors = inception5h.read(written(graph, tmp_path / "mine.pb"))
    with pytest.raises(UserError) as caught:
        inception5h.parameters(tensors, NARROW, "mine.pb")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_extra_and_misshapen_tensors_are_named(tmp_path, small):
    assert refusal(small.without("mixed4c_3x3_w"), tmp_path) == (
        "mine.pb: no tensor 'mixed4c_3x3_w' of shape [3, 3, 8, 16]; "
        "1 of the 128 tensors of narrow are missing"
    )
    extra = frozen_graph.Node("fc_w", "Const", (), {"value": np.zeros(3, np.float32)})
    assert "it has no tensor 'fc_w'" in refusal(frozen_graph.Graph([*small.nodes, extra]), tmp_path)
    wide = small.replaced("softmax2_b", value=np.zeros(13, np.float32))
    assert refusal(wide, tmp_path) == (
        "mine.pb: tensor 'softmax2_b' has shape [13]; that of narrow has [12]"
    )


@pytest.mark.parametrize(
    ("node", "change", "said"),
    [
        ("localresponsenorm0", {"beta": 0.75}, "LRN 'localresponsenorm0' has beta 0.75"),
        ("localresponsenorm1", {"alpha": 1e-4 / 11}, "has alpha"),
        ("localresponsenorm1", {"depth_radius": 2}, "has depth_radius 2; .* inception5h has 5"),
        ("conv2d0_pre_relu/conv", {"padding": b"VALID"}, "has padding VALID; .* has SAME"),
        ("mixed3a_3x3_pre_relu/conv", {"strides": [1, 2, 2, 1]}, r"has strides \[1, 2, 2, 1\]"),
        ("maxpool10", {"ksize": [1, 2, 2, 1]}, r"has ksize \[1, 2, 2, 1\]"),
    ],
)
def test_a_graph_that_computes_something_else_is_refused(tmp_path, small, node, change, said):
    with pytest.raises(UserError, match=said):
        inception5h.read(written(small.replaced(node, **change), tmp_path / "mine.pb"))


def test_branches_in_another_order_are_refused(tmp_path, small):
    node = small.node("mixed4b")
    axis, one, three, five, pool = node.inputs
    other = node._replace(inputs=(axis, three, one, five, pool))
    graph = frozen_graph.Graph([other if n is node else n for n in small.nodes])
    with pytest.raises(UserError, match="'mixed4b' concatenates 3x3, 1x1, 5x5, pool_reduce"):
        inception5h.read(written(graph, tmp_path / "mine.pb"))


@pytest.mark.parametrize("keep", [0.999, 0.5, 0.01])
def test_a_truncated_file_is_named(tmp_path, small, keep):
    path = written(small, tmp_path / "mine.pb")
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(UserError, match=r"mine\.pb: truncated, or not a frozen TensorFlow graph"):
        inception5h.read(path)


def test_a_graph_of_another_network_is_named(tmp_path):
    weights = frozen_graph.Node("dense/kernel", "Const", (), {"value": np.zeros(3, np.float32)})
    path = written(frozen_graph.Graph([weights]), tmp_path / "mine.pb")
    with pytest.raises(UserError, match=r"'conv1/7x7_s2/weight'|it has no tensor 'dense/kernel'"):
        convert.load(path, INCEPTION5H)
    with pytest.raises(UserError, match=r"of no network known here, .* called dense/kernel"):
        convert.identify(path)


def test_a_tensor_of_too_few_bytes_is_named(tmp_path):
    from wire import chunk, number

    shape = chunk(2, chunk(2, number(1, 5)))
    tensor = chunk(8, number(1, 1) + shape + chunk(4, bytes(8)))
    node = chunk(1, b"a_b") + chunk(2, b"Const") + chunk(5, chunk(1, b"value") + chunk(2, tensor))
    (tmp_path / "a.pb").write_bytes(chunk(1, node))
    with pytest.raises(UserError, match=r"tensor 'a_b' of shape \[5\] has 2 values"):
        inception5h.read(tmp_path / "a.pb")
