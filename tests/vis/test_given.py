"""What is made of a given picture: inversions, caricatures, dreams, and styles."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import vis
from atlasjax.errors import UserError
from atlasjax.vis.settings import fitted

KEY = jax.random.key(0)


def coarse(image: np.ndarray) -> np.ndarray:
    """The mean colour of each square of 8 px, which is all that the network knows."""
    return image.reshape(4, 8, 4, 8, 3).mean((1, 3))


def test_an_inversion_has_the_same_activations(toy, quick, picture):
    seen = []
    made = vis.inversion(
        toy,
        ["grid/pre_relu", "grid"],
        picture,
        KEY,
        replace(quick, steps=60),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert made.captions == ("image", "grid/pre_relu", "grid")
    np.testing.assert_array_equal(made.images[0], fitted(picture, 32))
    assert np.isnan(made.reached[0])
    assert made.reached[1] > 0.98
    assert np.abs(coarse(made.images[1]) - coarse(made.images[0])).mean() < 0.1
    assert seen == [(1, 2), (2, 2)]


def test_a_caricature_exaggerates(toy, quick, picture):
    made = vis.caricature(toy, "grid", picture, KEY, quick)
    colours, own = coarse(made.images[1]) - 0.5, coarse(made.images[0]) - 0.5
    assert (np.sign(colours) == np.sign(own)).mean() > 0.9
    assert made.reached[1] > 0.8  # grey has .7


@pytest.mark.parametrize("channel", [None, 2])
def test_a_dream_starts_from_its_picture(channel, toy, quick, picture):
    made = vis.dream(toy, "grid", picture, KEY, quick, channel=channel, octaves=1)
    assert made.captions == ("image", "grid" if channel is None else "grid 2")
    assert made.reached[0] == 1
    assert made.reached[1] > 1.05
    before, after = made.images.reshape(2, -1)
    assert np.corrcoef(before, after)[0, 1] > 0.8
    assert np.abs(before - after).mean() > 0.02


def test_a_dream_in_octaves_changes_broad_forms_more(toy, quick, picture):
    once, thrice = (
        vis.dream(toy, "grid", picture, KEY, replace(quick, size=(64, 64)), octaves=n)
        for n in (1, 3)
    )
    assert thrice.images.shape == (2, 64, 64, 3)
    assert np.abs(np.subtract(*thrice.images)).mean() > np.abs(np.subtract(*once.images)).mean()


def test_a_style_is_put_on_the_content(toy, quick, picture):
    stripes = np.zeros((32, 32, 3))
    stripes[::16, :, 1] = stripes[1::2, :, 0] = 1.0
    made = vis.style_transfer(
        toy, picture, stripes, KEY, replace(quick, steps=40), layer="grid", weight=3.0
    )
    assert made.captions == ("content", "style", "both")
    content, style, both = made.reached
    np.testing.assert_allclose(style, 1.0, rtol=1e-5)  # its own
    assert content + 0.01 < both <= 1 + 1e-5
    kept = np.corrcoef(coarse(made.images[0]).ravel(), coarse(made.images[2]).ravel())[0, 1]
    assert kept > 0.5


def test_pictures_are_cut_to_their_middle():
    image = np.zeros((32, 64, 3))
    image[:, 16:48] = 1.0
    assert (fitted(image, 32) == 1).all()
    assert (fitted(image, (64, 32)) == 1).all()
    whole = fitted(image, (32, 64))
    np.testing.assert_array_equal(whole, image)
    np.testing.assert_array_equal(fitted(image, (16, 64))[:, ::63], 0)  # the full width is kept
    np.testing.assert_array_equal(fitted(image, 32), fitted((image * 255).astype(np.uint8), 32))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, p: vis.inversion(m, [], p, KEY), "no layers for an inversion"),
        (lambda m, p: vis.inversion(m, "gird", p, KEY), "no layer 'gird'; did you mean grid"),
        (lambda m, p: vis.caricature(m, "grid", p * 2.0, KEY), "below 0 or above 1"),
        (lambda m, p: vis.dream(m, "grid", p, KEY, octaves=0), "0 octaves of ratio"),
        (lambda m, p: vis.dream(m, "grid", p, KEY, channel=6), "no channel 6; there are 0 to 5"),
        (lambda m, p: vis.style_transfer(m, p, p, KEY, layer="gird"), "did you mean grid"),
        (lambda m, p: vis.style_transfer(m, p, p, KEY, layer="grid", weight=-1), "weight -1"),
    ],
)
def test_mistakes_are_explained(call, message, toy, picture):
    with pytest.raises(UserError, match=message):
        call(toy, picture)


def of_tokens(images, tap):
    """The mean colours of 4 x 4 squares as a list, with a class token before them."""
    squares = images.reshape(len(images), 4, 8, 4, 8, 3).mean((2, 4)).reshape(-1, 16, 3)
    x = jnp.concatenate([squares.mean(1, keepdims=True), squares], 1)
    return tap("tokens", x)[:, 0]


def test_tokens_are_inverted_as_planes_are(quick, picture):
    names = ["tokens", "tokens/class"]
    made = vis.inversion(of_tokens, names, picture, KEY, replace(quick, steps=60))
    assert (made.reached[1:] > 0.95).all()
    near, far = (np.abs(coarse(made.images[i]) - coarse(made.images[0])).mean() for i in (1, 2))
    assert near < 0.1
    assert near < far  # the class token does not know where things were


def test_a_network_of_another_size_is_told(quick, picture):
    message = "the network does not take images of 40 x 40 px"
    with pytest.raises(UserError, match=message):
        vis.inversion(of_tokens, "tokens", picture, KEY, replace(quick, size=(40, 40)))
    with pytest.raises(UserError, match=message):
        vis.style_transfer(
            of_tokens, picture, picture, KEY, replace(quick, size=(40, 40)), layer="tokens"
        )


def test_style_is_compared_up_to_a_layer_of_tokens(quick, picture):
    made = vis.style_transfer(
        of_tokens, picture, picture, KEY, replace(quick, steps=2), layer="tokens"
    )
    assert made.reached[0] == pytest.approx(1.0, abs=1e-5)  # the style is that of the picture


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_made_from_a_picture_keeps_its_shape(turned, toy, quick):
    wide = np.zeros((60, 180, 3), np.uint8)
    wide[:, :20], wide[:, -20:] = (255, 0, 0), (0, 0, 255)  # what the square middle lacks
    image, shape = (wide.swapaxes(0, 1), (96, 32, 3)) if turned else (wide, (32, 96, 3))
    short = replace(quick, size=32, steps=2)
    square = np.full((30, 30, 3), 0.2)
    made = [
        vis.dream(toy, "grid", image, KEY, short, octaves=2),
        vis.inversion(toy, "grid", image, KEY, short),
        vis.style_transfer(toy, image, square, KEY, short, layer="grid"),
    ]
    if not turned:
        made.append(vis.caricature(toy, "grid", image, KEY, short))
    for gallery in made:
        assert gallery.images.shape[1:] == shape, gallery.title
        ends = gallery.images[0] if turned else gallery.images[0].swapaxes(0, 1)
        np.testing.assert_allclose(ends[2], np.tile([1, 0, 0], (32, 1)), atol=0.02)
        np.testing.assert_allclose(ends[-3], np.tile([0, 0, 1], (32, 1)), atol=0.02)
    # The style is shown whole, with white at its sides.
    shown = made[2].images[1]
    assert (shown == 1).all(-1).mean() == pytest.approx(2 / 3, abs=0.01)
    assert np.ptp(shown[shape[0] // 2, shape[1] // 2]) < 0.01


def test_a_picture_is_cut_where_the_network_takes_one_shape_only(quick):
    wide = np.zeros((60, 180, 3), np.uint8)
    wide[:, 50:130] = 255
    for size in (None, 32):
        made = vis.inversion(of_tokens, "tokens", wide, KEY, replace(quick, size=size, steps=1))
        assert made.images.shape == (2, 32, 32, 3)
        assert (made.images[0] == 1).all()


def test_octaves_that_the_network_does_not_take_are_left_out(quick, picture):
    made = vis.dream(of_tokens, "tokens", picture, KEY, replace(quick, size=32, steps=1))
    assert made.images.shape == (2, 32, 32, 3)


def test_a_long_strip_is_kept_up_to_eight_times_its_width(toy, quick):
    made = vis.inversion(toy, "grid", np.zeros((4, 400, 3)), KEY, replace(quick, size=8, steps=1))
    assert made.images.shape == (2, 8, 64, 3)
