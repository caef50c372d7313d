"""Weights between units: against kernels, their products, and networks without rectifiers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from three_layers import FIRST, MIX, SECOND, Three, conv, normal, plain, torch_three

import atlasjax as ax
from atlasjax.circuits import linear_path, path_weights, weights_between
from atlasjax.errors import UserError
from atlasjax.models.pooling import max_pool

SHAPE = (12, 12, 3)


def networks(library: str) -> tuple[Any, tuple[str, str, str]]:
    """A network of a library, and what it calls its three convolutions."""
    if library == "plain":
        return plain, ("first", "mix", "second")
    if library == "nnx":
        return ax.adapt(Three()), ("first", "mix", "second")
    return ax.adapt(torch_three(), example=SHAPE), ("0", "2", "4")


LIBRARIES = pytest.mark.parametrize("library", ["plain", "nnx", "torch"])


@LIBRARIES
def test_neighbouring_convolutions_give_their_very_kernels(library: str):
    model, (first, mix, second) = networks(library)
    np.testing.assert_array_equal(weights_between(model, "image", first, image_shape=SHAPE), FIRST)
    np.testing.assert_array_equal(weights_between(model, first, mix, image_shape=SHAPE), MIX)
    np.testing.assert_array_equal(weights_between(model, mix, second, image_shape=SHAPE), SECOND)


@LIBRARIES
def test_across_a_bottleneck_they_are_the_product_of_the_kernels(library: str):
    model, (first, _, second) = networks(library)
    found = weights_between(model, first, second, image_shape=SHAPE)
    product = np.einsum(
        "omhw,mi->oihw", SECOND.astype(np.float64), MIX[..., 0, 0].astype(np.float64)
    )
    np.testing.assert_allclose(found, product, rtol=1e-5, atol=1e-6)  # of four products in float32


def test_two_kernels_in_a_row_are_their_convolution():
    found = weights_between(plain, "image", "second")
    expected = np.zeros((5, 3, 5, 5))
    mixed = np.einsum("mi,ichw->mchw", MIX[..., 0, 0], FIRST.astype(np.float64))
    for r in range(3):
        for c in range(3):
            expected[:, :, r : r + 3, c : c + 3] += np.einsum(
                "om,mchw->ochw", SECOND[:, :, r, c].astype(np.float64), mixed
            )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


class Deep(nnx.Module):
    """Strides, branches, a residual, normalization and pooling; or the same without rectifiers."""

    def __init__(self, *, linear: bool):
        rngs = nnx.Rngs(3)
        self.linear = linear
        self.stem = nnx.Conv(3, 8, (5, 5), strides=2, rngs=rngs)
        self.norm = nnx.BatchNorm(8, use_running_average=True, rngs=rngs)
        self.one = nnx.Conv(8, 4, (1, 1), rngs=rngs)
        self.three = nnx.Conv(8, 4, (3, 3), rngs=rngs)
        self.pooled = nnx.Conv(8, 4, (1, 1), rngs=rngs)
        self.around = nnx.Conv(12, 12, (3, 3), kernel_dilation=(2, 2), rngs=rngs)
        self.dense = nnx.Linear(12, 7, rngs=rngs)
        random = np.random.default_rng(4)
        for kind in (nnx.Param, nnx.BatchStat):
            state = jax.tree.map(
                lambda v: v + jnp.asarray(random.uniform(0.1, 0.4, v.shape), v.dtype),
                nnx.state(self, kind),
            )
            nnx.update(self, state)

    def __call__(self, x: Any, tap: Any) -> Any:
        relu, silu = (nnx.relu, nnx.silu) if not self.linear else (lambda v: v, lambda v: v)
        pool = nnx.avg_pool if self.linear else nnx.max_pool
        settings = {"count_include_pad": False} if self.linear else {}
        x = tap("stem", relu(self.norm(self.stem(x))))
        beside = pool(x, (3, 3), (1, 1), "SAME", **settings)
        parts = [self.one(x), self.three(relu(x)), self.pooled(beside)]
        x = tap("joined", silu(jnp.concatenate(parts, -1)))
        x = tap("residual", relu(x + self.around(x)))
        x = pool(x, (2, 2), (2, 2), "VALID", **settings)
        return tap("logits", self.dense(x.mean((1, 2))))


DEEP = Deep(linear=False), Deep(linear=True)


@pytest.mark.parametrize(
    ("source", "target"),
    [("image", "residual"), ("stem", "joined"), ("stem", "residual"), ("joined", "logits")],
)
def test_a_whole_network_is_the_derivative_of_one_built_without_rectifiers(
    source: str, target: str
):
    network, straight = DEEP
    path = linear_path(network, source, target)
    found = path_weights(path)
    images = jax.random.uniform(jax.random.key(0), (1, *path.image_shape))

    def rest(value: Any) -> Any:
        seen = {}

        def tap(name: str, own: Any) -> Any:
            own = value if name == source else own
            seen[name] = own
            return own

        straight(value if source == "image" else images, tap)
        return seen[target].reshape(*path.target)[path.window.centre]

    value = images if source == "image" else ax.capture(straight, images, [source])[source]
    slopes = np.asarray(jax.jacrev(rest)(value))[:, 0]
    (top, left), (height, width) = path.window.start, path.window.size
    expected = slopes[:, top : top + height, left : left + width].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)  # summed in another order
    assert np.abs(expected).sum() == pytest.approx(
        np.abs(slopes).sum(), rel=1e-6
    )  # nothing outside


def test_a_network_of_pytorch_is_the_derivative_that_pytorch_takes():
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
    nn = torch.nn

    def network(linear: bool) -> Any:
        torch.manual_seed(0)
        straight = nn.Identity()
        layers = [
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            straight if linear else nn.ReLU(inplace=True),
            nn.AvgPool2d(2) if linear else nn.MaxPool2d(2),
            nn.Conv2d(6, 5, 3, padding=1, groups=1),
            straight if linear else nn.Hardswish(),
            nn.Conv2d(5, 4, 3, padding=1, bias=False),
            straight if linear else nn.LeakyReLU(0.2),
        ]
        made = nn.Sequential(*layers)
        made[1].running_mean.uniform_(-1, 1)
        made[1].running_var.uniform_(0.5, 2)
        return made.eval()

    shape = (24, 24, 3)
    path = linear_path(ax.adapt(network(False), example=shape, output="none"), "0", "7", shape)
    straight = network(True)
    value = torch.zeros(1, 6, 24, 24, requires_grad=True)
    row, column = path.window.centre
    made = straight[1:](value)[0, :, row, column]
    slopes = [torch.autograd.grad(one, value, retain_graph=True)[0][0] for one in made]
    (top, left), (height, width) = path.window.start, path.window.size
    expected = torch.stack(slopes).numpy()[:, :, top : top + height, left : left + width]
    np.testing.assert_allclose(path_weights(path), expected, rtol=1e-4, atol=1e-6)
    assert (height, width) == (10, 10)  # a pixel of the pooled, two of its own, times two


def test_units_and_sizes_of_images_do_not_change_the_weights():
    whole = weights_between(plain, "first", "second")
    some = weights_between(plain, "first", "second", units=[4, 0, 4])
    np.testing.assert_array_equal(some, whole[[4, 0, 4]])
    np.testing.assert_array_equal(
        weights_between(plain, "first", "second", image_shape=(31, 17, 3)), whole
    )


def test_the_smallest_images_do_in_which_the_border_cuts_nothing():
    assert linear_path(plain, "first", "second").image_shape == (48, 48, 3)

    def deep(images: Any, tap: Any) -> Any:
        x = tap("fine", images)
        for _ in range(6):
            x = nnx.max_pool(x, (3, 3), (2, 2), "SAME")
        return tap("coarse", x).mean((1, 2))

    path = linear_path(deep, "fine", "coarse")
    assert path.image_shape == (192, 192, 3)
    assert path.window.size == (127, 127)


def test_a_bigger_stride_is_told():
    def strided(images: Any, tap: Any) -> Any:
        x = tap("fine", images)
        return tap("coarse", conv(x, FIRST, np.zeros(6, np.float32), 2)).mean((1, 2))

    path = linear_path(strided, "fine", "coarse", (16, 16, 3))
    assert path.window.stride == (2, 2)
    np.testing.assert_array_equal(path_weights(path), FIRST)


def test_weights_of_zero_are_part_of_the_kernel():
    kernel = FIRST.copy()
    kernel[:, :, 0] = 0
    empty = lambda images, tap: tap("a", conv(images, kernel, normal(6))).mean((1, 2))  # noqa: E731
    np.testing.assert_array_equal(weights_between(empty, "image", "a"), kernel)


def test_the_pooling_of_the_house_is_known():
    def pooled(images: Any, tap: Any) -> Any:
        return tap("b", max_pool(tap("a", images), 3, 2)).mean((1, 2))

    found = weights_between(pooled, "a", "b")
    np.testing.assert_allclose(found[1, 1], np.full((3, 3), 1 / 9), rtol=1e-6)
    assert not found[0, 1].any()


def test_what_has_no_weights_is_refused():
    def attending(images: Any, tap: Any) -> Any:
        x = tap("before", images.reshape(len(images), -1, 3))
        weight = jax.nn.softmax(jnp.einsum("bnc,bmc->bnm", x, x))
        return tap("after", weight @ x).mean(1)

    norm = nnx.GroupNorm(6, 2, rngs=nnx.Rngs(0))

    def normed(images: Any, tap: Any) -> Any:
        return tap("after", norm(tap("before", jnp.tile(images, 2)))).mean((1, 2))

    for model in (attending, normed):
        with pytest.raises(UserError, match="no weights: on the way is"):
            weights_between(model, "before", "after", image_shape=(4, 4, 3))


def test_mistakes_are_told():
    for source, target, says in (
        ("frist", "second", "no layer 'frist'; did you mean first"),
        ("first", "secnd", "no layer 'secnd'; did you mean second"),
        ("second", "first", "nothing of layer 'second' reaches layer 'first'"),
        ("first", "image", "the target must be a layer"),
    ):
        with pytest.raises(UserError, match=says):
            weights_between(plain, source, target)
    with pytest.raises(UserError, match="unit 5: must be from 0 to 4"):
        weights_between(plain, "first", "second", units=[5])
    with pytest.raises(UserError, match="no units"):
        weights_between(plain, "first", "second", units=[])
