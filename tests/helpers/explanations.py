"""Explanations made up: a few things in an image, which layers and methods find again."""

from itertools import pairwise

import numpy as np

from atlasjax.page.explanation.contents import (
    Checks,
    Directions,
    Explanation,
    Flow,
    Layer,
    Method,
    Picture,
)

METHODS = (
    ("gradient", "Gradient", False, 0.9),
    ("gradient_times_input", "Gradient \u00d7 input", True, 0.8),
    ("smooth_gradient", "SmoothGrad", False, 0.5),
    ("integrated_gradients", "Integrated gradients", True, 0.6),
    ("guided_backprop", "Guided backpropagation", True, 0.3),
    ("deconvolution", "Deconvolution", True, 0.4),
    ("gradcam", "Grad-CAM", False, 0.0),
    ("occlusion", "Occlusion", True, 0.05),
    ("rise", "RISE", False, 0.08),
    ("deep_lift", "DeepLIFT", True, 0.5),
    ("lrp", "Layer-wise relevance", True, 0.35),
    ("expected_gradients", "Expected gradients", True, 0.55),
)
SUMS_UP = {"integrated_gradients", "deep_lift", "lrp", "expected_gradients"}


def explanation(
    *,
    pictures: int = 1,
    size: int = 48,
    channels: int = 3,
    layers: tuple[tuple[str, int], ...] = (("mixed4a", 6), ("mixed4d", 4)),
    targets: int = 3,
    classes: int = 8,
    groups: int = 4,
    shown: int = 10,
    icon: int = 24,
    methods: int = 4,
    seed: int = 0,
    **changes,
) -> Explanation:
    """Return images explained, the same for the same arguments.

    Args:
        pictures: how many images.
        size: of the images, in px.
        channels: of the images and of the icons.
        layers: names, and rows and columns.
        targets: how many things are explained.
        classes: of the network; 0 for none, and then targets are units.
        groups: of each layer.
        shown: channels of each layer.
        icon: size of the icons, in px.
        methods: how many of the saliency methods.
        seed: what else is by chance.
        changes: other fields of the explanation.
    """
    rng = np.random.default_rng(seed)
    names = tuple(f"class {i}, thing {i}" for i in range(classes))
    of = tuple(int(i) for i in rng.permutation(classes)[:targets]) if classes else (-1,) * targets
    last = layers[-1][0] if layers else "output"
    units = tuple(f"{last}:{379 + i}" for i in range(targets))
    made = {
        "pictures": tuple(
            _picture(rng, i, size, channels, layers, of, classes, groups, shown, icon, methods)
            for i in range(pictures)
        ),
        "targets": tuple(names[i] for i in of) if classes else units,
        "target_classes": of,
        "class_names": names,
        "short_names": tuple(f"class {i}" for i in range(classes)),
        "default_method": METHODS[min(3, methods - 1)][0] if methods else "",
        "record": {"model": "made up", "seed": seed, "command": "atlasjax explain photo.jpg"},
        "notes": ("Made up for a test.",),
    }
    return Explanation(**{**made, **changes})


def blob(size: int, y: float, x: float, width: float) -> np.ndarray:
    """Return a bell of height 1 on a square of `size`; place and width as parts of it."""
    at = (np.arange(size) + 0.5) / size
    return np.exp(-((at[:, None] - y) ** 2 + (at[None] - x) ** 2) / (2 * width**2))


def texture(rng: np.random.Generator, size: int, channels: int, hue: np.ndarray) -> np.ndarray:
    """Return a picture like an icon: smooth waves of few colours."""
    spectrum = rng.normal(size=(size, size, 3)) + 1j * rng.normal(size=(size, size, 3))
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None]) * size
    band = np.exp(-((f - rng.uniform(2, max(3, size / 8))) ** 2) / 8) + 0.4 / np.maximum(f, 1)
    waves = np.fft.ifft2(spectrum * band[..., None], axes=(0, 1)).real
    waves /= waves.std() + 1e-9
    grey = waves.mean(-1, keepdims=True)
    colour = 128 + 60 * (hue - 0.5) + 42 * grey * (0.5 + hue) + 14 * waves
    picture = np.clip(colour, 0, 255).astype(np.uint8)
    return np.concatenate([picture] * -(-channels // 3), -1)[..., :channels]


def _picture(
    rng, number, size, channels, layers, of, classes, groups, shown, icon, methods
) -> Picture:
    targets = len(of)
    places = rng.uniform(0.2, 0.8, (groups, 2))
    widths = rng.uniform(0.07, 0.16, groups)
    hues = rng.uniform(0, 1, (groups, 3))
    speaks = rng.normal(size=(groups, targets)) * np.linspace(3, 0.5, groups)[:, None]
    speaks[0, 0] = 4.0
    things = [(*place, width) for place, width in zip(places, widths, strict=True)]
    image = texture(rng, size, channels, np.full(3, 0.4)).astype(float) * 0.35 + 70
    for (y, x, width), hue in zip(things, hues, strict=True):
        thing = texture(rng, size, channels, hue) * 1.2
        image += blob(size, y, x, width)[..., None] * (thing - image)
    made = tuple(
        _layer(rng, name, rows, things, hues, speaks, of, classes, shown, icon, channels)
        for name, rows in layers
    )
    output = rng.normal(size=max(classes, targets)).astype(np.float32) * 2
    if classes:
        output[list(of)] = np.linspace(14, 6, targets)
    return Picture(
        name=f"photo {number}.jpg",
        image=np.clip(image, 0, 255).astype(np.uint8),
        label=of[0] if classes else None,
        output=output,
        value=output[list(of)] if classes else output[:targets],
        layers=made,
        flows=tuple(_flow(rng, a, b) for a, b in pairwise(made)),
        methods=tuple(_method(rng, size, things, speaks, *METHODS[i]) for i in range(methods)),
    )


def _layer(rng, name, rows, things, hues, speaks, of, classes, shown, icon, channels) -> Layer:
    n, targets = len(things), len(of)
    maps = np.stack([blob(rows, y, x, w * rng.uniform(0.8, 1.3)) for y, x, w in things])
    maps = (9 * np.maximum(0, maps + rng.normal(size=maps.shape) * 0.03)).astype(np.float32)
    effect = (speaks * rng.uniform(0.6, 1.2, speaks.shape)).astype(np.float32)
    share = maps / np.maximum(maps.sum((1, 2), keepdims=True), 1e-9)
    at = np.einsum("grc,gt->rct", share, effect).astype(np.float32)

    owner = rng.integers(0, n, shown)
    own = maps[owner] * rng.uniform(0.2, 1, (shown, 1, 1))
    own = np.maximum(0, own + rng.normal(size=own.shape) * 0.3).astype(np.float32)
    order = np.argsort(-own, axis=0)[:4].transpose(1, 2, 0)
    strong = np.take_along_axis(own.transpose(1, 2, 0), order, axis=2) > 0.2
    icons = np.stack([texture(rng, icon, channels, hue) for hue in hues])
    unit_icons = np.stack([texture(rng, icon, channels, hues[i]) for i in owner])
    tile = max(4, icon // 2)
    return Layer(
        name=name,
        norm=np.sqrt((maps**2).sum(0)).astype(np.float32),
        grid=_grid(icons, maps, tile),
        effect=at,
        channels=Directions(
            names=tuple(str(7 + 11 * i) for i in range(shown)),
            icon=unit_icons,
            map=own,
            effect=(effect[owner] * rng.uniform(0.05, 0.4, (shown, 1))).astype(np.float32),
            classes=_of_classes(rng, effect[owner] * 0.2, of, classes),
        ),
        groups=Directions(
            names=tuple(f"group {i + 1}" for i in range(n)),
            icon=icons,
            map=maps,
            effect=effect,
            classes=_of_classes(rng, effect, of, classes),
        ),
        dictionary=np.where(strong, order, -1),
        unexplained=float(rng.uniform(0.1, 0.4)),
        completeness=rng.uniform(0.01, 0.2, targets).astype(np.float32),
    )


def _grid(icons: np.ndarray, maps: np.ndarray, tile: int) -> np.ndarray:
    """Draw at every position the icon of the strongest group there, darker where it is weak."""
    size = icons.shape[1]
    pick = (np.arange(tile) * size) // tile
    small = icons[:, pick][:, :, pick]
    rows, columns = maps.shape[1:]
    best, strength = maps.argmax(0), maps.max(0) / maps.max()
    drawn = 110 + (small[best] - 110.0) * np.clip(0.25 + strength, 0, 1)[..., None, None, None]
    return drawn.transpose(0, 2, 1, 3, 4).reshape(rows * tile, columns * tile, -1).astype(np.uint8)


def _of_classes(rng, effect: np.ndarray, of, classes: int) -> np.ndarray:
    made = rng.normal(size=(len(effect), classes)).astype(np.float32) * 0.4
    if classes:
        made[:, list(of)] = effect
    return made


def _flow(rng, a: Layer, b: Layer) -> Flow:
    n, m = len(a.groups.names), len(b.groups.names)
    pairs = rng.normal(size=(n, m)) * 0.5
    pairs[np.arange(min(n, m)), np.arange(min(n, m))] += 2
    (r, c), (s, d) = a.norm.shape, b.norm.shape
    rows = np.exp(-(((np.arange(r) + 0.5)[:, None] / r - (np.arange(s) + 0.5) / s) ** 2) / 0.02)
    columns = np.exp(-(((np.arange(c) + 0.5)[:, None] / c - (np.arange(d) + 0.5) / d) ** 2) / 0.02)
    near = rows[:, None, :, None] * columns[None, :, None, :]
    strength = a.norm[:, :, None, None] * b.norm[None, None] * near
    signs = 1 + rng.normal(size=strength.shape)
    return Flow(pairs.astype(np.float32), (strength * signs).astype(np.float32))


def _method(rng, size, things, speaks, name, title, signed, rough) -> Method:
    maps = np.zeros((speaks.shape[1], size, size))
    for (y, x, width), effect in zip(things, speaks, strict=True):
        maps += effect[:, None, None] * blob(size, y, x, width * 0.8)
    maps *= 1 + 1.5 * rough * rng.normal(size=maps.shape)
    maps += 0.15 * rough * rng.normal(size=maps.shape)
    if not signed:
        maps = np.abs(maps) if name == "gradient" else np.maximum(0, maps)
    checks = tuple(
        Checks(
            completeness=float(rng.uniform(0, 0.08)) if name in SUMS_UP else float("nan"),
            insertion=float(rng.uniform(0.45, 0.8)),
            deletion=float(rng.uniform(0.08, 0.3)),
            weights=0.93 if "guided" in name else float(rng.normal() * 0.15),
            labels=float(rng.normal() * 0.2) if name != "rise" else float("nan"),
        )
        for _ in maps
    )
    note = "Hardly depends on the weights." if "guided" in name else ""
    return Method(name, title, maps.astype(np.float32), signed, checks, note)
