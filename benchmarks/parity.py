"""How close the three InceptionV1 come to independent implementations, and how often one is right.

    python benchmarks/parity.py DATA [--quick] [--json]

DATA is a folder with bvlc_googlenet/weights.safetensors, bvlc_googlenet/reference.npz and
imagenet_sample/. For every layer of the reference: the largest difference at the centre and of the
spatial mean, relative to the reference's largest value. Then top-1 and top-5 on the photographs.

inception5h and torchvision's GoogLeNet are compared in their files' own formats, with random
weights: the frozen graph with PyTorch executing its operations one by one, the other with
torchvision's module. This needs PyTorch and torchvision, and no DATA.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import atlasjax as ax
from atlasjax import data, models
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.taps import capture

HELPERS = Path(__file__).resolve().parent.parent / "tests" / "helpers"


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def differences(model: InceptionV1, reference: Path) -> dict[str, float]:
    with np.load(reference) as file:
        expected = dict(file)
    names = [key.removesuffix(".centre") for key in expected if key.endswith(".centre")]
    images = jnp.asarray(expected["images"], jnp.float32) / 255.0
    run = jax.jit(lambda m, x: (capture(m, x, names), m(x)))
    values, logits = jax.device_get(run(model, images))
    rows = {}
    for name in names:
        value = values[name]
        middle = value[:, value.shape[1] // 2, value.shape[2] // 2]
        rows[name] = max(
            relative(middle, expected[f"{name}.centre"]),
            relative(value.mean((1, 2)), expected[f"{name}.mean"]),
        )
    rows["logits"] = relative(logits, expected["logits"])
    return rows


def accuracy(model: InceptionV1, folder: Path, limit: int | None) -> tuple[float, float]:
    weights = folder / "bvlc_googlenet" / "weights.safetensors"
    index = {name.wnid: i for i, name in enumerate(models.class_names("googlenet", weights))}
    source = data.open_images(folder / "imagenet_sample", limit=limit)
    truth_of = np.array([index[wnid] for wnid in source.classes])
    run = jax.jit(lambda m, x: jax.lax.top_k(m(x.astype(jnp.float32) / 255.0), 5)[1])
    hits = []
    for batch in data.batches(source, 32):
        best = np.asarray(run(model, batch.images))
        hits.append(best == truth_of[batch.label][:, None])
    found = np.concatenate(hits)
    return float(found[:, 0].mean()), float(found.any(1).mean())


def frozen_graph() -> dict[str, float]:
    """Compare inception5h with its graph, executed in PyTorch."""
    sys.path.append(str(HELPERS))
    from frozen_graph import encode, execute, graph

    written = graph()
    images = np.random.default_rng(0).uniform(0, 255, (2, 224, 224, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.pb"
        path.write_bytes(encode(written))
        model = models.load("inception5h", path)
    theirs = execute(written, images)
    blocks = [block for block, _ in models.spec("inception5h").blocks]
    names = {name: name for name in ("conv2d0", "conv2d2", "maxpool1", *blocks, "nn0", "nn1")}
    names["logits"] = "softmax2_pre_activation"
    return _compared(model, images / 255, {ours: theirs[name] for ours, name in names.items()})


def torchvision_module() -> dict[str, float]:
    """Compare torchvision's GoogLeNet with its own module."""
    sys.path.append(str(HELPERS))
    import torch
    from torch_networks import torchvision_models

    torch.manual_seed(0)
    network = torchvision_models().googlenet(
        weights=None, aux_logits=True, transform_input=True, init_weights=False
    )
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d) and part.running_var is not None:
            part.running_var.uniform_(0.5, 2.0)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
    images = np.random.default_rng(0).uniform(0, 1, (2, 224, 224, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        torch.save(network.state_dict(), Path(folder) / "random.pth")
        model = models.load("torchvision_googlenet", Path(folder) / "random.pth")
    mean, std = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)
    seen: dict[str, Any] = {}
    for name, part in network.eval().named_modules():
        part.register_forward_hook(lambda _, __, out, name=name: seen.setdefault(name, out))
    with torch.no_grad():
        network(torch.from_numpy((images - mean) / std).permute(0, 3, 1, 2))
    theirs = {"conv2d0": "conv1", "conv2d2": "conv3", "maxpool10": "maxpool4"}
    blocks = [block for block, _ in models.spec("torchvision_googlenet").blocks]
    theirs |= {block: block.replace("mixed", "inception") for block in blocks}
    expected = {ours: seen[name].permute(0, 2, 3, 1).numpy() for ours, name in theirs.items()}
    return _compared(model, images, expected | {"logits": seen["fc"].numpy()})


def _compared(model: Any, images: np.ndarray, expected: dict[str, np.ndarray]) -> dict[str, float]:
    run = jax.jit(lambda m, x: capture(m, x, list(expected)))
    found = jax.device_get(run(model, jnp.asarray(images)))
    return {name: relative(found[name], value) for name, value in expected.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--quick", action="store_true", help="100 photographs instead of all")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    result: dict[str, Any] = {}
    for name, compare in {
        "inception5h": frozen_graph,
        "torchvision_googlenet": torchvision_module,
    }.items():
        try:
            rows = compare()
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        worst = max(rows, key=lambda layer: rows[layer])
        print(f"{name}: logits {rows['logits']:.1e}, worst layer {worst} {rows[worst]:.1e}")
        result[name] = rows
    if chosen.data is not None:
        result |= googlenet(chosen.data, 100 if chosen.quick else None)
    if chosen.json:
        print(json.dumps(result))


def googlenet(folder: Path, limit: int | None) -> dict[str, Any]:
    """Print and return how close GoogLeNet comes, and how often it is right."""
    weights = folder / "bvlc_googlenet"
    try:
        model = models.load("googlenet", weights / "weights.safetensors")
    except ax.UserError as error:
        sys.exit(f"parity.py: {error}")
    rows = differences(model, weights / "reference.npz")
    print("googlenet")
    for name, value in rows.items():
        print(f"  {name:<10} {value:.1e}")
    top1, top5 = accuracy(model, folder, limit)
    print(f"  top-1 {top1:.2%}, top-5 {top5:.2%}")
    return {"relative": rows, "top1": top1, "top5": top5}


if __name__ == "__main__":
    main()
