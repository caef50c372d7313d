"""The plan of a run: every artifact that it leaves, what each is made from, and how large it is.

It is made before anything is computed, from the shapes of the network alone, and kept in the run
folder. So it can be said beforehand what will be made again and why, how much room it takes, and at
any time what is done; see `again`, `estimate` and `status`.
"""

from collections.abc import Iterator

from atlasjax.atlas.examples import PER_CELL
from atlasjax.data.patches import SIZE
from atlasjax.runs import origins
from atlasjax.runs.job import Run
from atlasjax.runs.origins import Origin
from atlasjax.runs.pipeline import icon_settings
from atlasjax.runs.stages.activations import SKIPPED, kinds, looked_at, shapes_of, sizes_of
from atlasjax.runs.stages.effects import classes_of
from atlasjax.runs.unit import Unit
from atlasjax.storage import artifacts

ARCHIVE = 2500  # bytes: of an artifact's own records


def plan(run: Run) -> tuple[Unit, ...]:
    """Return every artifact that a run leaves, in the order in which they are made.

    Args:
        run: the run. Where its layers are looked at in the same places, these are measured, which
            takes seconds, and are kept in its folder.

    Raises:
        UserError: layers that cannot be sampled as the experiment says.
    """
    found: list[Unit] = []
    shapes = shapes_of(run)
    of_layers = origins.activations(run, looked_at(run, shapes).places)
    digests = {name: _digest(origin) for name, origin in of_layers.items()}
    sizes = {
        name: (len(run.source) * each, shape[2])
        for name, (each, shape) in sizes_of(run, shapes).items()
    }
    kind = kinds(shapes) if run.config.aligned else {}
    before: dict[tuple, str] = {}
    for name in run.names:
        n, channels = sizes[name]
        size = n * (4 * channels + 40) + 8 * channels**2
        found.append(_unit(run, "activations", name, 0, "activations", of_layers[name], n, size))
    images = len(run.source)
    skipped = origins.skipped(run)
    found.append(Unit("images", "", 0, SKIPPED, _digest(skipped), skipped, images, 0))
    for group in run.maps:
        own = [digests[name] for name in group]
        at = kind.get(group[0])
        origin = origins.layout(run, group, own, None if at is None else before.get(at))
        if at is not None:
            before[at] = _digest(origin)
        for name in group:
            found += _of_layer(run, name, digests[name], origin, *sizes[name])
    return tuple(found)


def _of_layer(
    run: Run, name: str, activations: str, layout: Origin, n: int, channels: int
) -> Iterator[Unit]:
    """Give what is made of a layer's activations."""
    classes = classes_of(run, name)
    white, laid = origins.whitening(run, name, activations), _digest(layout)
    effects = origins.attribution(activations)
    yield _unit(run, "whitening", name, 0, "whitening", white, n, 16 * channels**2)
    yield _unit(run, "layout", name, 0, "layout", layout, n, 8 * n)
    levels, coarser = [], None
    settings = icon_settings(run, name, channels)
    pixels = settings.size**2 * settings.channels
    for size in sorted(run.config.grids):
        most = min(size**2, n // (run.config.more_than + 1))
        origin = origins.cells(run, laid, size)
        digest, at = _digest(origin), (name, size)
        yield _unit(run, "cells", *at, "cells", origin, most, most * (4 * channels + 48) + 8 * n)
        effect = origins.cell_attribution(digest, _digest(effects))
        whitened = origins.whitened(digest, _digest(white))
        icons = origins.icons(run, name, digest, settings, coarser)
        patches = most * PER_CELL * SIZE**2 * run.channels
        levels += [
            _unit(run, "cell attribution", *at, "attribution", effect, most, most * 4 * classes),
            _unit(run, "whitened", *at, "whitened", whitened, most, most * 4 * channels),
            _unit(run, "icons", *at, "icons", icons, most, most * pixels),
            _unit(
                run, "examples", *at, "examples", origins.examples(digest, PER_CELL), most, patches
            ),
        ]
        coarser = _digest(icons) if run.config.coarse_to_fine else None
    yield _unit(run, "attribution", name, 0, "attribution", effects, n, 2 * n * classes)
    yield from levels


def _unit(
    run: Run, stage: str, layer: str, grid: int, file: str, origin: Origin, amount: int, size: int
) -> Unit:
    folder = run.level(layer, grid) if grid else run.layer(layer)
    path = (folder / f"{file}.npz").relative_to(run.folder).as_posix()
    return Unit(stage, layer, grid, path, _digest(origin), origin, amount, size + ARCHIVE)


def _digest(origin: Origin) -> str:
    return artifacts.fingerprint(**origin)
