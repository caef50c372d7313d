"""GoogLeNet in PyTorch, from the same weights file, as a user of PyTorch would write it."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

BLOCKS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
MEAN_BGR = (104.0, 117.0, 123.0)


class Convolution(nn.Module):
    """A convolution with frozen weights, and its rectifier."""

    def __init__(self, tensors: dict[str, torch.Tensor], name: str, stride: int = 1):
        super().__init__()
        self.weight = nn.Parameter(tensors[f"{name}/weight"], requires_grad=False)
        self.bias = nn.Parameter(tensors[f"{name}/bias"], requires_grad=False)
        self.stride, self.padding = stride, self.weight.shape[-1] // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(F.conv2d(x, self.weight, self.bias, self.stride, self.padding))


class Inception(nn.Module):
    """Four branches side by side."""

    def __init__(self, tensors: dict[str, torch.Tensor], name: str):
        super().__init__()
        parts = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")
        self.parts = nn.ModuleList(
            Convolution(tensors, f"inception_{name}/{part}") for part in parts
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, three_reduce, three, five_reduce, five, pool = self.parts
        branches = (
            one(x),
            three(three_reduce(x)),
            five(five_reduce(x)),
            pool(F.max_pool2d(x, 3, 1, 1)),
        )
        return torch.cat(branches, 1)


class GoogLeNet(nn.Module):
    """The network of BVLC: RGB in [0, 1], [batch, 3, h, w], to logits."""

    def __init__(self, weights: Path):
        super().__init__()
        tensors = load_file(weights)
        self.conv1 = Convolution(tensors, "conv1/7x7_s2", 2)
        self.conv2_reduce = Convolution(tensors, "conv2/3x3_reduce")
        self.conv2 = Convolution(tensors, "conv2/3x3")
        for name in BLOCKS:
            setattr(self, f"mixed{name}", Inception(tensors, name))
        self.classifier = nn.Linear(1024, 1000)
        self.classifier.weight.data = tensors["loss3/classifier/weight"]
        self.classifier.bias.data = tensors["loss3/classifier/bias"]
        self.register_buffer("mean", torch.tensor(MEAN_BGR).reshape(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.until(x, BLOCKS[-1])
        return self.classifier(x.mean((2, 3)))

    def until(self, x: torch.Tensor, last: str) -> torch.Tensor:
        """Return the activations of a block, and compute nothing after it."""
        x = self.conv1(x.flip(1) * 255 - self.mean)
        x = F.local_response_norm(F.max_pool2d(x, 3, 2, ceil_mode=True), 5, 1e-4, 0.75, 1.0)
        x = F.local_response_norm(self.conv2(self.conv2_reduce(x)), 5, 1e-4, 0.75, 1.0)
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        for name in BLOCKS:
            if name in ("4a", "5a"):
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            x = getattr(self, f"mixed{name}")(x)
            if name == last:
                break
        return x
