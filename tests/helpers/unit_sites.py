"""Sites of units made up: curves at every angle and textures, with weights between them."""

import numpy as np

from atlasjax.page.units.contents import Edges, Family, Patches, Tuning, UnitLayer, UnitSite

ANGLES = np.arange(0, 360, 10.0)
LAYERS = (("mixed3a", 12), ("mixed3b", 18))


def site(
    layers: tuple[tuple[str, int], ...] = LAYERS,
    *,
    size: int = 40,
    channels: int = 3,
    classes: int = 12,
    kernel: int = 5,
    strongest: int = 6,
    patches: int = 5,
    pictures: bool = True,
    seed: int = 0,
    **changes,
) -> UnitSite:
    """Return a site with everything, the same for the same arguments.

    Args:
        layers: names, and how many units of each are shown: every third of the layer's.
        size: of icons and patches, in px.
        channels: of them.
        classes: of the network; 0 for none.
        kernel: rows and columns of weights between layers.
        strongest: weights of each unit from and to each neighbouring layer.
        patches: of each row of examples.
        pictures: whether there are others than icons.
        seed: what is by chance.
        changes: other fields of the site.
    """
    rng = np.random.default_rng(seed)
    numbers = [3 * np.arange(count) + 1 for _, count in layers]
    made = []
    for at, (name, _) in enumerate(layers):
        near = [(i, layers[i][0], numbers[i]) for i in (at - 1, at + 1) if 0 <= i < len(layers)]
        edges = {
            i: _edges(rng, one, len(numbers[at]), of, strongest, kernel) for i, one, of in near
        }
        made.append(
            _layer(rng, name, numbers[at], size, channels, classes, patches, pictures)._replace(
                inputs=(edges[at - 1],) if at - 1 in edges else (),
                outputs=(edges[at + 1],) if at + 1 in edges else (),
            )
        )
    names = tuple(f"class {i}, thing {i}" for i in range(classes))
    record = {"model": "made up", "seed": seed, "command": "atlasjax units made_up --out site"}
    whole = UnitSite(
        tuple(made), names, tuple(f"class {i}" for i in range(classes)), record, ("Made up.",)
    )
    return whole._replace(**changes)


def icons(
    rng: np.random.Generator, count: int, size: int, channels: int, *, sign: float = 1.0
) -> np.ndarray:
    """Return textures as natural as noise can be, each with a bright line at its own angle."""
    waves = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]) + 1 / size
    noise = np.fft.rfft2(rng.normal(size=(count, channels, size, size))) / waves**1.1
    texture = np.moveaxis(np.fft.irfft2(noise, s=(size, size)), 1, -1)
    texture /= texture.std(axis=(1, 2, 3), keepdims=True)
    turn = np.radians(360 * np.arange(count) / count)[:, None, None]
    x, y = np.meshgrid(*[np.linspace(-1, 1, size)] * 2)
    across = x * np.cos(turn) - y * np.sin(turn) + 0.4 * (x * np.sin(turn) + y * np.cos(turn)) ** 2
    line = np.exp(-((across / 0.18) ** 2))[..., None]
    return np.clip(128 + 34 * texture + sign * 110 * line, 0, 255).astype(np.uint8)


def _layer(rng, name, number, size, channels, classes, patches, pictures) -> UnitLayer:
    count = len(number)
    bins = np.linspace(-4, 4, 33)[None] * rng.uniform(1, 20, size=(count, 1))
    centre = rng.uniform(-2, 0, size=(count, 1))
    spread = np.linspace(-4, 4, 32)[None]
    histogram = (1e6 * np.exp(-((spread - centre) ** 2))).astype(np.int64)
    half = count // 2
    tuned = np.where(np.arange(count) < half, 360 * np.arange(count) / count, np.nan)
    answer = np.exp(3 * np.cos(np.radians(ANGLES - np.nan_to_num(tuned)[:, None])) - 2) - 0.6
    answer[half:] = 0.2 * rng.normal(size=(count - half, len(ANGLES)))
    radii = np.geomspace(4, 60, 12)
    by_radius = np.exp(-((np.log(radii) - 3) ** 2)) * rng.uniform(1, 6, size=(count, 1)) - 0.5
    images = rng.integers(0, 50, size=(count, patches))
    value = -np.sort(-rng.uniform(1, 30, size=(count, patches)), axis=1)
    label = {i: f"photo {i}.jpg" for i in range(50)}
    negative = diverse = None
    rows: tuple[Patches, ...] = ()
    if pictures:
        negative = icons(rng, count, size, channels, sign=-1)
        diverse = _many(rng, count, 4, size, channels)
        example = _many(rng, count, patches, size, channels)
        rows = (
            Patches("Largest values", example, value, images, label),
            Patches("At the 90% quantile", example[:, ::-1], value / 9, images, label),
        )
    return UnitLayer(
        name=name,
        number=number,
        branch=tuple(f"{name}/{('1x1', '3x3', '5x5')[i % 3]}" for i in range(count)),
        icon=icons(rng, count, size, channels),
        negative=negative,
        diverse=diverse,
        patches=rows,
        histogram=histogram,
        bins=bins,
        fires=rng.uniform(0.001, 0.4, size=count),
        classes=rng.normal(size=(count, classes)) if classes else None,
        tuning=(
            Tuning("Curves by angle", "degrees", ANGLES, answer, True, tuned),
            Tuning("Curves by radius", "px", radii, by_radius, False, np.full(count, 20.0)),
        ),
        families=(
            Family("curves", tuple(number[: half // 2].tolist()), "peak above every straight line"),
            Family(
                "lines", tuple(number[half // 2 : half].tolist()), "two peaks, 180 degrees apart"
            ),
        ),
        names={int(number[0]): "curve to the right", int(number[-1]): "fur"},
        cells={int(number[0]): ((3, 7, "../run/index.html#layer=mixed3b&pin=3,7"),)},
    )


def _many(rng, count, n, size, channels) -> np.ndarray:
    return icons(rng, count * n, size, channels).reshape(count, n, size, size, channels)


def _edges(rng, layer, count, numbers, strongest, kernel) -> Edges:
    k = min(strongest, len(numbers))
    unit = np.stack([rng.permutation(numbers)[:k] for _ in range(count)])
    x, y = np.meshgrid(*[np.linspace(-1, 1, kernel) if kernel > 1 else np.zeros(1)] * 2)
    turn = rng.uniform(0, 6.28, size=(count, k, 1, 1))
    fall = np.linspace(1, 0.3, k)[None, :, None, None]
    lean = rng.normal(scale=0.3, size=(count, k, 1, 1))
    held = fall * (np.cos(3 * (x * np.cos(turn) + y * np.sin(turn)) + turn) + lean)
    weight = held.sum((2, 3))
    idle = rng.uniform(size=(count, k)) < 0.2
    effect = np.where(idle, 0, 0.3 * weight)
    return Edges(layer, unit, weight, held, 0.5 * weight, effect, idle)
