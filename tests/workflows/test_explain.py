"""Explain: one small network and two images, from the call to the page; and what is refused."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax
from atlasjax import cli
from atlasjax.blocks.grid import GridSettings
from atlasjax.errors import UserError
from atlasjax.workflows.explain import Explained
from atlasjax.workflows.explaining.layers import LayerSettings

QUICK = LayerSettings(
    steps=4, icon=32, icon_steps=4, grid=GridSettings(window=16, cell=8, steps=4, groups=2)
)
NAMES = ["left", "middle", "right"]
OWN = """
import jax, jax.numpy as jnp
from atlasjax import ModelEntry

def load(path=None):
    key = jax.random.key(0)
    kernels = [0.3 * jax.random.normal(k, (3, 3, *s)) for k, s in
        zip(jax.random.split(key), [(3, 8), (8, 12)])]

    def network(weights, images, tap):
        x = images
        for name, kernel, stride in zip("ab", weights, (4, 2)):
            numbers, strides = ("NHWC", "HWIO", "NHWC"), (stride, stride)
            x = jax.lax.conv_general_dilated(x, kernel, strides, "SAME", dimension_numbers=numbers)
            x = tap(name, jax.nn.relu(x))
        return tap("logits", x.mean((1, 2))[:, :3])

    return jax.tree_util.Partial(network, kernels)

MODEL = ModelEntry("small", load, image_size=32, class_names=["left", "middle", "right"])
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "small.py"
    path.write_text(OWN)
    return path


@pytest.fixture(scope="module")
def made(own: Path) -> Explained:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (2, 32, 32, 3), np.uint8)
    return ax.explain(
        own,
        images,
        layers=["a", "b"],
        groups=3,
        settings=QUICK,
        out=own.parent / "explained",
        methods=["gradient", "integrated_gradients", "grad_cam", "occlusion"],
    )


def test_everything_on_the_page_is_there_as_arrays(made: Explained):
    found = made.explanation
    assert made.page.is_file()
    assert found.class_names == tuple(NAMES)
    assert len(found.targets) == 4  # a difference, and all three classes
    for picture in found.pictures:
        assert [layer.name for layer in picture.layers] == ["a", "b"]
        assert [method.name for method in picture.methods] == [
            "gradient",
            "integrated_gradients",
            "grad_cam",
            "occlusion",
        ]
        first, second = picture.layers
        assert first.norm.shape == (8, 8)
        assert first.groups.map.shape == (3, 8, 8)
        assert first.groups.classes.shape == (3, 3)
        assert second.channels.classes.shape[1] == 3
        assert first.dictionary.max() < len(first.channels.names)
        assert picture.flows[0].groups.shape == (3, 3)
        assert picture.flows[0].positions.shape == (8, 8, 4, 4)
        assert all(method.map.shape == (4, 32, 32) for method in picture.methods)


def test_effects_add_up_in_a_layer_after_which_all_is_linear(made: Explained):
    for picture in made.explanation.pictures:
        last = picture.layers[-1]
        # After b comes a mean alone, so that positions, classes and the value agree.
        total = last.effect.sum((0, 1))
        assert total == pytest.approx(picture.value, rel=1e-4, abs=1e-5)
        assert last.completeness == pytest.approx(0, abs=1e-3)
        by_class = [i for i in made.explanation.target_classes if i >= 0]
        assert last.groups.effect[:, 1:] == pytest.approx(
            last.groups.classes[:, by_class], rel=1e-3, abs=1e-5
        )


def test_targets_are_ordered_by_what_the_images_are_taken_for(made: Explained):
    found, first = made.explanation, made.explanation.pictures[0]
    best, second = np.argsort(-first.output)[:2]
    assert found.target_classes[:3] == (-1, best, second)
    assert first.value[0] == pytest.approx(first.output[best] - first.output[second], abs=1e-6)


def test_maps_say_how_far_they_can_be_trusted(made: Explained):
    for picture in made.explanation.pictures:
        checks = {method.name: method.checks for method in picture.methods}
        assert checks["integrated_gradients"][1].completeness < 0.02
        assert all(
            np.isfinite(c[0].insertion) and np.isfinite(c[0].deletion) for c in checks.values()
        )
        assert all(-1 <= c[0].weights <= 1 for c in checks.values())
        assert np.isnan(checks["gradient"][1].insertion)  # of the first target alone


def test_an_image_is_explained_alike_whatever_stands_beside_it(own: Path, made: Explained):
    image = made.explanation.pictures[1].image
    target = made.explanation.target_classes[1]
    alone = ax.explain(
        own,
        image,
        layers=["b"],
        classes=[target],
        groups=3,
        settings=QUICK,
        methods=["gradient"],
        checked=False,
        out=own.parent / "alone",
    ).explanation.pictures[0]
    both = made.explanation.pictures[1]
    # One program for one image and one for two: their sums differ in the last digits.
    assert alone.methods[0].map[0] == pytest.approx(both.methods[0].map[1], rel=1e-3, abs=1e-6)
    assert alone.layers[0].effect[..., 0] == pytest.approx(
        both.layers[1].effect[..., 1], rel=1e-3, abs=1e-6
    )


def test_a_network_without_classes_is_asked_for_its_units(tmp_path: Path):
    def network(images, tap):
        numbers = ("NHWC", "HWIO", "NHWC")
        kernel = jnp.ones((8, 8, 3, 4)) / 64
        return tap(
            "a",
            jax.lax.conv_general_dilated(
                images, kernel, (8, 8), "VALID", dimension_numbers=numbers
            ),
        )

    entry = ax.ModelEntry("plain", lambda: network, image_size=32, output="none")
    found = ax.explain(
        entry,
        np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8),
        methods=["gradient"],
        groups=2,
        settings=QUICK,
        out=tmp_path / "page",
    ).explanation
    assert [name.partition(":")[0] for name in found.targets] == ["a", "a", "a"]
    assert found.target_classes == (-1, -1, -1)
    assert any("no classes" in note for note in found.notes)
    assert found.pictures[0].layers[0].groups.classes.shape == (2, 0)


def test_the_command_says_what_it_found(
    made: Explained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    asked = {}

    def recorded(model: str, images: list[str], **how: object) -> Explained:
        asked.update(how, model=model, images=images)
        return made

    monkeypatch.setattr("atlasjax.workflows.explain.explain", recorded)
    how = ["--layers", "b", "--methods", "gradient", "--classes", "left", "--groups", "2"]
    how += ["--model", "own.py"]
    cli.main(["explain", "small.py", "one.png", "17", *how, "--unchecked", "--out", "x"])
    assert (asked["model"], asked["network"]) == ("small.py", "own.py")
    assert asked["images"] == ["one.png", "17"]
    assert (asked["layers"], asked["methods"], asked["classes"]) == (["b"], ["gradient"], ["left"])
    assert (asked["groups"], asked["checked"], asked["out"]) == (2, False, "x")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"image 0: {made.explanation.targets[0]} ")
    assert said[-1] == f"open {made.page}"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"layers": ["c"]}, "no layer 'c'"),
        ({"methods": ["gradcam"]}, "no method 'gradcam'; did you mean grad_cam"),
        ({"methods": ["attention_rollout"]}, "attention"),
        ({"classes": ["up"]}, "no class 'up'"),
        ({"groups": 0}, "groups 0: must be at least 1"),
        ({"images": "none.png"}, "no file 'none.png'"),
        ({"images": "17"}, "image 17: a number is an image of a run: give its folder as the model"),
        ({"images": ["scenes:wok", 3]}, "image 3: a number is an image of a run"),
        ({"network": "small.py"}, "network: it is only for a run's folder"),
    ],
)
def test_mistakes_get_one_line(own: Path, tmp_path: Path, settings: dict, said: str):
    given = {"images": "scenes:wok", "out": tmp_path / "x"} | settings
    with pytest.raises(UserError, match=said):
        ax.explain(own, **given)
