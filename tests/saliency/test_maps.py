"""Maps of many images: the same however they are split, shared by targets, compiled once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_saliency import CUBIC, LINEAR, SIZE, cubic, images, linear

from atlasjax import targets
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh
from atlasjax.saliency import METHODS, maps, methods_for, passes, saliency_maps
from atlasjax.saliency.looks import scores

SEGMENTS = np.tile(np.arange(36) // 9, (3, 1)).reshape(3, 6, 6)
SHAPE = (SIZE, SIZE, 3)
KEY = jax.random.key(9)
FEW = {
    "smoothgrad": {"samples": 3},
    "integrated_gradients": {"steps": 2},
    "rise": {"samples": 5, "cells": 2},
    "lime": {"samples": 5, "most": 4, "segments": SEGMENTS},
}


def network(x, tap):
    """Everything that any method needs: positions, rectifiers, attention."""
    x = tap("plane", jax.nn.relu(x - 0.2))
    tokens = tap("tokens", x.reshape(len(x), 36, 3))
    weights = tap("attention", jax.nn.softmax(jnp.einsum("bqc,bkc->bqk", tokens, tokens))[:, None])
    read = (weights[:, 0] @ tokens).reshape(x.shape)
    return jnp.einsum("bhwc,hwck->bk", read + x, LINEAR)


@pytest.mark.parametrize("name", METHODS)
def test_a_map_depends_on_its_image_and_not_on_devices_or_company(name: str):
    x = np.asarray(images(3))
    settings = {name: dict(FEW.get(name, {}))}
    options = {"methods": [name], "layer": "plane", "key": KEY, "settings": settings}
    both, one = batch_mesh(), batch_mesh(jax.local_devices()[:1])
    assert both.size == 2
    found = saliency_maps(network, x, 1, mesh=both, **options)[name]
    assert found.shape == (3, SIZE, SIZE)
    assert np.abs(found).max() > 0
    assert METHODS[name].signed or found.min() >= 0
    # Chunks and batches of other sizes add up in another order.
    close = {"rtol": 1e-4, "atol": 1e-5 * np.abs(found).max()}
    if name == "lime":
        settings["lime"]["segments"] = SEGMENTS[:2]
    first = saliency_maps(network, x[:2], 1, mesh=one, **options)[name]
    np.testing.assert_allclose(found[:2], first, **close)


@pytest.mark.parametrize("name", METHODS)
def test_several_targets_give_what_each_does(name: str):
    x = np.asarray(images(3))
    asked = [1, (0, 2), targets.class_logit([2, 0, 1])]
    options = {
        "methods": [name],
        "layer": "plane",
        "key": KEY,
        "settings": {name: FEW.get(name, {})},
    }
    together = saliency_maps(network, x, asked, **options)[name]
    assert together.shape == (3, 3, SIZE, SIZE)
    for i, target in list(enumerate(asked))[1:]:
        alone = saliency_maps(network, x, target, **options)[name]
        np.testing.assert_allclose(
            together[:, i], alone, rtol=1e-4, atol=1e-5 * max(np.abs(alone).max(), 1)
        )


def test_a_method_compiles_once_for_every_class_and_batch(monkeypatch: pytest.MonkeyPatch):
    traced = []

    def counted(x, tap):
        traced.append(x.shape)
        return cubic(x, tap)

    x = np.asarray(images(3))
    saliency_maps(counted, x, 0, methods=["gradient"])
    traced.clear()
    saliency_maps(counted, x[::-1], 2, methods=["gradient"])
    assert not traced
    monkeypatch.setattr(maps, "CHUNK", 1)  # image after image
    one = batch_mesh(jax.local_devices()[:1])
    found = saliency_maps(counted, x, 1, methods=["gradient"], mesh=one)["gradient"]
    expected = np.abs(LINEAR[..., 1] + 3 * CUBIC[..., 1] * x**2).max(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_methods_that_ask_the_same_share_what_is_compiled():
    traced = []

    def counted(x, tap):
        traced.append(x.shape)
        return cubic(x, tap)

    x = np.asarray(images(2))
    few = {"smoothgrad": {"samples": 2}, "integrated_gradients": {"steps": 3}}
    names = ["gradient", "gradient_times_input", "smoothgrad", "integrated_gradients"]
    saliency_maps(counted, x, [0, 1], methods=names, settings=few)
    # Shapes are asked for with one image; what computes is traced for a chunk, once.
    chunks = [shape for shape in traced if shape[0] > 1]
    assert len(chunks) == 1


def test_targets_share_the_way_forward():
    """Maps that only look forward cost no more for ten targets than for one."""
    x, mesh = images(3), batch_mesh(jax.local_devices()[:1])

    def work(count: int) -> float:
        several = [targets.class_logit(i % 3) for i in range(count)]
        target = jax.tree.map(lambda *leaves: np.stack(leaves, 1).repeat(3, 0), *several)
        cost = passes._look.lower(scores, mesh, wide, x, target).compile().cost_analysis()
        assert cost is not None
        return cost["flops"]

    assert work(10) < 1.5 * work(1)


WIDE = np.random.default_rng(1).normal(size=(108, 4000)).astype(np.float32)
wide = jax.tree_util.Partial(lambda x, tap: (x.reshape(len(x), -1) @ WIDE)[:, :3])


def test_whole_numbers_are_of_0_to_255():
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), dtype=np.uint8)
    one = saliency_maps(cubic, pixels, 0, methods=["gradient_times_input"])
    other = saliency_maps(
        cubic, pixels.astype(np.float32) / 255, 0, methods=["gradient_times_input"]
    )
    np.testing.assert_array_equal(one["gradient_times_input"], other["gradient_times_input"])


def test_settings_reach_the_method_and_progress_is_told():
    seen = []
    found = saliency_maps(
        linear,
        np.asarray(images(2)),
        [0, 1],
        methods=["integrated_gradients", "gradient"],
        settings={
            "integrated_gradients": {"baseline": np.array([0.5], np.float32)},
            "gradient": {"signed": True},
        },
        progress=lambda *told: seen.append(told),
    )
    expected = ((np.asarray(images(2)) - 0.5) * LINEAR[..., 1]).sum(-1)
    np.testing.assert_allclose(found["integrated_gradients"][:, 1], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found["gradient"][0, 0], LINEAR[..., 0].sum(-1), rtol=1e-5, atol=1e-5
    )
    assert seen[0] == (0, 8)
    assert seen[-1] == (8, 8)
    assert seen == sorted(seen)


def test_by_default_the_methods_are_those_that_fit():
    assert methods_for(network, SHAPE, "plane") == tuple(METHODS)
    assert "guided_grad_cam" not in methods_for(linear, SHAPE, "same")
    assert "attention_rollout" not in methods_for(linear, SHAPE, "same")
    assert not {"grad_cam", "grad_cam_plus_plus"} & set(methods_for(network, SHAPE))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"methods": ["gradcam"]}, "no method 'gradcam'; did you mean grad_cam"),
        ({"methods": ["grad_cam"]}, "grad_cam needs a layer .* such as same"),
        ({"methods": ["grad_cam"], "layer": "sam"}, "no layer 'sam'; did you mean same"),
        ({"methods": ["attention_rollout"]}, "needs attention as taps"),
        ({"methods": ["guided_grad_cam"], "layer": "same"}, "no rectifier"),
        ({"methods": ["rise"], "settings": {"rise": {"sample": 3}}}, "did you mean samples"),
        ({"methods": ["rise"], "settings": {"lime": {}}}, "no method for settings 'lime'"),
        ({"target": 7}, "class 7: must be from 0 to 2"),
        ({"target": []}, "no images, or no targets"),
        ({"target": targets.class_logit([0, 1, 2])}, "each of 3 images, but there are 2"),
    ],
)
def test_mistakes_are_told_before_anything_is_computed(options: dict, said: str):
    given: dict[str, Any] = {"target": 0} | options
    with pytest.raises(UserError, match=said):
        saliency_maps(linear, np.asarray(images(2)), **given)


def test_every_method_says_where_it_comes_from():
    for name, method in METHODS.items():
        assert method.name == name
        assert "arXiv:" in method.citation
        assert method.title[0].isupper()
    with pytest.raises(UserError, match="grad_cam needs a layer"):
        METHODS["grad_cam"](linear, images(), targets.class_logit(0))
    with pytest.raises(UserError, match="rise draws at random"):
        METHODS["rise"](linear, images(), targets.class_logit(0))
