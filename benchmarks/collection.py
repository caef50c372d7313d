"""How fast activations are collected from JPEG files, beside PyTorch with the same network.

    python benchmarks/collection.py DATA [--images 320] [--rounds 3] [--quick] [--json]

GoogLeNet up to mixed4c, of images whose shorter side is brought to 256 px and whose middle of 224
is cut out, six positions of each, 16 images at a time. DATA is a folder with
bvlc_googlenet/weights.safetensors and imagenet_sample/ with photographs.

The peers are loops over a PyTorch DataLoader, as one writes them: with Pillow, on all cores, in
either memory format, with no worker process, one, or as many as there are cores. All decode the
same files, take turns, and count from their second batch on, once programs are compiled and workers
are there. The ratio is to the fastest peer. The positions are others, so that the mean activations
are alike, not equal.
"""

import argparse
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

LAYER, BLOCK, BATCH, SAMPLES = "mixed4c", "4c", 16, 6
SIZE, CROP = 256, 224


def ours(model: Any, source: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Give how many images each batch has, and its activations."""
    import jax

    from atlasjax.atlas.collect import recorded
    from atlasjax.data import batches

    prepared = batches(source, BATCH, image_size=CROP, resize=SIZE)
    key = jax.random.key(0)
    for batch, found in recorded(model, prepared, [LAYER], key, samples_per_image=SAMPLES):
        yield len(batch.images), found[LAYER].value


class Files:
    """A dataset of files, as PyTorch has them."""

    def __init__(self, paths: list[str]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        import torch
        from PIL import Image

        image = Image.open(self.paths[index]).convert("RGB")
        w, h = image.size
        short = min(w, h)
        size = (w * SIZE // short, h * SIZE // short)
        image = image.resize(size, Image.Resampling.BICUBIC)
        left, top = (size[0] - CROP) // 2, (size[1] - CROP) // 2
        array = np.array(image.crop((left, top, left + CROP, top + CROP)))
        return torch.from_numpy(array).permute(2, 0, 1)


def theirs(
    net: Any, paths: list[str], workers: int, channels_last: bool
) -> Iterator[tuple[int, np.ndarray]]:
    """Do the same with a DataLoader."""
    import torch

    form = torch.channels_last if channels_last else torch.contiguous_format
    net = net.to(memory_format=form)
    random = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        files: Any = Files(paths)
        for images in torch.utils.data.DataLoader(files, BATCH, num_workers=workers):
            x = images.to(memory_format=form).float().div_(255)
            value = net.until(x, BLOCK)
            b, _, h, w = value.shape
            place = torch.stack(
                [torch.randperm((h - 2) * (w - 2), generator=random)[:SAMPLES] for _ in range(b)]
            )
            row, column = place // (w - 2) + 1, place % (w - 2) + 1
            picked = value[torch.arange(b)[:, None], :, row, column]
            yield b, picked.reshape(b * SAMPLES, -1).numpy()


def rate(batches: Iterable[tuple[int, np.ndarray]]) -> tuple[float, np.ndarray]:
    """Return the images a second from the second batch on, and the mean activation."""
    done, began, total, count = 0, 0.0, 0.0, 0
    for number, (n, value) in enumerate(batches):
        if number == 0:
            began = time.perf_counter()
        else:
            done += n
        total, count = total + value.sum(0, dtype=np.float64), count + len(value)
    return done / (time.perf_counter() - began), np.asarray(total) / count


def loops(data: Path, count: int) -> dict[str, Callable[[], Any]]:
    """Return the loops that are measured, by name."""
    from atlasjax import data as images
    from atlasjax import models
    from atlasjax.data.subset import Subset

    home, file = data / "imagenet_sample", data / "bvlc_googlenet" / "weights.safetensors"
    source = images.open_images(str(home))
    model, paths = models.load("googlenet", file), sorted(map(str, home.rglob("*.*")))[:count]
    found: dict[str, Callable[[], Any]] = {
        "atlasjax": lambda: ours(model, Subset(source, tuple(range(min(count, len(source))))))
    }
    try:
        from benchmarks.peers.googlenet_torch import GoogLeNet
    except ModuleNotFoundError as error:
        print(f"no {error.name}: pip install '.[bench]' for the peers", file=sys.stderr)
        return found
    for workers in sorted({0, 1, os.cpu_count() or 1}):
        for last in (False, True):
            name = f"torch, {workers} workers{', channels last' if last else ''}"
            found[name] = lambda w=workers, last=last: theirs(GoogLeNet(file), paths, w, last)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder of weights and photographs")
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few images, once")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    count, rounds = (48, 1) if chosen.quick else (chosen.images, chosen.rounds)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from atlasjax.parallel import divide_cpu

    divide_cpu()
    warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")  # by the DataLoader
    rates: dict[str, list[float]] = {}
    found, means = loops(chosen.data, count), {}
    for _ in range(rounds):
        for name, begin in found.items():
            one, means[name] = rate(begin())
            rates.setdefault(name, []).append(one)
    middle = {name: statistics.median(each) for name, each in rates.items()}
    for name, one in middle.items():
        a, b = means[name], means["atlasjax"]
        alike = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        print(f"{name:<28}{one:8.1f} images a second   mean activation alike to {alike:.4f}")
    peers = [one for name, one in middle.items() if name != "atlasjax"]
    ratio = middle["atlasjax"] / max(peers) if peers else None
    if ratio is not None:
        print(f"atlasjax is {ratio:.2f} times as fast as the fastest of the others")
    if chosen.json:
        print(json.dumps({"images_per_second": middle, "ratio": ratio, "rounds": rates}))


if __name__ == "__main__":
    main()
