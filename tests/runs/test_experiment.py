"""Experiments: the article's defaults, and settings that no atlas can be made with."""

import dataclasses
import inspect
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax import experiments
from atlasjax.atlas.drawer import IconSettings
from atlasjax.atlas.layout import layout
from atlasjax.atlas.neighbors import METRICS
from atlasjax.errors import UserError
from atlasjax.models import EARLY
from atlasjax.runs.check import check
from atlasjax.runs.experiment import Experiment, as_json, completed, suited


def config(**changes: Any) -> Experiment:
    return Experiment(**{"name": "a", "model": "b", "layers": ("mixed4c",), **changes})


def refusal(**changes: Any) -> str:
    with pytest.raises(UserError) as error:
        check(config(**changes))
    message = str(error.value)
    assert "\n" not in message
    return message


def test_the_defaults_are_those_of_the_article_but_for_early_layers():
    defaults = config()
    check(defaults)
    assert (defaults.neighbors, defaults.min_dist, defaults.metric) == (50, 0.05, "cosine")
    # Truer by measurement: `benchmarks/layout.py`; the article's are in the experiment inception5h.
    assert (defaults.early_neighbors, defaults.early_metric) == (50, "cosine")
    article = experiments.load("inception5h")[0]
    assert (article.early_neighbors, article.early_metric) == (200, "euclidean")
    assert defaults.grids == (20, 40, 80, 160)
    assert defaults.samples_per_image == 1
    assert defaults.more_than == 5
    assert defaults.crop == (224, 256)
    assert 80 <= defaults.icon_size <= 96


@pytest.mark.parametrize(
    ("images", "samples", "grids"),
    [
        (1_000_000, 1, (20, 40, 80, 160)),  # the article's
        (76_800, 1, (20, 40, 80, 160)),  # six in each of half of the cells
        (76_799, 1, (20, 40, 80)),
        (800, 8, (20, 40)),
        (3, 1, (20,)),
    ],
)
def test_default_grids_go_as_far_as_there_are_activations(
    images: int, samples: int, grids: tuple[int, ...]
):
    assert suited(config(samples_per_image=samples), images).grids == grids


def test_grids_of_ones_own_are_taken_as_they_are():
    own = config(grids=(20, 40, 80))
    assert suited(own, 3) == own


def test_early_layers_are_laid_out_their_own_way():
    early_ones = {"early_neighbors": 200, "early_metric": "euclidean"}
    both = config(seed=7, min_dist=0.3, early_layers=EARLY, **early_ones)
    late = {"method": "umap", "n_neighbors": 50, "min_dist": 0.3, "metric": "cosine", "seed": 7}
    early = {
        "method": "umap",
        "n_neighbors": 200,
        "min_dist": 0.3,
        "metric": "euclidean",
        "seed": 7,
    }
    for layer in ("mixed4a", "mixed5b", "mixed4a/3x3"):
        assert both.layout_settings(layer) == late
    for layer in ("conv2d0", "mixed3a", "mixed3b", "mixed3b/1x1"):
        assert both.layout_settings(layer) == early
    assert config(early_layers=()).layout_settings("mixed3a")["n_neighbors"] == 50
    assert config().layout_settings("mixed3a")["n_neighbors"] == 50  # of no network in particular


def test_the_defaults_stand_in_one_place():
    assert config().icon_settings("mixed4a") == IconSettings()
    given = inspect.signature(layout).parameters
    defaults = {n: p.default for n, p in given.items() if p.default is not inspect.Parameter.empty}
    assert defaults.pop("like") is None  # what a layer is aligned with is not the config's
    assert defaults.pop("note") is warnings.warn  # nor who is told
    assert config().layout_settings("mixed4a") == defaults


def test_early_layers_are_never_whitened():
    assert config(early_layers=EARLY).whitens("mixed4a")
    assert not config(early_layers=EARLY).whitens("mixed3b")
    assert not config(whiten=False).whitens("mixed4a")
    assert config(early_layers=()).whitens("mixed3b")


def test_icons_are_drawn_as_the_experiment_says():
    same = {"steps": 3, "learning_rate": 0.5, "power": 2.0, "attempts": 4, "refine_steps": 2}
    chosen = config(icon_size=70, icon_batch=7, early_layers=EARLY, **same)
    expected = IconSettings(size=70, batch=7, **same)
    assert chosen.icon_settings("mixed4a") == expected
    # Early layers see little of an image, so theirs are smaller, and never larger than asked for.
    assert chosen.icon_settings("mixed3b") == replace(expected, size=56)
    assert config(icon_size=40, early_layers=EARLY).icon_settings("conv2d2").size == 40


@pytest.mark.parametrize(
    ("field", "bound", "below"),
    [
        ("samples_per_image", 1, 0),
        ("steps", 1, 0),
        ("attempts", 1, -3),
        ("icon_batch", 1, 0),
        ("refine_steps", 1, 0),
        ("image_batch", 1, 0),
        ("more_than", 1, 0),
        ("max_images", 1, 0),
        ("image_size", 8, 7),
        ("icon_size", 8, 7),
        ("early_icon_size", 8, 7),
        ("neighbors", 2, 1),
        ("early_neighbors", 2, 1),
        ("seed", 0, -1),
        ("min_dist", 0.0, -0.01),
        ("min_dist", 0.0, float("nan")),
        ("ridge", 0.0, -0.01),
        ("power", 0.0, -0.5),
        ("power", 0.0, float("nan")),
    ],
)
def test_below_the_least(field: str, bound: float, below: float):
    message = refusal(**{field: below})
    assert message.startswith(f"{field} {below}: must be at least ")
    assert float(message.rsplit(" ", 1)[1]) == bound
    check(config(**{field: bound}))


@pytest.mark.parametrize(
    ("field", "bound", "above"), [("min_dist", 1.0, 1.01), ("seed", 2**32 - 1, 2**32)]
)
def test_above_the_most(field: str, bound: float, above: float):
    message = refusal(**{field: above})
    assert message.startswith(f"{field} {above}: must be at most ")
    assert float(message.rsplit(" ", 1)[1]) == bound
    check(config(**{field: bound}))


@pytest.mark.parametrize("rate", [0.0, -0.1, float("nan")])
def test_the_learning_rate_is_above_zero(rate: float):
    assert refusal(learning_rate=rate) == f"learning_rate {rate}: must be above 0"
    check(config(learning_rate=1e-9))


@pytest.mark.parametrize("field", ["learning_rate", "power", "ridge"])
def test_infinities_are_refused(field: str):
    assert refusal(**{field: float("inf")}) == f"{field} inf: must be finite"


def test_images_are_not_cropped_larger_than_they_are():
    assert refusal(resize=223) == "resize 223: must be at least image_size 224"
    check(config(resize=224))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": ()}, "layers (none): name at least one, each once"),
        ({"layers": ("a", "b", "a")}, "layers a b a: name at least one, each once"),
        ({"grids": ()}, "grids (none): name at least one, each once"),
        ({"grids": (4, 4)}, "grids 4 4: name at least one, each once"),
        ({"grids": (4, 0)}, "grids 0: must be at least 1"),
        ({"layers": ("a/b", "a-b")}, "layers 'a/b' and 'a-b' would share a folder; run them apart"),
    ],
)
def test_lists_that_make_no_sense(changes: dict[str, Any], message: str):
    assert refusal(**changes) == message


@pytest.mark.parametrize("field", ["metric", "early_metric"])
def test_metrics(field: str):
    assert refusal(**{field: "cosin"}) == (
        f"{field} 'cosin': must be one of cosine, euclidean, correlation"
    )
    for metric in METRICS:
        check(config(**{field: metric}))


@given(st.sampled_from(["steps", "neighbors", "icon_size", "seed"]), st.integers(-5, 60))
def test_a_whole_number_is_refused_exactly_below_its_bound(field: str, value: int):
    bound = {"steps": 1, "neighbors": 2, "icon_size": 8, "seed": 0}[field]
    if value >= bound:
        check(config(**{field: value}))
    else:
        assert refusal(**{field: value}) == f"{field} {value}: must be at least {bound}"


def test_what_is_left_open_is_the_networks_and_the_images():
    left = completed(config(), 96, ("stem",), 800)
    assert left.crop == (96, 96)  # small images are not cut
    assert (left.image_size, left.resize, left.early_layers) == (96, 96, ("stem",))
    assert (left.icon_size, left.grids) == (96, (20,))
    assert completed(config(), 224, (), 800).crop == (224, 256)
    assert completed(config(), 28, (), 800).icon_size == 28  # no icon is larger than the images
    own = {"image_size": 64, "resize": 80, "early_layers": ("a",), "icon_size": 40, "grids": (3,)}
    given = completed(config(**own), 224, ("b",), 800)
    assert {name: getattr(given, name) for name in own} == own


def test_where_a_run_goes():
    assert config().run_dir == Path("runs") / "a"
    assert config(out="/tmp/x").run_dir == Path("/tmp/x")


def test_json_holds_every_field():
    there_and_back = json.loads(json.dumps(as_json(config(seed=3))))
    assert set(there_and_back) == {field.name for field in dataclasses.fields(Experiment)}
    assert there_and_back["layers"] == ["mixed4c"]
    assert there_and_back["seed"] == 3


def test_an_experiment_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        config().seed = 1  # pyright: ignore[reportAttributeAccessIssue]
