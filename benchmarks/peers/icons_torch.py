"""Icons in PyTorch: the best loop that we know how to write by hand, and Lucent as it is shipped.

Both return a function that takes a number of steps for a batch of icons and says how long it took.
"""

import math
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.peers.googlenet_torch import GoogLeNet

Loop = Callable[[int], float]
COLOURS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])


def tuned(
    network: torch.nn.Module,
    until: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor],
    directions: np.ndarray,
    whitening: np.ndarray,
    size: int,
    *,
    channels_last: bool,
) -> Loop:
    """Return the loop tuned by hand: it stops at the layer, at the icons' own size.

    Fourier parameterization in decorrelated colours, Adam, one resampling for each icon and step,
    and the whitened objective of atlases: what the library does, in PyTorch's terms.
    """
    n = len(directions)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = network.to(memory_format=layout)
    whiten = torch.from_numpy(whitening)
    target = torch.nn.functional.normalize(torch.from_numpy(directions) @ whiten, dim=1)
    frequencies = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None])
    scale = size / frequencies.clamp(min=1 / size)
    colours = COLOURS / COLOURS.norm(dim=0).max()

    def picture(spectrum: torch.Tensor) -> torch.Tensor:
        field = torch.fft.irfft2(torch.view_as_complex(spectrum) * scale, s=(size, size)) / 4
        return torch.sigmoid(torch.einsum("nchw,rc->nrhw", field, colours))

    def transformed(image: torch.Tensor) -> torch.Tensor:
        angle = (torch.rand(n) * 2 - 1) * math.radians(5)
        zoom = 1 / (0.95 + 0.15 * torch.rand(n))
        cos, sin = angle.cos() * zoom, angle.sin() * zoom
        shift = (torch.rand(n, 2) * 2 - 1) * 12 / size
        rows = (
            torch.stack([cos, -sin, shift[:, 0]], 1),
            torch.stack([sin, cos, shift[:, 1]], 1),
        )
        grid = torch.nn.functional.affine_grid(
            torch.stack(rows, 1), list(image.shape), align_corners=False
        )
        return torch.nn.functional.grid_sample(
            image, grid, padding_mode="reflection", align_corners=False
        )

    def loss(spectrum: torch.Tensor) -> torch.Tensor:
        seen = transformed(picture(spectrum)).contiguous(memory_format=layout)
        value = until(network, seen)
        if value.ndim == 3:  # the class token, and those of the patches in reading order
            side = math.isqrt(value.shape[1] - 1)
            value = value[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
        found = value[:, :, value.shape[2] // 2, value.shape[3] // 2] @ whiten
        dot = (found * target).sum(1)
        cosine = dot / found.norm(dim=1).clamp(min=1e-8)
        return -(dot * cosine.clamp(min=0.1) ** 4).sum()

    def run(steps: int) -> float:
        spectrum = torch.randn(n, 3, size, size // 2 + 1, 2) * 0.01
        spectrum.requires_grad_(True)
        optimizer = torch.optim.Adam([spectrum], lr=0.05)
        began = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            loss(spectrum).backward()
            optimizer.step()
        return time.perf_counter() - began

    return run


def lucent(network: GoogLeNet, layer: str, directions: np.ndarray, size: int) -> Loop:
    """Return Lucent's `render_vis` with its own objective, transforms and defaults.

    It enlarges what it shows the network to 224 px, and computes all of the network.
    """
    from lucent.optvis import objectives, param, render

    targets = torch.from_numpy(directions)
    objective = sum(
        objectives.direction_neuron(f"mixed{layer}", target, batch=i)
        for i, target in enumerate(targets)
    )

    def run(steps: int) -> float:
        began = time.perf_counter()
        render.render_vis(
            network,
            objective,
            lambda: param.image(size, batch=len(targets)),
            thresholds=(steps,),
            preprocess=False,
            progress=False,
            show_image=False,
        )
        return time.perf_counter() - began

    return run
