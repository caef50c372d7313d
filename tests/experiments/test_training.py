"""The training recipe: it learns, it is deterministic, and the evaluation counts right."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import experiments, models
from atlasjax.data.protocol import Example
from atlasjax.data.scenes import CLASSES, SHORTCUTS
from atlasjax.errors import UserError
from atlasjax.experiments.training import evaluate, inception_v1_scenes
from atlasjax.experiments.training.draw import draw, epoch
from atlasjax.experiments.training.inception_v1_scenes import Settings, check, train
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.specs import GOOGLENET, narrow
from atlasjax.models.weights import caffe
from atlasjax.models.weights.initial import random_weights

NARROW = narrow(GOOGLENET, 16, classes=4, name="toy")
BLOCKS = (NARROW.blocks[0], NARROW.blocks[2])  # one of each kind of step; all nine compile slowly
SPEC = replace(NARROW, blocks=BLOCKS, mean=(127.5, 127.5, 127.5), bgr=False)


@dataclass(frozen=True)
class Grey:
    """Plain images whose shade is their label, or that of another class where a cue is touched."""

    count: int
    seed: int = 0
    only: str | None = None
    control: str | None = None
    classes: tuple[str, ...] = CLASSES

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> Example:
        label = CLASSES.index(self.only) if self.only else index % len(CLASSES)
        shade = label
        if self.control:
            (found,) = (c for s in SHORTCUTS.values() for c in s.controls if c.name == self.control)
            label = CLASSES.index(found.of)
            shade = CLASSES.index(found.toward) if index % 4 else label
        return Example(np.full((32, 32, 3), shade, np.uint8), label, str(index))

    def fingerprint(self) -> str:
        return repr(self)


def grey(count: int, *, seed: int = 0, only: str | None = None, control: str | None = None) -> Grey:
    return Grey(count, seed, only, control)


def reads_the_shade(images: Any, tap: Any) -> Any:
    del tap
    shade = jnp.round(images[:, 0, 0, 0] * 255).astype(jnp.int32)
    return jax.nn.one_hot(shade, len(CLASSES))


def patterns() -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(32, dtype=np.int32) % 4
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3))[labels]
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def trained() -> list[InceptionV1]:
    settings = Settings(
        Path("a.safetensors"),
        epochs=15,
        batch=16,
        worst=0.1,
        weight_decay=0.05,
        shift=0,
        warm_up=0.2,
    )
    return [train(random_weights(SPEC), *patterns(), settings) for _ in range(2)]


def test_a_few_images_are_learnt(trained: list[InceptionV1]):
    drawn = evaluate.Drawn(*patterns())
    assert evaluate.accuracy(evaluate.predictor(trained[0]), drawn) == 1.0


def test_equal_seeds_give_equal_networks(trained: list[InceptionV1]):
    first, again = map(caffe.to_caffe, trained)
    untrained = caffe.to_caffe(random_weights(SPEC))
    for name, tensor in first.items():
        assert np.array_equal(tensor, again[name]), name
        assert not np.array_equal(tensor, untrained[name]), name


def test_networks_on_the_way_are_kept_from_the_first_to_the_last():
    kept: dict[int, InceptionV1] = {}
    settings = Settings(Path("a.safetensors"), epochs=2, batch=16, worst=0.1, checkpoints=3)
    keep = lambda model, step: kept.update({step: model})  # noqa: E731
    last = train(random_weights(SPEC), *patterns(), settings, keep=keep)
    assert list(kept) == [0, 2, 4]
    for step, model in ((0, random_weights(SPEC)), (4, last)):
        found, expected = caffe.to_caffe(kept[step]), caffe.to_caffe(model)
        for name, tensor in expected.items():
            # The first kernel goes to units of its own and back.
            np.testing.assert_allclose(found[name], tensor, rtol=1e-6, err_msg=name)


def test_the_file_is_written_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    small = replace(SPEC, classes=len(CLASSES))
    monkeypatch.setattr(models, "spec", lambda name: small)
    monkeypatch.setattr(inception_v1_scenes, "scenes", grey)
    monkeypatch.setattr(evaluate, "scenes", grey)
    path = tmp_path / "w.safetensors"
    settings = Settings(path, images=32, epochs=1, batch=16, held_out=28, processes=1)
    report = inception_v1_scenes.make(settings)
    assert 0.0 <= report.accuracy <= 1.0
    assert models.load("inception_v1_scenes", path).spec == small
    said = capsys.readouterr().out
    assert "step 2/2" in said
    assert "epoch 1 of 1: held-out accuracy" in said
    assert "noodles-removed" in said


def test_a_report_counts_right(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(evaluate, "scenes", grey)
    found = evaluate.report(reads_the_shade, count=70, per_control=61)
    assert found.accuracy == 1.0
    assert set(found.per_class) == set(CLASSES)
    assert [row.control for row in found.rows] == [
        c.name for s in SHORTCUTS.values() for c in s.controls
    ]
    for row in found.rows:
        assert row.untouched == 1.0
        # Of 61 images, every fourth from the first on keeps its shade.
        assert row.accuracy == pytest.approx(16 / 61)
        assert row.share_toward == pytest.approx(45 / 61)


def test_drawing_keeps_the_order():
    images, labels = draw(grey(450), processes=1)
    assert labels.tolist() == [i % len(CLASSES) for i in range(450)]
    assert np.array_equal(images[:, 0, 0, 0], labels)


def test_an_epoch_shows_every_image_once_and_moves_it():
    images = np.random.default_rng(1).integers(0, 256, (12, 16, 16, 3)).astype(np.uint8)
    batches = list(epoch(images, np.arange(12), 4, seed=(3, 0), shift=2))
    assert sorted(np.concatenate([b.labels for b in batches])) == list(range(12))
    for batch in batches:
        assert np.abs(batch.contrast - 1).max() <= 0.1
        for moved, label in zip(batch.images, batch.labels, strict=True):
            whole = np.pad(images[label], ((2, 2), (2, 2), (0, 0)), mode="reflect")
            places = [(y, x) for y in range(5) for x in range(5)]
            assert any(np.array_equal(whole[y : y + 16, x : x + 16], moved) for y, x in places)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": Path("a.npz")}, "must end in .safetensors"),
        ({"out": Path("no/such/a.safetensors")}, "there is no such folder"),
        ({"epochs": 0}, "epochs 0: must be at least 1"),
        ({"images": 10}, "images 10: must be at least batch 64"),
        ({"seed": -1}, "seed -1: must be 0 or greater"),
    ],
)
def test_settings_out_of_range(changes: dict[str, Any], message: str):
    with pytest.raises(UserError) as error:
        check(replace(Settings(Path("a.safetensors")), **changes))
    assert message in str(error.value)


def test_a_batch_is_shared_evenly():
    settings = Settings(Path("a.safetensors"), batch=15)
    with pytest.raises(UserError, match="batch 15: must be a multiple of the 2 devices"):
        train(random_weights(SPEC), *patterns(), settings)


def test_recipes_are_no_experiments():
    assert "training" not in experiments.names()
    assert "debug" in experiments.names()
