"""Surfaces: what each point is, shares and slices, what is kept, what is not finite."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.landscape import evaluate, random, surface, weights_of
from atlasjax.parallel import batch_mesh


def directions(model: Any, count: int = 2) -> list[Any]:
    return [random(model, jax.random.key(i)) for i in range(count)]


def by_hand(w: Any, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Cross entropy in NumPy's float64."""
    w = jax.tree.map(lambda a: np.asarray(a, np.float64), w)
    x = images.reshape(len(images), -1).astype(np.float64)
    logits = np.maximum(x @ w["one"]["kernel"] + w["one"]["bias"], 0) @ w["two"]["kernel"]
    logits += w["two"]["bias"]
    log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -log[np.arange(len(x)), labels].mean(), (logits.argmax(1) == labels).mean()


def test_every_point_is_the_network_so_far_along(
    network: Any, fresh: Any, images: Any, labels: Any
):
    model, at = network(), [np.array([-1.0, 0.5, 2.0]), np.array([0.0, 1.0])]
    found = surface(model, (d := directions(model)), images, labels, at=at, batch=3)
    assert found.loss.shape == found.accuracy.shape == (3, 2)
    names = weights_of(model).names
    for i, a in enumerate(at[0]):
        for j, b in enumerate(at[1]):
            w = fresh()
            for name, one, two in zip(names, *d, strict=True):
                layer, kind = name.split(".")[-2:]
                w[layer][kind] = (
                    np.asarray(w[layer][kind]) + a * np.asarray(one) + b * np.asarray(two)
                )
            loss, accuracy = by_hand(w, images, labels)
            np.testing.assert_allclose(found.loss[i, j], loss, rtol=1e-5)  # float32 against 64
            np.testing.assert_allclose(found.accuracy[i, j], accuracy, rtol=1e-6)


@pytest.mark.parametrize("settings", [{"together": 2}, {"batch": 2}, {"batch": 100}])
def test_shares_and_slices_change_nothing(
    network: Any, images: Any, labels: Any, settings: dict[str, Any]
):
    model, at = network(), [np.linspace(-1, 1, 5)]
    alone = batch_mesh(jax.local_devices()[:1])
    given = (model, directions(model, 1), images, labels)
    expected = surface(*given, at=at, mesh=alone)
    found = surface(*given, at=at, **settings)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-6)  # sums in another order
    np.testing.assert_array_equal(found.accuracy, expected.accuracy)


def test_three_directions_and_bytes(network: Any, images: Any, labels: Any):
    model, bits = network(), (images * 255).astype(np.uint8)
    found = surface(model, directions(model, 3), bits, labels, at=[[0.0], [0.0, 1.0], [0.0]])
    assert found.loss.shape == (1, 2, 1)
    expected = evaluate(model, bits / np.float32(255), labels)
    assert found.loss[0, 0, 0] == pytest.approx(expected[0], rel=1e-6)


def test_without_labels_the_networks_own_answers_are_meant(network: Any, images: Any):
    model = network()
    assert surface(model, directions(model, 1), images, at=[[0.0]]).accuracy == 1.0


def test_a_call_that_was_stopped_goes_on(
    network: Any, images: Any, labels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model, at, done = network(), [np.linspace(-1, 1, 9)], []
    given = (model, directions(model, 1), images, labels)

    def stop(count: int, total: int) -> None:
        done.append(count)
        if count >= 4:
            raise KeyboardInterrupt

    keep = tmp_path / "surface.npz"
    monkeypatch.setattr("atlasjax.landscape.surfaces.SAVE_EVERY", -1.0)
    with pytest.raises(KeyboardInterrupt):
        surface(*given, at=at, keep=keep, progress=stop)
    again: list[int] = []
    found = surface(*given, at=at, keep=keep, progress=lambda n, _: again.append(n))
    assert again[0] == done[-2]  # what was done when it was last saved
    np.testing.assert_array_equal(found.loss, surface(*given, at=at).loss)
    again.clear()
    other = surface(
        *given[:2],
        images,
        (labels + 1) % 3,
        at=at,
        keep=keep,
        progress=lambda n, _: again.append(n),
    )
    assert again[0] == 0
    assert not np.array_equal(other.loss, found.loss)


def test_what_is_not_finite_stays_so_and_the_rest_is_there(network: Any, images: Any, labels: Any):
    model = network()
    found = surface(model, directions(model, 1), images, labels, at=[[0.0, 1e30]])
    assert np.isfinite(found.loss[0])
    assert not np.isfinite(found.loss[1])
    assert found.accuracy[1] == 0.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": np.zeros((0, 2, 2, 3), np.float32)}, "at least one image"),
        ({"images": np.zeros((2, 3), np.float32)}, "images of shape [2, 3]"),
        ({"labels": np.arange(3)}, "labels of shape [3]"),
        ({"labels": np.zeros(7, np.float32)}, "type float32"),
        ({"labels": np.full(7, 3)}, "label 3: the network has 3 classes"),
        ({"labels": np.full(7, -1)}, "label -1"),
        ({"at": [[0.0]]}, "places along 1 directions, of which there are 2"),
        ({"at": [[0.0], [np.nan]]}, "places along direction 1: give finite numbers"),
        ({"directions": []}, "0 directions: one, two or three"),
        ({"directions": [(jnp.zeros(2),)]}, "direction 0 is of another network"),
        ({"batch": 0}, "batch=0"),
    ],
)
def test_mistakes_get_one_line(
    network: Any, images: Any, labels: Any, change: dict[str, Any], said: str
):
    model = network()
    given = {"directions": directions(model), "images": images, "labels": labels} | change
    with pytest.raises(UserError) as told:
        surface(model, **given)
    assert said in str(told.value)
