"""torchvision's GoogLeNet: its files, its batch norm, and its own module as the judge."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import models, taps
from atlasjax.errors import UserError
from atlasjax.models.specs import TORCHVISION, narrow
from atlasjax.models.weights import convert, files, torchvision

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")

NARROW = narrow(TORCHVISION, 16, classes=6, name="narrow")
TOLERANCE = 1e-4  # of a layer's largest value: float32 sums in another order, twenty layers deep
BRANCHES = {"1x1": "branch1", "3x3": "branch2", "5x5": "branch3", "pool_reduce": "branch4"}


@pytest.fixture(scope="module")
def module(torchvision_models):
    """torchvision's own network, with weights and statistics that leave no layer out."""
    torch.manual_seed(0)
    network = torchvision_models.googlenet(
        weights=None, aux_logits=True, transform_input=True, init_weights=False
    )
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, torch.nn.Conv2d):
                part.weight.normal_(0, (2 / part.weight[0].numel()) ** 0.5)
            if isinstance(part, torch.nn.BatchNorm2d):
                part.weight.uniform_(0.5, 1.5)
                part.bias.normal_(0, 0.2)
                part.running_mean.normal_(0, 0.2)
                part.running_var.uniform_(0.5, 2.0)
    return network.eval()


@pytest.fixture(scope="module")
def saved(module, tmp_path_factory):
    path = tmp_path_factory.mktemp("torchvision") / "any.pth"
    torch.save(module.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def model(saved, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATLASJAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield models.load("torchvision_googlenet", saved)


def layer_of(module: str) -> str | None:
    """Return the tap that has the value of one of torchvision's submodules."""
    stem = {"conv1": "conv2d0", "conv2": "conv2d1", "conv3": "conv2d2", "fc": "logits"}
    pools = {"maxpool1": "maxpool0", "maxpool2": "maxpool1"}
    pools |= {"maxpool3": "maxpool4", "maxpool4": "maxpool10"}
    if module.startswith("inception") and "." not in module:
        return module.replace("inception", "mixed")
    for tap, branch in BRANCHES.items():
        if module.startswith("inception") and module.endswith(f".{branch}"):
            return f"{module.partition('.')[0].replace('inception', 'mixed')}/{tap}"
    return stem.get(module) or pools.get(module)


def test_every_layer_is_what_torchvision_computes(module, model):
    images = np.random.default_rng(2).uniform(0, 1, (2, 224, 224, 3)).astype(np.float32)
    mean, std = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)
    normalized = torch.from_numpy((images - mean) / std).permute(0, 3, 1, 2)
    seen = {}
    hooks = [
        part.register_forward_hook(lambda _, __, out, name=name: seen.setdefault(name, out))
        for name, part in module.named_modules()
    ]
    with torch.no_grad():
        module(normalized)
    for hook in hooks:
        hook.remove()
    expected = {tap: seen[name] for name in seen if (tap := layer_of(name))}
    x = jnp.asarray(images)
    found = jax.jit(lambda m, x: taps.capture(m, x, list(expected)))(model, x)
    for name, value in expected.items():
        theirs = (value.permute(0, 2, 3, 1) if value.ndim == 4 else value).numpy()
        error = np.abs(np.asarray(found[name]) - theirs).max()
        assert error <= TOLERANCE * np.abs(theirs).max(), name
    blocks = [block for block, _ in TORCHVISION.blocks]
    assert {*blocks, "maxpool10", "mixed5b/5x5", "logits"} <= expected.keys()


def test_it_agrees_with_the_module_that_is_adapted(module, model):
    from atlasjax.adapters.adapt import adapt

    adapted = adapt(
        module, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), example=(64, 64, 3)
    )
    images = jnp.asarray(np.random.default_rng(3).uniform(0, 1, (1, 64, 64, 3)), jnp.float32)
    names = {"inception4c": "mixed4c", "inception5b": "mixed5b"}
    theirs = jax.jit(lambda m, x: (m(x), taps.capture(m, x, list(names))))(adapted, images)
    ours = jax.jit(lambda m, x: (m(x), taps.capture(m, x, list(names.values()))))(model, images)
    assert theirs[0].shape == (1, 1000)
    pairs = [(ours[0], theirs[0]), *((ours[1][own], theirs[1][n]) for n, own in names.items())]
    for a, b in pairs:
        assert np.abs(a - b).max() <= TOLERANCE * np.abs(b).max()


def test_safetensors_need_no_pytorch(saved, model, tmp_path, monkeypatch):
    tensors = {n: t.numpy() for n, t in torch.load(saved, weights_only=True).items()}
    files.write(tmp_path / "a.safetensors", tensors)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    found = models.load("torchvision_googlenet", tmp_path / "a.safetensors")
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(model), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(UserError, match=r"needs PyTorch to be read: pip install 'atlasjax\[torch]"):
        torchvision.read(saved)


def narrow_tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = torchvision.tensor_shapes(NARROW)
    return {name: rng.uniform(0.5, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def as_torch(tensors):
    return {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}


@pytest.mark.parametrize("wrap", [lambda s: {"state_dict": s}, lambda s: {"model": s, "epoch": 3}])
def test_checkpoints_of_trainings_are_opened(tmp_path, wrap):
    tensors = narrow_tensors()
    state = {f"module.{name}": tensor for name, tensor in as_torch(tensors).items()}
    state["module.conv1.bn.num_batches_tracked"] = torch.tensor(7)
    torch.save(wrap(state), tmp_path / "a.pth")
    found = torchvision.read(tmp_path / "a.pth")
    assert found.keys() == tensors.keys()
    np.testing.assert_array_equal(found["fc.weight"], tensors["fc.weight"])


def test_the_form_before_archives_is_read(tmp_path):
    tensors = narrow_tensors()
    path = tmp_path / "a.pth"
    torch.save(as_torch(tensors), path, _use_new_zipfile_serialization=False)
    assert convert.format_of(path) == ".pth"
    assert torchvision.read(path).keys() == tensors.keys()


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def test_no_pickle_is_executed(tmp_path):
    (tmp_path / "a.pth").write_bytes(pickle.dumps({"conv1.conv.weight": Evil()}))
    with pytest.raises(UserError, match=r"more in it than tensors, which is never executed"):
        torchvision.read(tmp_path / "a.pth")
    torch.save({"a": [1, 2]}, tmp_path / "b.pth")
    with pytest.raises(UserError, match=r"b\.pth: no state dictionary"):
        torchvision.read(tmp_path / "b.pth")


@pytest.mark.parametrize("keep", [0.9, 0.3, 0.001])
def test_a_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / "mine.pth"
    torch.save(as_torch(narrow_tensors()), path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(UserError, match=r"^\S+mine\.pth: truncated, or [^\n]+$"):
        torchvision.read(path)


def refusal(tensors) -> str:
    with pytest.raises(UserError) as caught:
        torchvision.parameters(tensors, NARROW, "mine.pth")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_extra_and_misshapen_tensors_are_named():
    tensors = narrow_tensors()
    mean = tensors.pop("inception4c.branch3.1.bn.running_mean")
    assert refusal(tensors) == (
        "mine.pth: no tensor 'inception4c.branch3.1.bn.running_mean' of shape [4]; "
        "1 of the 287 tensors of narrow are missing"
    )
    tensors["inception4c.branch3.1.bn.running_mean"] = mean
    assert "no tensor 'layer1'" in refusal(tensors | {"layer1": np.zeros(2, np.float32)})
    assert "has shape [3]; that of narrow has [6]" in refusal(
        tensors | {"fc.bias": np.zeros(3, np.float32)}
    )
    assert "'conv1.bn.running_var' has a value below 0" in refusal(
        tensors | {"conv1.bn.running_var": np.full(4, -1, np.float32)}
    )
    auxiliary = {"aux1.fc1.bias": np.zeros(3, np.float32)}
    assert torchvision.parameters(tensors | auxiliary, NARROW)


def test_the_batch_norm_is_that_of_the_formula():
    rng = np.random.default_rng(5)
    tensors = narrow_tensors()
    found = torchvision.parameters(tensors, NARROW)
    x = rng.normal(size=(8,))
    weight = tensors["conv2.conv.weight"][:, :, 0, 0].astype(np.float64)
    gamma, beta, mean, var = (tensors[f"conv2.bn.{part}"] for part in torchvision.NORM)
    x = x[: weight.shape[1]]
    expected = (weight @ x - mean) / np.sqrt(var + 0.001) * gamma + beta
    got = x @ found["conv2d1.kernel"] + found["conv2d1.bias"]
    np.testing.assert_allclose(got, expected, rtol=1e-6)  # rounded to float32 once
