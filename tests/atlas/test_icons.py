"""Icons: keys by address, batches, attempts, and that they reach their directions."""

import zlib
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import models
from atlasjax.atlas import drawer as drawer_module
from atlasjax.atlas.drawable import drawable_size
from atlasjax.atlas.drawer import Icons, IconSettings, icon_drawer
from atlasjax.atlas.icons import icon_keys, icons
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh

LAYER = "mixed3a"
QUICK = IconSettings(size=32, steps=24, batch=4)


@pytest.fixture(scope="module")
def model():
    return models.load("inception_v1_tiny")


def directions(n: int, channels: int = 32) -> np.ndarray:
    return np.abs(np.random.default_rng(0).normal(size=(n, channels))).astype(np.float32)


def keys(n: int) -> jax.Array:
    return icon_keys(jax.random.key(0), LAYER, 4, np.arange(n), np.zeros(n, int))


def test_a_key_is_the_cells_own():
    x, y = np.array([1, 2, 3]), np.array([0, 1, 0])
    all_three = icon_keys(jax.random.key(0), "a", 5, x, y)
    assert (icon_keys(jax.random.key(0), "a", 5, x[1:], y[1:]) == all_three[1:]).all()
    others = [
        icon_keys(jax.random.key(1), "a", 5, x, y),
        icon_keys(jax.random.key(0), "b", 5, x, y),
        icon_keys(jax.random.key(0), "a", 6, x, y),
        icon_keys(jax.random.key(0), "a", 5, y, x),
    ]
    for other in others:
        assert (other != all_three).all()


def test_a_key_is_drawn_by_layer_grid_and_the_cells_place_in_reading_order():
    x, y = np.array([0, 2, 4]), np.array([0, 3, 4])
    found = icon_keys(jax.random.key(7), "mixed4c", 5, x, y)
    layer = jax.random.fold_in(jax.random.key(7), zlib.crc32(b"mixed4c"))
    expected = [jax.random.fold_in(jax.random.fold_in(layer, 5), n) for n in (0, 17, 24)]
    assert (found == jnp.stack(expected)).all()


def colours(images, tap):
    """A layer of one position of three channels: the mean colour, seen from grey."""
    return tap("mean", images.mean((1, 2), keepdims=True) - jnp.asarray(0.4, images.dtype))


FLAT = IconSettings(size=8, steps=2, batch=2, jitter=0.0, scale=(1.0, 1.0), rotate=0.0)


def test_cosines_are_those_of_the_finished_icon_without_whitening():
    target = np.array([[1, 0.2, 0.1], [0.1, 0.3, 1]], np.float32)
    matrix = np.diag([1.0, 5.0, 20.0])
    mesh = batch_mesh(jax.local_devices()[:1])
    made = icon_drawer(colours, "mean", FLAT, matrix, mesh)(target, keys(2))
    seen = made.icon.mean((1, 2)) / 255 - 0.4
    bare = (seen * target).sum(1) / np.linalg.norm(seen, axis=1) / np.linalg.norm(target, axis=1)
    # The icon is rounded to 8 bits, which is .002 of a colour; and that of a mean, hardly anything.
    np.testing.assert_allclose(made.cosine, bare, atol=2e-3)
    one, two = seen @ matrix, target @ matrix
    white = (one * two).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
    assert np.abs(white - bare).min() > 0.05


def test_icons_are_rounded():
    values = jnp.asarray([0.0, 0.4, 0.6, 1.4, 254.4, 254.6, 255.0]) / 255
    assert drawer_module._in_bytes(values.reshape(1, 1, 7, 1)).ravel().tolist() == [
        *(0, 0, 1, 1, 254, 255, 255)
    ]


def test_optimization_turns_towards_the_direction(model):
    draw = icon_drawer(model, LAYER, QUICK)
    start = icon_drawer(model, LAYER, IconSettings(size=32, steps=1, batch=4))
    target = directions(4)
    after, before = draw(target, keys(4)), start(target, keys(4))
    assert after.icon.shape == (4, 32, 32, 3)
    assert after.icon.dtype == np.uint8
    assert (after.cosine > before.cosine).all()
    assert (np.abs(after.cosine) <= 1).all()


def test_batches_resume_and_give_the_same_icons(model):
    target, own = directions(6), keys(6)
    draw = icon_drawer(model, LAYER, QUICK)
    progress, kept = [], {}
    plain = icons(draw, target, own, batch=4, attempts=1, progress=lambda *a: progress.append(a))
    assert progress == [(0, 6), (4, 6), (6, 6)]

    def keep(number, compute):
        if number not in kept:
            kept[number] = compute()
        return kept[number]

    first = icons(draw, target, own, batch=4, attempts=1, keep=keep)
    drawn_again = icons(_refuse, target, own, batch=4, attempts=1, keep=keep)
    for other in (first, drawn_again):
        np.testing.assert_array_equal(other.icon, plain.icon)
        np.testing.assert_array_equal(other.cosine, plain.cosine)


def _refuse(directions: np.ndarray, keys: jax.Array, start: np.ndarray | None = None) -> Icons:
    raise AssertionError("everything is on disk")


def fake_draw(table: dict[int, list[float]], log: list[list[int]], begun: list | None = None):
    """A drawer whose icon for direction [i] reaches what the table says of its attempts."""

    def draw(directions: np.ndarray, keys: jax.Array, start: np.ndarray | None = None) -> Icons:
        if begun is not None:
            begun.append(None if start is None else start[:, 0, 0, 0].tolist())
        which = directions[:, 0].astype(int).tolist()
        log.append(which)
        attempt = [sum(i in batch for batch in log) - 1 for i in which]
        cosine = np.array([table[i][a] for i, a in zip(which, attempt, strict=True)])
        icon = np.full((len(which), 32, 32, 3), 0, np.uint8)
        icon += np.array(attempt, np.uint8)[:, None, None, None]
        return Icons(icon, cosine.astype(np.float32))

    return draw


def test_only_icons_that_fail_are_drawn_again_and_the_best_is_kept():
    table = {0: [0.9], 1: [0.2, 0.6], 2: [0.3, 0.1, 0.25], 3: [0.5], 4: [-0.1, 0.4, 0.45]}
    log: list[list[int]] = []
    progress = []
    found = icons(
        fake_draw(table, log),
        np.arange(5.0, dtype=np.float32)[:, None],
        keys(5),
        batch=3,
        attempts=3,
        progress=lambda *a: progress.append(a),
    )
    assert log == [[0, 1, 2], [3, 4], [1, 2, 4], [2, 4]]
    np.testing.assert_allclose(found.cosine, [0.9, 0.6, 0.3, 0.5, 0.45])
    assert found.icon[:, 0, 0, 0].tolist() == [0, 1, 0, 0, 2]  # which attempt each is from
    assert progress == [(0, 5), (3, 5), (5, 5), (5, 8), (8, 8), (8, 10), (10, 10)]


def test_accelerators_are_given_the_next_batch_before_one_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
):
    table = {0: [0.9], 1: [0.2, 0.6], 2: [0.3, 0.1], 3: [0.5], 4: [0.8], 5: [0.7]}
    target = np.arange(6.0, dtype=np.float32)[:, None]
    finished: list[int] = []
    logs: list[list[list[int]]] = []

    def found() -> Icons:
        logs.append([])
        finished.clear()

        def keep(number, compute):
            made = compute()
            finished.append(len(logs[-1]))
            return made

        return icons(fake_draw(table, logs[-1]), target, keys(6), batch=2, attempts=2, keep=keep)

    on_cpu = found()
    assert finished == [1, 2, 3, 4]  # batches begun when each was there
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    ahead = found()
    assert finished == [2, 3, 3, 4]
    assert logs[0] == logs[1] == [[0, 1], [2, 3], [4, 5], [1, 2]]
    np.testing.assert_array_equal(ahead.icon, on_cpu.icon)
    np.testing.assert_array_equal(ahead.cosine, on_cpu.cosine)


def test_another_attempt_is_another_start(model):
    draw, target, own = icon_drawer(model, LAYER, QUICK), directions(4), keys(4)
    once = icons(draw, target, own, batch=4, attempts=1)
    # That the first of six is the best for all four icons is a chance of one in a thousand.
    often = icons(draw, target, own, batch=4, attempts=6, retry_below=2.0)
    assert (often.cosine >= once.cosine).all()
    assert (often.cosine > once.cosine).any()


def test_whitening_changes_what_is_drawn(model):
    target, own = directions(2), keys(2)
    mesh = batch_mesh(jax.local_devices()[:1])
    plain = icon_drawer(model, LAYER, QUICK, None, mesh)(target, own)
    matrix = np.diag(np.linspace(0.2, 2, 32))
    white = icon_drawer(model, LAYER, QUICK, matrix, mesh)(target, own)
    assert not np.array_equal(plain.icon, white.icon)
    # A multiple of the identity whitens nothing; only rounding may differ.
    same = icon_drawer(model, LAYER, QUICK, np.eye(32), mesh)(target, own)
    np.testing.assert_allclose(same.cosine, plain.cosine, atol=1e-3)


def test_only_the_first_attempt_starts_from_given_icons():
    """Where a parent's icon led nowhere it would lead nowhere again."""
    begun: list = []
    start = np.arange(7, 10, dtype=np.uint8)[:, None, None, None] * np.ones((32, 32, 3), np.uint8)
    draw = fake_draw({0: [0.9], 1: [0.2, 0.6], 2: [0.3, 0.1]}, [], begun)
    target = np.arange(3.0, dtype=np.float32)[:, None]
    found = icons(draw, target, keys(3), start, batch=2, attempts=2)
    assert begun == [[7, 8], [9], None]
    np.testing.assert_allclose(found.cosine, [0.9, 0.6, 0.3])


def refining(steps: int, rate: float, kept: float = 0.5) -> IconSettings:
    return replace(QUICK, refine_steps=steps, learning_rate=rate, initial_scale=kept)


@pytest.fixture(scope="module")
def finished(model) -> Icons:
    return icon_drawer(model, LAYER, QUICK)(directions(4), keys(4))


def test_an_icon_starts_from_the_one_given(model, finished: Icons):
    still = icon_drawer(model, LAYER, refining(1, 1e-9, kept=1.0))
    again = still(directions(4), keys(4), finished.icon)
    # It was rounded to 8 bits and clipped by half a step of these.
    assert np.abs(again.icon.astype(int) - finished.icon).max() <= 1
    np.testing.assert_allclose(again.cosine, finished.cosine, atol=0.02)
    fade = icon_drawer(model, LAYER, refining(1, 1e-9, kept=0.0))
    assert np.ptp(fade(directions(4), keys(4), finished.icon).icon) <= 1  # grey


def test_a_few_steps_from_a_finished_icon_reach_more_than_from_noise(model, finished: Icons):
    target = directions(4) + 0.1 * directions(5)[1:]
    few = icon_drawer(model, LAYER, replace(refining(6, 0.05), steps=6))
    from_parent, from_noise = few(target, keys(4), finished.icon), few(target, keys(4))
    assert from_parent.cosine.mean() > from_noise.cosine.mean() + 0.02
    # No icon depends on its neighbours, nor on what they start from.
    others = np.concatenate([finished.icon[::-1][:3], finished.icon[3:]])
    mixed = few(target, keys(4), others)
    np.testing.assert_array_equal(mixed.icon[3], from_parent.icon[3])
    alone = few(target[:1], keys(1), finished.icon[:1])
    np.testing.assert_array_equal(alone.icon[0], from_parent.icon[0])


@pytest.mark.parametrize("channels", [1, 4])
def test_icons_of_networks_that_take_other_channels(channels: int):
    def colours(images, tap):  # each channel of the image is one of the layer
        return tap("all", images + jnp.zeros((channels,), jnp.float32)[None, None, None]).mean(
            (1, 2)
        )

    settings = IconSettings(size=32, steps=40, batch=2, channels=channels)
    target = np.eye(channels, dtype=np.float32)[:2]
    draw = icon_drawer(colours, "all", settings)
    made = draw(target, keys(len(target)))
    assert made.icon.shape == (len(target), 32, 32, channels)
    middle = made.icon[:, 16, 16]
    assert middle.argmax(1).tolist() == list(range(len(target)))
    assert np.ptp(middle.astype(int)) > 40 or channels == 1  # the others become dark
    # Colours are the network's own, so that an icon's spectrum is found from the icon as it is.
    still = replace(settings, refine_steps=1, learning_rate=1e-9, initial_scale=1.0)
    again = icon_drawer(colours, "all", still)(target, keys(len(target)), made.icon)
    assert np.abs(again.icon.astype(int) - made.icon).max() <= 1  # rounded, and clipped


def test_icons_of_another_size_are_no_start(model):
    draw = icon_drawer(model, LAYER, QUICK)
    with pytest.raises(UserError, match="icons of 48 x 48 px to start from: must be of 32 x 32 px"):
        draw(directions(1), keys(1), np.zeros((1, 48, 48, 3), np.uint8))


@pytest.mark.parametrize("name", ["untransformed_fraction", "initial_scale"])
@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_shares_out_of_range_are_refused(model, name: str, share: float):
    with pytest.raises(UserError, match=f"icon {name} {share}: must be from 0 to 1"):
        icon_drawer(model, LAYER, replace(QUICK, **{name: share}))


def test_icons_that_are_held_still_at_the_end_reach_more(model):
    held, moved = (
        icon_drawer(model, LAYER, replace(QUICK, untransformed_fraction=share))(
            directions(4), keys(4)
        )
        for share in (0.5, 0.0)
    )
    assert held.cosine.mean() > moved.cosine.mean()


@pytest.mark.parametrize(
    "field", ["size", "steps", "attempts", "batch", "refine_steps", "channels"]
)
def test_settings_out_of_range_are_refused(model, field: str):
    with pytest.raises(UserError, match=f"icon {field} 0: must be at least"):
        icon_drawer(model, LAYER, replace(IconSettings(), **{field: 0}))


def one_size(images, tap):
    """A network of tokens and of a vector, with a place for every one of 2 x 2 patches of 16 px."""
    cut = images.reshape(-1, 2, 16, 2, 16, 3).swapaxes(2, 3).reshape(-1, 4, 256, 3).mean(2)
    first = jnp.broadcast_to(cut.mean(1, keepdims=True), (len(images), 1, 3))
    place = 0.01 * jnp.arange(15.0).reshape(1, 5, 3)
    tokens = tap("tokens", jnp.concatenate([first, cut], 1) - 0.4 + place)
    return tap("vector", tokens[:, 0])


@pytest.mark.parametrize("layer", ["tokens", "tokens/class", "vector"])
def test_layers_of_other_shapes_are_drawn(layer: str):
    settings = replace(QUICK, batch=2, steps=32, jitter=0.0, scale=(1.0, 1.0), rotate=0.0)
    draw = icon_drawer(one_size, layer, settings)
    red, blue = np.array([1, -1, -1], np.float32), np.array([-1, -1, 1], np.float32)
    made = draw(np.stack([red, blue]), keys(2))
    assert made.icon.shape == (2, 32, 32, 3)
    assert (made.cosine > 0.9).all()
    # The token at the centre is the last of the patches; the others see all of the image.
    seen = made.icon[:, 16:, 16:] if layer == "tokens" else made.icon
    colour = seen.mean((1, 2))
    assert colour[0].argmax() == 0
    assert colour[1].argmax() == 2


def test_icons_have_the_size_wanted_where_the_network_takes_it(model):
    channels = {"tokens": 3, "tokens/class": 3, "vector": 3}
    for layer, count in channels.items():
        assert drawable_size(one_size, layer, 96, 32, count) == 32
        assert drawable_size(one_size, layer, 32, 32, count) == 32
    assert drawable_size(model, LAYER, 48, 64, 32) == 48

    def flat(images, tap):  # which has other channels at another size
        return tap("flat", images.reshape(len(images), -1))

    assert drawable_size(flat, "flat", 4, 8, 192) == 8

    def deep(images, tap):  # which has no position left in a small image
        return tap("deep", images[:, 40::8, 40::8]).sum((1, 2))

    assert drawable_size(deep, "deep", 32, 64, 3) == 64
    assert drawable_size(deep, "deep", 48, 64, 3) == 48


def test_icons_that_are_not_finite_are_drawn_again_and_replaced():
    answers = iter([[np.nan, 0.9, np.nan], [0.2, np.nan]])

    def draw(directions, keys, start=None) -> Icons:
        cosine = np.asarray(next(answers), np.float32)
        return Icons(np.full((len(keys), 8, 8, 3), 7, np.uint8), cosine)

    made = icons(draw, directions(3), keys(3), batch=4, attempts=2)
    np.testing.assert_array_equal(made.cosine, np.asarray([0.2, 0.9, np.nan], np.float32))
