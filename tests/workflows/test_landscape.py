"""Landscapes as pages: kinds of directions, labels, what is kept, mistakes."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax
from atlasjax import cli
from atlasjax.errors import UserError
from atlasjax.page.data import of_script

COUNT = 3
FLAT = {"contours", "surface"}


def network(w: Any, images: Any, tap: Any) -> Any:
    hidden = tap("hidden", jax.nn.relu(images.mean((1, 2)) @ w["one"]))
    return hidden @ w["two"]


def loaded(weights: str | None = None, seed: int = 0) -> Any:
    """Read a file of a number, the seed of the weights."""
    found = int(Path(weights).read_text()) if weights else seed
    rng = np.random.default_rng(found)
    hidden = 4 if found < 100 else 5
    w = {"one": rng.normal(size=(3, hidden)), "two": rng.normal(size=(hidden, COUNT))}
    return jax.tree_util.Partial(network, {k: jnp.asarray(v, jnp.float32) for k, v in w.items()})


ENTRY = ax.ModelEntry("toy", loaded, image_size=32, class_names=("cat", "dog", "cow"))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"step{i}.txt" for i in range(5)]
    for i, path in enumerate(paths):
        path.write_text(str(i if i < 4 else 100))
    return paths


@pytest.mark.parametrize(
    ("count", "settings", "shapes", "figures"),
    [
        (0, {}, [(5, 5)], FLAT),
        (0, {"dimensions": 1}, [(5,)], {"loss"}),
        (0, {"dimensions": 3, "points": 3}, [(3, 3, 3)], {"slices"}),
        (
            0,
            {"directions": "hessian", "curvature": 2},
            [(5, 5)],
            {"contours", "surface", "curvature"},
        ),
        (2, {}, [(5,)], {"loss"}),
        (2, {"directions": "random"}, [(5, 5)] * 2, FLAT),
        (4, {}, [(5, 5)], FLAT),
    ],
)
def test_every_kind_makes_its_page(
    tmp_path: Path,
    images: np.ndarray,
    files: list[Path],
    count: int,
    settings: dict[str, Any],
    shapes: list[tuple[int, ...]],
    figures: set[str],
):
    given = {"points": 5, "weights": files[:count], "out": tmp_path / "out"} | settings
    made = ax.loss_surface(ENTRY, images, **given)
    assert [one.surface.loss.shape for one in made.contents.surfaces] == shapes
    drawn = {path.stem for path in (tmp_path / "out" / "figures").glob("*.png")}
    assert drawn == figures
    told = of_script((tmp_path / "out" / "data.js").read_text())
    assert len(told["surfaces"]) == len(shapes)
    with np.load(tmp_path / "out" / "landscape.npz") as kept:
        np.testing.assert_array_equal(kept["0.loss"], made.contents.surfaces[0].surface.loss)
    assert made.page.is_file()


def test_a_path_ends_at_the_network_and_has_the_losses_of_its_checkpoints(
    tmp_path: Path, images: np.ndarray, files: list[Path]
):
    given = {"points": 3, "weights": files[:4], "out": tmp_path / "out"}
    path = ax.loss_surface(ENTRY, images, **given).contents.surfaces[0].path
    assert path is not None
    assert path.coordinates[-1].tolist() == [0.0, 0.0]
    assert path.names == ("step0", "step1", "step2", "step3")
    labels = ax.landscape.answers(loaded(str(files[3])), images)
    for file, loss in zip(files, path.loss, strict=False):
        expected, _ = ax.landscape.evaluate(loaded(str(file)), images, labels)
        assert loss == pytest.approx(expected, rel=1e-6)


def test_classes_of_folders_are_the_labels_and_others_are_left_out(
    tmp_path: Path, images: np.ndarray
):
    from PIL import Image

    for name, image in zip(("cow", "cow", "dog", "fish"), images, strict=False):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{image.sum()}.png")
    given = {"points": 2, "dimensions": 1, "out": tmp_path / "out"}
    found = ax.loss_surface(ENTRY, tmp_path / "photos", **given).contents
    assert found.record["images"] == 3
    assert any("1 images are of no class" in note for note in found.notes)


def test_points_that_are_not_finite_are_told(tmp_path: Path, images: np.ndarray):
    given = {"points": 3, "span": 1e30, "out": tmp_path / "out"}
    found = ax.loss_surface(ENTRY, images, **given).contents
    assert any("8 of 9 points the loss is not finite" in note for note in found.notes)


@pytest.mark.parametrize(
    ("count", "settings", "said"),
    [
        (0, {"directions": "randon"}, "no kind of direction 'randon'; did you mean random?"),
        (0, {"directions": "path"}, "0 weights files: a path in 2 directions needs 3"),
        (1, {"directions": "between"}, "1 weights files: between networks there are 2 to 4"),
        (2, {"dimensions": 2}, "2 directions between 2 networks"),
        (0, {"dimensions": 4}, "4 directions: one, two or three"),
        (0, {"points": 1}, "points=1"),
        (0, {"span": 0.0}, "span=0"),
        (0, {"curvature": 1}, "curvature=1"),
        (5, {}, "one has shape [3, 4], not [3, 5]"),
    ],
)
def test_mistakes_get_one_line(
    tmp_path: Path,
    images: np.ndarray,
    files: list[Path],
    count: int,
    settings: dict[str, Any],
    said: str,
):
    given = {"weights": files[:count], "out": tmp_path / "out"} | settings
    with pytest.raises(UserError) as told:
        ax.loss_surface(ENTRY, images, **given)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_a_function_without_weights_is_refused(tmp_path: Path, images: np.ndarray):
    hidden = lambda: lambda x, tap: tap("a", x).mean((1, 2))  # noqa: E731
    plain = ax.ModelEntry("plain", hidden, image_size=32)
    with pytest.raises(UserError, match="no weights to move"):
        ax.loss_surface(plain, images, out=tmp_path / "out")


def test_the_command_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = ["--points", "2", "--max-images", "2", "--out", str(tmp_path / "out")]
    cli.main(
        ["landscape", "inception_v1_scenes", "--images", "scenes:2", "--dimensions", "1", *out]
    )
    said = capsys.readouterr().out
    assert "inception_v1_scenes: loss" in said
    assert f"open {tmp_path / 'out' / 'index.html'}" in said
