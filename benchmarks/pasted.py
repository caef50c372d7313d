"""Whether what a comparison of two classes shows changes the network's mind.

    python benchmarks/pasted.py DATA [--quick] [--json]

DATA is a folder with bvlc_googlenet/weights.safetensors and imagenet_sample/. A comparison claims
that something speaks for one class against another (docs/atlas.md). Here that something is pasted
into a photograph, in each corner and in several sizes. The logits of the photograph's class and of
the other one are taken before and after; and after the same patch with its pixels shuffled, which
hides as much of the photograph and shows nothing. The difference is what the patch itself does. It
is one photograph of each class: an illustration. After the patches of Carter et al. 2019, "Further
isolating classes".
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import rich.box
import rich.console
import rich.table
from PIL import Image

import atlasjax as ax
from atlasjax import data, models
from atlasjax.classes import resolve
from atlasjax.data.scenes import parts
from atlasjax.data.scenes.sketch import FINE, Frame, sketch

SIDE, EDGE = 224, 6  # px of a photograph, and between a patch and its corner
WIDTH = 100  # characters; the table needs them
BALL = "drawn baseball"


class Claim(NamedTuple):
    """That a patch makes a photograph of one class look like another."""

    source: str
    target: str
    patch: str


CLAIMS = (
    Claim("grey whale", "great white shark", BALL),
    Claim("scuba diver", "snorkel", "toucan"),
    Claim("snorkel", "scuba diver", "football helmet"),
    Claim("snorkel", "scuba diver", "steam locomotive"),
)


class Row(NamedTuple):
    """Mean logits of source and target: of the photograph, with the patch, with it shuffled."""

    before: tuple[float, float]
    patch: tuple[float, float]
    shuffled: tuple[float, float]

    @property
    def effect(self) -> float:
        """What the patch does to the target against the source, beyond hiding what is under it."""
        return (self.patch[1] - self.patch[0]) - (self.shuffled[1] - self.shuffled[0])


def baseball() -> Image.Image:
    s = sketch(np.random.default_rng(0))
    parts.ball(s, Frame(complex(FINE / 2, FINE / 2), FINE / 2 - 1))
    drawn = s.picture.copy()
    drawn.putalpha(s.index.point(lambda part: 255 if part else 0))
    return drawn


def photograph(source: Any, wnid: str) -> Image.Image:
    if wnid not in source.classes:
        raise ax.UserError(f"there is no photograph of {wnid}")
    index = source.labels.index(source.classes.index(wnid))
    return Image.fromarray(data.prepare(source[index].image))


def shuffled(patch: Image.Image) -> Image.Image:
    """Shuffle the pixels that can be seen."""
    pixels = np.array(patch.convert("RGBA"))
    seen = pixels[..., 3] > 127
    pixels[seen] = np.random.default_rng(0).permutation(pixels[seen])
    return Image.fromarray(pixels)


def pasted(image: Image.Image, patch: Image.Image, sizes: tuple[int, ...]) -> Iterator[np.ndarray]:
    for size in sizes:
        small = patch.convert("RGBA").resize((size, size), Image.Resampling.LANCZOS)
        for x in (EDGE, SIDE - EDGE - size):
            for y in (EDGE, SIDE - EDGE - size):
                for what in (small, shuffled(small)):
                    whole = image.copy()
                    whole.paste(what, (x, y), what)
                    yield np.asarray(whole)


def test(claim: Claim, model: Any, source: Any, names: Any, sizes: tuple[int, ...]) -> Row:
    pair = [resolve(name, names) for name in (claim.source, claim.target)]
    image = photograph(source, names[pair[0]].wnid)
    if claim.patch == BALL:
        patch = baseball()
    else:
        patch = photograph(source, names[resolve(claim.patch, names)].wnid)
    pictures = np.stack([np.asarray(image), *pasted(image, patch, sizes)])
    logits = np.asarray(jax.jit(model)(jnp.asarray(pictures, jnp.float32) / 255.0))[:, pair]
    before, ways = logits[0], (logits[1::2], logits[2::2])
    means = (before, *(way.mean(0) for way in ways))
    return Row(*((float(own), float(other)) for own, other in means))


def show(rows: dict[Claim, Row]) -> None:
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for column in ("photograph", "pasted", "may become"):
        table.add_column(column, no_wrap=True)
    for column in ("before", "patch", "shuffled", "effect"):
        table.add_column(column, justify="right")
    for claim, row in rows.items():
        logits = [f"{a:.1f} {b:.1f}" for a, b in row]
        table.add_row(claim.source, claim.patch, claim.target, *logits, f"{row.effect:+.1f}")
    rich.console.Console(highlight=False, width=WIDTH).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--quick", action="store_true", help="one size instead of four")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    weights = chosen.data / "bvlc_googlenet" / "weights.safetensors"
    sizes = (64,) if chosen.quick else (48, 64, 80, 96)
    try:
        model = models.load("googlenet", weights)
        names = models.class_names("googlenet", weights)
        source = data.folder(chosen.data / "imagenet_sample")
        rows = {claim: test(claim, model, source, names, sizes) for claim in CLAIMS}
    except ax.UserError as error:
        sys.exit(f"pasted.py: {error}")
    show(rows)
    if chosen.json:
        found = [
            claim._asdict() | row._asdict() | {"effect": row.effect} for claim, row in rows.items()
        ]
        print(json.dumps({"sizes": sizes, "claims": found}))


if __name__ == "__main__":
    main()
