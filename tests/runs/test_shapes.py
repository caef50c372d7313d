"""Layers of every shape in one run: tokens, a class token and a vector of a small transformer.

The network takes images of one size only, as most transformers do, and its weights are random.
"""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.atlas.collect import Activations
from atlasjax.data import Example
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh
from atlasjax.planes import as_planes
from atlasjax.runs import pipeline
from atlasjax.runs.examples import examples, open_examples
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Network, Run
from atlasjax.runs.stages import stored
from atlasjax.runs.stages.activations import check_networks
from atlasjax.storage import artifacts, rows
from atlasjax.taps import capture

SIDE, PATCH, WIDTH, CLASSES, COUNT = 32, 8, 6, 4, 12
PER_IMAGE = 3
LAYERS = ("first", "pooled", "last", "last/class")


def weights(*shape: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) / shape[0] ** 0.5


EMBED, PLACE = weights(PATCH * PATCH * 3, WIDTH, seed=0), weights(17, WIDTH, seed=1)
ASK, KEY, SAY = (weights(WIDTH, WIDTH, seed=seed) for seed in (2, 3, 4))
HEAD = weights(WIDTH, CLASSES, seed=5)


def tokens_of(images, tap):
    side = SIDE // PATCH
    cut = images.reshape(-1, side, PATCH, side, PATCH, 3).swapaxes(2, 3)
    patches = cut.reshape(-1, side * side, PATCH * PATCH * 3) @ EMBED
    first = jnp.zeros((len(patches), 1, WIDTH), patches.dtype)
    x = tap("first", jnp.concatenate([first, patches], 1) + PLACE[None])
    mixed = jax.nn.softmax((x @ ASK) @ jnp.swapaxes(x @ KEY, 1, 2)) @ (x @ SAY)
    return tap("last", x + mixed)


def transformer(images, tap):
    return tap("pooled", tokens_of(images, tap)[:, 0]) @ HEAD


def no_classes(images, tap):
    return tokens_of(images, tap)[:, 0, :0]


class Pictures:
    """Twelve images of noise over a colour, which count how often they are read."""

    classes = ()

    def __init__(self):
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 64, (COUNT, SIDE, SIDE, 3))
        self.pixels = (noise + rng.integers(0, 192, (COUNT, 1, 1, 3))).astype(np.uint8)
        self.read = 0

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        self.read += 1
        return Example(self.pixels[index], -1, str(index))

    def fingerprint(self):
        return "pictures"


CONFIG = Experiment(
    "shapes",
    "transformer",
    LAYERS,
    grids=(1,),
    samples_per_image=PER_IMAGE,
    image_size=SIDE,
    resize=SIDE,
    layout="flat_map:places",  # see `flat_map`
    icon_size=40,
    steps=2,
    attempts=1,
    icon_batch=1,
    early_layers=("first",),
    early_icon_size=36,
)


@pytest.fixture(scope="module", autouse=True)
def flat_map(tmp_path_factory):
    """Make a method of layout that needs no time: two principal components."""
    folder = tmp_path_factory.mktemp("layout")
    code = """
import numpy as np

def places(points, seed):
    centred = points - points.mean(0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
"""
    (folder / "flat_map.py").write_text(code)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


def job(folder: Path, model=transformer, **changes) -> Run:
    config, mesh = dataclasses.replace(CONFIG, **changes), batch_mesh(jax.local_devices()[:1])
    return Run(config, model, "random", Pictures(), folder, mesh)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Run, pipeline.Finished]:
    made = job(tmp_path_factory.mktemp("run"))
    return made, pipeline.run(made)


def activations(run: Run, name: str) -> Activations:
    return stored.read(run.layer(name) / stored.FILE)


def effects(run: Run, name: str) -> np.ndarray:
    found = rows.mapped(run.layer(name) / "attribution.npz", "value")
    assert found is not None
    return found


def images_of(run: Run) -> jax.Array:
    assert isinstance(run.source, Pictures)
    return jnp.asarray(run.source.pixels, jnp.float32) / 255.0


def test_tokens_are_taken_at_positions_and_single_values_once(finished):
    run, made = finished
    assert made.sampled == {"first": 36, "pooled": 12, "last": 36, "last/class": 12}
    values = capture(as_planes(transformer), images_of(run), LAYERS)
    for name in LAYERS:
        found = activations(run, name)
        direct = np.asarray(values[name])[found.image, found.position[:, 0], found.position[:, 1]]
        # Batches of another size are summed in another order.
        np.testing.assert_allclose(found.value, direct, rtol=1e-4, atol=1e-5)
    one, other = activations(run, "first"), activations(run, "last")
    assert (one.position != other.position).any()  # each layer's are drawn for itself
    for found in (one, other):
        assert found.position.min() == 1
        assert found.position.max() == 2  # off the border of 4 x 4


def test_attributions_are_those_of_the_network(finished):
    run, made = finished
    # After the vector the network is linear without a bias: what each value says is its product.
    pooled = activations(run, "pooled").value
    stored = effects(run, "pooled")
    np.testing.assert_allclose(stored, pooled @ HEAD, atol=2e-3)  # in half precision
    level = made.levels["pooled", 1]
    np.testing.assert_allclose(level.attribution, (pooled @ HEAD).mean(0)[None], atol=2e-3)
    # The last layer's patches are not asked any more: the class token says it all.
    assert not effects(run, "last").any()
    np.testing.assert_allclose(effects(run, "last/class"), stored, atol=2e-3)
    assert np.abs(effects(run, "first")).max() > 1e-2


def test_icons_have_the_size_that_the_network_takes(finished):
    _, made = finished
    for name in LAYERS:  # neither 40, as asked for, nor 36, as of early layers
        assert made.levels[name, 1].icon.shape == (1, SIDE, SIDE, 3)
        assert made.levels[name, 1].direction.shape == (1, WIDTH)
        assert np.isfinite(made.levels[name, 1].cosine).all()


def test_the_same_run_again_draws_and_reads_nothing(finished, monkeypatch: pytest.MonkeyPatch):
    run, made = finished
    again = job(run.folder)
    monkeypatch.setattr(pipeline, "icon_drawer", None)
    for name, level in pipeline.run(again).levels.items():
        for one, two in zip(level, made.levels[name], strict=True):
            np.testing.assert_array_equal(one, two)
    assert isinstance(again.source, Pictures)
    assert again.source.read == 0


def test_examples_show_a_token_among_its_neighbours_and_an_image_whole(finished):
    run, _ = finished
    examples(run)
    pixels = images_of(run)
    vector, token = (open_examples(run.folder, name, 1) for name in ("pooled", "last"))
    # A patch of the token of row 1 would be rows 8 to 15; half of the image is its largest window.
    row, column = token.position[0, 0]
    centre = 3.5 + 8 * np.array([row, column])
    top, left = np.round(centre - 7.5).astype(int)
    window = np.asarray(pixels[token.image[0, 0], top : top + 16, left : left + 16])
    # Resizing to another size keeps the mean colour, up to the filter's weight at the border.
    np.testing.assert_allclose(token.patch[0, 0].mean((0, 1)) / 255, window.mean((0, 1)), atol=0.02)
    whole = np.asarray(pixels[vector.image[0, 0]])
    np.testing.assert_allclose(
        vector.patch[0, 0].mean((0, 1)) / 255, whole.mean((0, 1)), atol=0.005
    )


def laid(folder: Path, monkeypatch: pytest.MonkeyPatch, layers: tuple[str, ...]) -> dict:
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "draw", lambda *arguments: {})
        run = job(folder, layers=layers)
        pipeline.run(run)
    kept = [artifacts.fingerprint_of(run.layer(n) / "layout.npz") for n in layers]
    return dict(zip(layers, kept, strict=True))


def test_a_layer_is_aligned_with_the_last_one_of_the_same_places(tmp_path: Path, monkeypatch):
    mixed = laid(tmp_path / "a", monkeypatch, ("first", "first/class", "pooled", "last"))
    tokens = laid(tmp_path / "b", monkeypatch, ("first", "last"))
    vectors = laid(tmp_path / "c", monkeypatch, ("first/class", "pooled"))
    alone = laid(tmp_path / "d", monkeypatch, ("last",))
    assert mixed == tokens | vectors
    assert mixed["last"] != alone["last"]  # which is aligned with nothing


def test_vectors_are_left_out_of_the_places_that_layers_share(tmp_path: Path, monkeypatch):
    def coarse(images, tap):
        half = tap("coarse", images.reshape(-1, 4, 8, 4, 8, 3).mean((2, 4)))
        tap("fine", images.reshape(-1, 8, 4, 8, 4, 3).mean((2, 4)))
        return tap("vector", half.mean((1, 2)))

    monkeypatch.setattr(pipeline, "draw", lambda *arguments: {})
    both, more = (
        job(tmp_path / name, coarse, layers=layers, early_layers=())
        for name, layers in [
            ("a", ("coarse", "fine")),
            ("b", ("vector", "coarse", "fine")),
        ]
    )
    pipeline.run(both)
    assert pipeline.run(more).sampled["vector"] == COUNT
    for name in ("coarse", "fine"):
        one, two = activations(both, name), activations(more, name)
        np.testing.assert_array_equal(one.position, two.position)
        layouts = [artifacts.fingerprint_of(r.layer(name) / "layout.npz") for r in (both, more)]
        assert layouts[0] == layouts[1]
    # A fine position is one of the four whose places the coarse one stands for, or beside them.
    apart = 2 * activations(both, "coarse").position - activations(both, "fine").position
    assert np.abs(apart).max() <= 2


def test_without_classes_no_image_is_looked_at_for_attributions(tmp_path: Path):
    run = job(tmp_path, no_classes, layers=("last",))
    made = pipeline.run(run)
    assert made.levels["last", 1].attribution.shape == (1, 0)
    assert effects(run, "last").shape == (36, 0)
    assert isinstance(run.source, Pictures)
    assert run.source.read == COUNT  # once, for the activations


def test_a_vector_and_a_plane_of_two_networks_do_not_share_a_map(tmp_path: Path):
    def other(images, tap):
        return tap("pooled", images[:, ::8, ::8]).mean((1, 2)) @ HEAD[:3]

    run = dataclasses.replace(job(tmp_path, layers=("pooled",)), other=Network(other, "other"))
    with pytest.raises(UserError, match="'pooled' has 1 x 1 and 4 x 4 positions in the two"):
        check_networks(run)
