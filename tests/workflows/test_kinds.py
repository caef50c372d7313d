"""Atlases of networks that are not like InceptionV1, as `ax.run` makes them, page and all."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import atlasjax as ax
from atlasjax.errors import UserError

RNG = np.random.default_rng(0)


def matrix(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) / shape[0] ** 0.5


@pytest.fixture(scope="module", autouse=True)
def layout(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make the layout known to Python by a name."""
    folder = tmp_path_factory.mktemp("layouts")
    (folder / "layout_of_kinds.py").write_text(
        "def principal(activations, *, seed):\n"
        "    import numpy as np\n"
        "    centred = activations - activations.mean(0)\n"
        "    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


def quick(name: str, *layers: str, **settings: Any) -> ax.Experiment:
    return ax.Experiment(
        name,
        layers=layers,
        grids=(2,),
        steps=3,
        attempts=1,
        icon_batch=8,
        more_than=1,
        layout="layout_of_kinds:principal",
        stability=False,
        **settings,
    )


def page(atlas: Any) -> Any:
    """Read what the page is given."""
    for name in ("index.html", "report.html"):
        assert (atlas.folder / name).is_file(), name
    text = (atlas.folder / "atlas.js").read_text(encoding="utf-8")
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


def test_digits_of_one_channel(tmp_path: Path):
    first, second = matrix(1, 8), matrix(8, 10)

    def model(images: Any, tap: Any) -> Any:
        x = tap("one", jax.nn.relu(images[:, ::4, ::4] @ first + 0.1))
        return tap("logits", x.mean((1, 2)) @ second)

    strokes = np.zeros((40, 28, 28), np.uint8)
    for i, stroke in enumerate(strokes):
        stroke[4:24, 4 + i % 20 : 8 + i % 20] = 255
    made = ax.run(quick("digits", "one", samples_per_image=2), model, strokes, out=tmp_path)
    level = made.level("one", 2)
    assert level.icon.shape[1:] == (28, 28, 1)
    assert made.record["channels"] == 1
    assert made.record["experiment"]["image_size"] == 28
    assert ax.open_examples(made.folder, "one", 2).patch.shape[-1] == 1
    page(made)


def test_an_embedding_without_classes(tmp_path: Path, pictures: np.ndarray):
    kernel = matrix(3, 12)

    def model(images: Any, tap: Any) -> Any:
        x = tap("features", jax.nn.relu(images[:, ::8, ::8] @ kernel))
        return x.mean((1, 2))

    embedding = ax.adapt(model, output="none")
    made = ax.run(quick("embedding", "features"), embedding, pictures, out=tmp_path)
    assert made.class_names == ()
    assert made.level("features", 2).attribution.shape[1] == 0
    assert page(made)["class_names"] == []
    with pytest.raises(UserError, match="has no classes"):
        ax.compare(made.folder, 0, 1, model=embedding)


def test_layers_that_are_vectors_only(tmp_path: Path, pictures: np.ndarray):
    first, second = matrix(3 * 16, 12), matrix(12, 4)

    def model(images: Any, tap: Any) -> Any:
        if images.shape[1:] != (32, 32, 3):
            raise ValueError("32 px only")
        x = tap("hidden", jax.nn.relu(images[:, ::8, ::8].reshape(len(images), -1) @ first))
        return tap("logits", x @ second)

    made = ax.run(
        quick("vectors", "hidden", "logits", samples_per_image=4, icon_size=16),
        model,
        pictures,
        out=tmp_path,
        class_names=["north", "east", "south", "west"],
    )
    level = made.level("hidden", 2)
    assert made.record["activations"] == {"hidden": 40, "logits": 40}  # one of each image
    assert level.icon.shape[1:] == (32, 32, 3)  # the one size that it takes
    examples = ax.open_examples(made.folder, "hidden", 2)
    assert examples.patch.any()
    assert (made.level("logits", 2).direction.shape[1], level.direction.shape[1]) == (4, 12)
    page(made)


def test_images_of_channels_that_do_not_fit(tmp_path: Path, pictures: np.ndarray):
    def model(images: Any, tap: Any) -> Any:
        return tap("one", images @ np.ones((3, 2), np.float32)).mean((1, 2))

    five = np.concatenate([pictures, pictures[..., :2]], -1)
    with pytest.raises(UserError, match=r"does not take images \[1, 32, 32, 5\] with a tap"):
        ax.run(quick("five", "one"), model, five, out=tmp_path)
    entry = ax.ModelEntry("five", lambda: model, image_size=32)
    with pytest.raises(UserError, match="images of 5 channels; the network takes 3"):
        ax.run(quick("five", "one"), entry, five, out=tmp_path)
