"""A site of units: a small network, from the call to arrays; stopped and gone on; and refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax
from atlasjax.circuits import ablate_edges, firing, weights_between
from atlasjax.errors import UserError
from atlasjax.page.units.contents import UnitSite
from atlasjax.workflows.networks import shapes
from atlasjax.workflows.unit_site import icons, neighbours
from atlasjax.workflows.unit_site.settings import UnitSettings
from atlasjax.workflows.units import Units

QUICK = UnitSettings(
    icon=16,
    icon_steps=2,
    diverse=16,
    diverse_steps=2,
    patches=3,
    quantiles=(0.5,),
    each=2,
    patch=8,
    edges=4,
    ablated=2,
    images=3,
    batch=3,
)
PLAIN = UnitSettings(**{**vars(QUICK), "diverse": 0, "tuning": False})
NAMES = ("left", "middle", "right")


def convolved(x: jax.Array, kernel: Any, stride: int) -> jax.Array:
    numbers = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", None, None, numbers)


def network(classes: int = 3) -> Any:
    """Two layers of 8 units, a pooling between them; the last two units of b never fire."""
    random = np.random.default_rng(0)
    first = random.normal(size=(3, 3, 3, 8)).astype(np.float32) / 3
    second = random.normal(size=(3, 3, 8, 8)).astype(np.float32) / 8
    bias = np.array([0, 0, 0, 0, 0, 0, -100, -100], np.float32)

    def model(images: jax.Array, tap: Any) -> jax.Array:
        x = tap("a", jax.nn.relu(convolved(images - 0.5, first, 2)))
        x = tap("pooled", jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, *POOLING))
        x = tap("b", jax.nn.relu(convolved(x, second, 1) + bias[None, None, None]))
        return tap("logits", x.mean((1, 2))[:, :classes])

    return model


POOLING = ((1, 2, 2, 1), (1, 2, 2, 1), "SAME")


def photographs() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (6, 32, 32, 3), np.uint8)


def entry(classes: int = 3, **more: Any) -> ax.ModelEntry:
    names = list(NAMES) if classes else None
    return ax.ModelEntry(
        "small", lambda: network(classes), image_size=32, class_names=names, **more
    )


def written(folder: Path, site: UnitSite) -> Path:
    """Stand in for the page, which has tests of its own."""
    page = folder / "index.html"
    page.write_text(", ".join(layer.name for layer in site.layers))
    return page


def made_in(folder: Path, layers: Any = ("a", "b"), images: Any = None, **how: Any) -> Units:
    images = photographs() if images is None else images
    how = {"settings": PLAIN, "write": written} | how
    return ax.units(how.pop("model", None) or entry(), layers, images, out=folder, **how)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Units:
    return made_in(tmp_path_factory.mktemp("site") / "s", settings=QUICK)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: what compiling it takes is most of a call's time."""

    def grey(model: Any, layer: str, some: list[int], key: Any, how: Any, **more: Any) -> Any:
        images = np.full((len(some), *how.size, 3), 0.5, np.float32)
        return icons.vis.Gallery(images, np.zeros(len(some)), ("",) * len(some), "", "")

    monkeypatch.setattr(icons.vis, "channels", grey)


def same(one: Any, other: Any) -> None:
    """Compare layers, whatever is in them."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        assert one == other


def test_every_unit_has_everything(made: Units):
    assert made.page.read_text() == "a, b"
    assert made.site.class_names == NAMES
    for layer in made.site.layers:
        assert layer.number.tolist() == list(range(8))
        assert layer.icon is not None
        assert layer.negative is not None
        assert layer.diverse is not None
        assert layer.icon.shape == layer.negative.shape == (8, 16, 16, 3)
        assert layer.diverse.shape == (8, 4, 16, 16, 3)
        titles = [one.title for one in layer.patches]
        assert titles == ["Largest values", "Where it matters most", "At the 50% quantile"]
        assert [one.patch.shape[1] for one in layer.patches] == [3, 3, 2]
        assert [one.title for one in layer.tuning] == [
            "Curves by angle",
            "Fine beside coarse, by angle",
            "Patterns by hue",
        ]
        assert all(len(one.answer) == len(one.preferred) == 8 for one in layer.tuning)
    record = made.site.record
    assert record["images"] == 6
    assert record["layers"] == {"a": 8, "b": 8}
    assert json.dumps(record)


def test_examples_are_those_of_the_images(made: Units):
    images = jnp.asarray(photographs(), jnp.float32) / 255
    value = np.asarray(ax.capture(network(), images, ["a"])["a"])
    layer = made.site.layers[0]
    assert layer.fires is not None
    assert layer.histogram is not None
    # float32 sums in another order may put a value that is nearly 0 on the other side.
    assert layer.fires == pytest.approx((value > 0).mean((0, 1, 2)), abs=2e-4)
    assert (layer.histogram.sum(1) == value[..., 0].size).all()
    top = layer.patches[0]
    order = np.argsort(-value.max((1, 2)), 0)[:3].T
    assert top.image.tolist() == order.tolist()
    assert set(top.label) == set(order.ravel().tolist())


def test_a_unit_that_never_fires_is_shown_as_it_is(made: Units):
    layer = made.site.layers[1]
    assert layer.fires is not None
    assert layer.fires[6:].tolist() == [0, 0]
    assert np.isnan(layer.tuning[0].preferred[6])
    assert (layer.patches[0].value[6] < 0).all()  # before the rectifier


def test_edges_are_weights_and_what_ablating_them_does(made: Units):
    images = np.asarray(photographs()[[0, 2, 4]], np.float32) / 255  # spread over all
    weights = weights_between(network(), "a", "b")
    fires = firing(network(), "a", images)
    first, second = made.site.layers
    (into,), (out,) = second.inputs, first.outputs
    assert (into.layer, out.layer) == ("a", "b")
    assert into.unit.shape == out.unit.shape == (8, 4)
    strongest = np.argsort(-np.sqrt(np.square(weights).sum((2, 3))), 1)[:, :4]
    assert into.unit.tolist() == strongest.tolist()
    total = weights.sum((2, 3))
    row = np.arange(8)[:, None]
    np.testing.assert_allclose(into.weight, total[row, into.unit], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(out.weight, total.T[row, out.unit], rtol=1e-4, atol=1e-5)
    used = total * (fires.often * fires.strength)[None]
    assert into.contribution is not None
    np.testing.assert_allclose(into.contribution, used[row, into.unit], rtol=1e-3, atol=1e-5)
    assert into.effect is not None
    assert np.isfinite(into.effect[:, :2]).all()  # those that were tried
    assert np.isnan(into.effect[:, 2:]).all()
    edges = [(int(into.unit[3, 0]), 3)]
    done = ablate_edges(network(), "a", "b", edges, images)
    assert into.effect[3, 0] == pytest.approx(-done.target.mean(), rel=1e-3, abs=1e-6)


def test_an_edge_out_has_the_effect_of_the_edge_in(made: Units):
    first, second = made.site.layers
    into, out = second.inputs[0], first.outputs[0]
    assert into.effect is not None
    assert out.effect is not None
    pairs = {
        (int(into.unit[o, k]), o): into.effect[o, k]
        for o in range(8)
        for k in range(4)
        if np.isfinite(into.effect[o, k])
    }
    found = 0
    for i in range(8):
        for k in range(4):
            known = pairs.get((i, int(out.unit[i, k])))
            assert np.isnan(out.effect[i, k]) if known is None else out.effect[i, k] == known
            found += known is not None
    assert found


def test_a_call_that_was_stopped_goes_on(
    made: Units, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    drawn: list[list[int]] = []
    draw = icons.vis.channels

    def until_the_third(model: Any, layer: str, some: list[int], *args: Any, **how: Any) -> Any:
        drawn.append(some)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return draw(model, layer, some, *args, **how)

    monkeypatch.setattr(icons.vis, "channels", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        made_in(tmp_path)
    assert not (tmp_path / "index.html").exists()
    again = made_in(tmp_path)
    assert drawn[:4] == [[0, 1, 2], [3, 4, 5], [6, 7], [6, 7]]  # the first two were kept
    quick = [layer._replace(diverse=None, tuning=(), families=()) for layer in made.site.layers]
    same(again.site.layers, tuple(quick))


def test_nothing_is_made_twice(made: Units, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(made.page.parent, tmp_path / "s")

    def never(*args: Any, **how: Any) -> Any:
        raise AssertionError("this was made before")

    for name in ("channels", "diversity"):
        monkeypatch.setattr(icons.vis, name, never)
    for module in ("ablated.ablate_edges", "seen.unit_examples", "edges.weights_between"):
        monkeypatch.setattr(f"atlasjax.workflows.unit_site.{module}", never)
    same(made_in(tmp_path / "s", settings=QUICK).site.layers, made.site.layers)
    with pytest.raises(AssertionError, match="before"):  # what depends on other images is
        made_in(tmp_path / "s", settings=QUICK, images=photographs()[:5])


def test_later_calls_add_units_and_layers(made: Units, tmp_path: Path):
    one = made_in(tmp_path, None, units=["b:5,1"], settings=PLAIN).site
    assert [(layer.name, layer.number.tolist()) for layer in one.layers] == [("b", [1, 5])]
    assert one.layers[0].inputs == ()
    both = made_in(tmp_path, ["a"], units={"b": [7]}, settings=PLAIN).site
    assert [(layer.name, len(layer.number)) for layer in both.layers] == [("a", 8), ("b", 3)]
    whole = made.site.layers[1]
    rows = [1, 5, 7]
    some = both.layers[1]
    assert some.number.tolist() == rows
    assert some.icon is not None
    assert whole.icon is not None
    same(some.icon, whole.icon[rows])
    same(some.inputs[0].unit, whole.inputs[0].unit[rows])
    same(some.inputs[0].effect, whole.inputs[0].effect[rows])  # pyright: ignore


def test_classes_are_those_of_the_images_folders(tmp_path: Path, undrawn: None):
    from PIL import Image

    for i, (name, grey) in enumerate([("left", 0), ("right", 255), ("right", 200), ("cow", 90)]):
        (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (grey,) * 3).save(tmp_path / "photos" / name / f"{i}.png")
    layer = made_in(tmp_path / "s", ["a"], tmp_path / "photos", units="a:2").site.layers[0]
    assert layer.classes is not None
    assert layer.classes.shape == (1, 3)
    assert np.isnan(layer.classes[0]).tolist() == [False, True, False]
    grey = np.ones((3, 32, 32, 3), np.float32) * np.array([0, 1, 200 / 255]).reshape(3, 1, 1, 1)
    value = ax.capture(network(), jnp.asarray(grey, jnp.float32), ["a"])["a"]
    mean = np.asarray(value).mean((1, 2))[:, 2]
    assert layer.classes[0, 0] == pytest.approx(mean[0], rel=1e-5)
    assert layer.classes[0, 2] == pytest.approx(mean[1:].mean(), rel=1e-5)
    assert set(layer.patches[0].label.values()) <= {"cow/3.png", "left/0.png", *RIGHT}


RIGHT = ("right/1.png", "right/2.png")


def test_a_network_without_classes_and_without_images(tmp_path: Path, undrawn: None):
    site = made_in(tmp_path, ["a"], model=entry(0, output="none"), units="a:0").site
    assert site.class_names == ()
    assert [one.title for one in site.layers[0].patches] == [
        "Largest values",
        "At the 50% quantile",
    ]
    assert any("no classes" in note for note in site.notes)
    other = ax.units(
        entry(), ["a"], units="a:0", settings=PLAIN, out=tmp_path / "none", write=written
    ).site
    assert other.layers[0].patches == ()
    assert any("No images" in note for note in other.notes)


def test_names_are_those_of_a_persons_file(tmp_path: Path, undrawn: None):
    said = {"a": {"names": {"2": "edge"}, "families": {"edges": [2, 1]}}}
    (tmp_path / "names.json").write_text(json.dumps(said))
    how = {"units": "a:1,2", "names": tmp_path / "names.json"}
    layer = made_in(tmp_path / "s", ["a"], **how).site.layers[0]
    assert layer.names == {2: "edge"}
    assert [(one.name, one.units) for one in layer.families] == [("edges", (2, 1))]


def test_without_ablation_nothing_is_ablated(tmp_path: Path, undrawn: None):
    plain = UnitSettings(**{**vars(PLAIN), "ablated": 0})
    layer = made_in(tmp_path, settings=plain).site.layers[1]
    assert layer.inputs[0].effect is None
    assert layer.inputs[0].idle is None
    assert layer.inputs[0].contribution is not None


def test_a_layer_whose_weights_are_refused_has_a_note(tmp_path: Path, undrawn: None):
    def normalized(images: jax.Array, tap: Any) -> jax.Array:
        x = tap("a", images[:, ::4, ::4])
        mean = x.mean(-1, keepdims=True)
        x = (x - mean) / jnp.sqrt(jnp.square(x - mean).mean(-1, keepdims=True) + 1e-3)
        return tap("b", x).mean((1, 2))

    found = ax.ModelEntry("normed", lambda: normalized, image_size=32, class_names=list(NAMES))
    site = made_in(tmp_path, model=found).site
    assert [layer.inputs for layer in site.layers] == [(), ()]
    notes = [note for note in site.notes if note.startswith("No weights from a to b: ")]
    assert len(notes) == 1


def test_a_network_of_grey_images_has_no_tuning(tmp_path: Path):
    def grey(images: jax.Array, tap: Any) -> jax.Array:
        return tap("a", images[:, ::4, ::4] * jnp.ones((1, 1, 1, 2))).mean((1, 2))

    found = ax.ModelEntry("grey", lambda: grey, image_size=32, channels=1)
    tuned = UnitSettings(**{**vars(PLAIN), "tuning": True})
    site = made_in(tmp_path, ["a"], photographs()[..., :1], model=found, settings=tuned).site
    assert site.layers[0].tuning == ()
    assert any("there is no tuning" in note for note in site.notes)
    assert site.layers[0].icon is not None
    assert site.layers[0].icon.shape == (2, 16, 16, 3)


def test_layers_beyond_are_found_behind_poolings():
    model, known = network(), shapes(entry())
    assert neighbours.passes_on(model, known, "a", "pooled")
    assert not neighbours.passes_on(model, known, "a", "b")
    assert neighbours.before(model, known, "b") == "a"
    assert neighbours.before(model, known, "a") is None
    assert neighbours.after(model, known, "a") == "b"
    assert neighbours.after(model, known, "b") is None


def test_beyond_shows_the_weights_of_the_layers_around(tmp_path: Path, undrawn: None):
    layer = made_in(tmp_path, None, units="b:2", beyond=True).site.layers[0]
    assert [edges.layer for edges in layer.inputs] == ["a"]
    assert layer.inputs[0].unit.shape == (1, 4)
    assert layer.inputs[0].effect is not None


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"layers": ["c"]}, "no layer 'c'"),
        ({"layers": ["logits"]}, "'logits' has no positions"),
        ({"layers": None}, "no units: give --layers"),
        ({"layers": None, "units": ["b:8"]}, "unit b:8: must be from 0 to 7"),
        ({"layers": None, "units": ["b"]}, "must be LAYER:NUMBER"),
        ({"layers": None, "units": ["b:1,x"]}, "unit 'b:x': must be LAYER:NUMBER"),
        ({"images": "no/such"}, "no folder"),
        ({"run": "no/such"}, "no run folder"),
        ({"settings": UnitSettings(edges=0)}, "edges 0: must be at least 1"),
    ],
)
def test_mistakes_are_one_line(how: dict[str, Any], said: str, tmp_path: Path):
    with pytest.raises(UserError, match=said) as error:
        made_in(tmp_path / "s", **how)
    assert "\n" not in str(error.value)


def test_a_site_of_another_network_is_left_alone(made: Units):
    with pytest.raises(UserError, match="site of another network: give another --out"):
        made_in(made.page.parent, model=ax.ModelEntry("other", lambda: network(2), image_size=32))
