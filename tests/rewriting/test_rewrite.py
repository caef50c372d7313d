"""Networks made fast: equal to what they are, in value and in every derivative."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.sharding import PartitionSpec

from atlasjax.parallel import batch_mesh
from atlasjax.planes import as_planes
from atlasjax.rectifiers import guided
from atlasjax.rewriting import as_written, optimized
from atlasjax.taps import capture, identity, intervene, layers
from atlasjax.windows import pooling_windows

FIRST = ("NCHW", "OIHW", "NCHW")  # channels first, as PyTorch has them
LAST = ("NHWC", "HWIO", "NHWC")
CHANNELS, SIDE = 4, 9


def kernel(number: int, *shape: int) -> jax.Array:
    fan = np.prod(shape) / CHANNELS
    normal = np.random.default_rng(number).normal(size=shape) / np.sqrt(fan)
    return jnp.asarray(normal, jnp.float32)


def convolution(number: int, first: bool, size: int, stride: int, groups: int) -> Callable:
    shape = (CHANNELS, CHANNELS // groups, size, size)
    weight = kernel(number, *(shape if first else (size, size, shape[1], shape[0])))
    return lambda x: lax.conv_general_dilated(
        x,
        weight,
        (stride, stride),
        "SAME" if stride == 1 else [(1, 0), (0, 2)],
        dimension_numbers=FIRST if first else LAST,
        feature_group_count=groups,
        precision="highest",
    )


def pooling(first: bool, window: int, stride: int, padding: str) -> Callable:
    places = lambda n: (1, 1, n, n) if first else (1, n, n, 1)  # noqa: E731
    return lambda x: lax.reduce_window(
        x, -jnp.inf, lax.max, places(window), places(stride), padding
    )


def per_channel(first: bool, values: jax.Array) -> jax.Array:
    return values[None, :, None, None] if first else values[None, None, None]


def normalization(number: int, first: bool) -> Callable:
    scale = per_channel(first, jnp.abs(kernel(number, CHANNELS)) + 0.5)
    shift = per_channel(first, kernel(number + 1, CHANNELS))
    return lambda x: x * scale + shift


def squeeze_and_excite(number: int, first: bool) -> Callable:
    weight = kernel(number, CHANNELS, CHANNELS)
    places = (2, 3) if first else (1, 2)
    return lambda x: x * per_channel(first, jax.nn.sigmoid(jnp.mean(x, places).mean(0) @ weight))


def moved(first: bool) -> Callable:
    """There and back, as adapters do around a tap."""
    there, back = ((0, 2, 3, 1), (0, 3, 1, 2)) if first else ((0, 3, 1, 2), (0, 2, 3, 1))
    return lambda x: jnp.tanh(x.transpose(there)).transpose(back)


def branches(number: int, first: bool) -> Callable:
    one, other = (convolution(number + i, first, 1 + 2 * i, 1, 1) for i in range(2))
    axis = 1 if first else 3
    return lambda x: lax.slice_in_dim(
        jnp.concatenate([one(x), other(x)], axis), 2, 2 + CHANNELS, axis=axis
    )


def operations(first: bool) -> st.SearchStrategy:
    number = st.integers(0, 99)
    return st.one_of(
        st.builds(
            convolution,
            number,
            st.just(first),
            st.sampled_from([1, 2, 3]),
            st.sampled_from([1, 2]),
            st.sampled_from([1, 2, CHANNELS]),
        ),
        st.builds(
            pooling,
            st.just(first),
            st.sampled_from([2, 3]),
            st.sampled_from([1, 2]),
            st.just("SAME"),
        ),
        st.builds(normalization, number, st.just(first)),
        st.builds(squeeze_and_excite, number, st.just(first)),
        st.builds(branches, number, st.just(first)),
        st.sampled_from([jax.nn.relu, jax.nn.gelu, jax.nn.silu, jax.nn.relu6, moved(first)]),
        st.sampled_from([jax.jit(jax.nn.relu), jax.checkpoint(jnp.tanh)]),
    )


@st.composite
def networks(draw) -> Callable:
    first = draw(st.booleans())
    parts = draw(st.lists(operations(first), min_size=1, max_size=5))

    def network(images, tap):
        x = images.transpose(0, 3, 1, 2) if first else images
        for i, part in enumerate(parts):
            x = tap(f"layer{i}", part(x))
        return x.reshape(len(x), -1)[:, ::7]

    return network


def images(batch: int = 2) -> jax.Array:
    drawn = np.random.default_rng(0).normal(size=(batch, SIDE, SIDE, CHANNELS))
    return jnp.asarray(drawn, jnp.float32)


def alike(one, other, name: str, tolerance: float):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        scale = float(jnp.abs(b).max()) + 1e-6
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=name)


@settings(max_examples=15, deadline=None)
@given(networks())
def test_a_network_is_the_same_in_value_and_derivatives(network):
    dx, weights = images()[:, ::-1], np.random.default_rng(5).normal(size=2000)

    def of(model):
        def score(x):
            found = model(x, identity).ravel()
            return (jnp.sin(found) * jnp.asarray(weights[: found.size], jnp.float32)).sum()

        @jax.jit
        def run(x):
            value, change = jax.jvp(lambda x: model(x, identity), (x,), (dx,))
            return value, change, jax.grad(score)(x)

        return run(images())

    ours, theirs = of(optimized(network, "cpu")), of(network)
    # Orders of addition alone differ, over at most 36 products a number.
    for name, tolerance, one, other in zip(
        ("value", "forward", "gradient"), (1e-5, 1e-4, 1e-4), ours, theirs, strict=True
    ):
        alike(one, other, name, tolerance)


def test_of_two_that_tie_one_is_given_the_gradient():
    # The first maximum leaves the same value in neighbouring places, and XLA may compute what
    # follows twice, rounded in two ways.
    parts = [pooling(False, 2, 1, "SAME"), jax.nn.relu, normalization(0, False)]

    def network(images, tap):
        for i, part in enumerate([*parts, pooling(False, 2, 1, "SAME")]):
            images = tap(f"layer{i}", part(images))
        return images.reshape(len(images), -1)[:, ::7]

    def slope(model):
        return jax.jit(jax.grad(lambda x: jnp.sin(model(x, identity)).sum()))(images())

    alike(slope(optimized(network, "cpu")), slope(network), "gradient", 1e-5)


def two_blocks(images, tap):
    x = convolution(1, False, 3, 2, 1)(images)
    x = tap("first", jax.nn.relu(x))
    x = pooling(False, 3, 2, "SAME")(x)
    x = tap("second", jax.nn.relu(convolution(2, False, 3, 1, CHANNELS)(x)))
    return x.mean((1, 2))


def test_images_can_be_mapped_over():
    def mapped(model):
        score = lambda x: model(x[None], identity).sum()  # noqa: E731
        return jax.jit(jax.vmap(jax.grad(score)))(images())

    alike(mapped(optimized(two_blocks, "cpu")), mapped(two_blocks), "mapped", 1e-4)


def test_it_runs_outside_of_jit():
    found = optimized(two_blocks, "cpu")(images(), identity)
    alike(found, jax.jit(two_blocks, static_argnums=1)(images(), identity), "eager", 1e-5)


def test_gradients_of_gradients_are_the_same():
    def curvature(model):
        score = lambda x: jnp.square(model(x, identity)).sum()  # noqa: E731
        return jax.jit(jax.grad(lambda x: jnp.square(jax.grad(score)(x)).sum()))(images())

    alike(curvature(optimized(two_blocks, "cpu")), curvature(two_blocks), "curvature", 1e-4)


def test_devices_share_it():
    mesh, share = batch_mesh(), PartitionSpec("batch")
    model = optimized(two_blocks, "cpu")

    def run(x):
        return jax.grad(lambda x: model(x, identity).sum())(x)

    split = jax.jit(jax.shard_map(run, mesh=mesh, in_specs=share, out_specs=share))
    whole = jax.grad(lambda x: two_blocks(x, identity).sum())(images())
    alike(split(images()), whole, "shared", 1e-4)


def test_taps_see_and_change_the_same():
    model = optimized(two_blocks, "cpu")
    shape = (SIDE, SIDE, CHANNELS)
    assert list(layers(model, shape).items()) == list(layers(two_blocks, shape).items())
    found, expected = (capture(m, images(), ["first"])["first"] for m in (model, two_blocks))
    alike(found, expected, "first", 1e-5)
    edits = {"first": lambda value: value.at[:, 0].set(0.0)}
    alike(intervene(model, images(), edits), intervene(two_blocks, images(), edits), "edit", 1e-5)


def names(model) -> set[str]:
    """Return the operations of a network's gradient, those of programs that it calls included."""
    found: set[str] = set()

    def walk(jaxpr):
        for equation in jaxpr.eqns:
            found.add(equation.primitive.name)
            for value in equation.params.values():
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    walk(inner)

    walk(jax.make_jaxpr(jax.grad(lambda x: model(x, identity).sum()))(images()).jaxpr)
    return found


def test_what_is_slow_is_gone():
    assert "select_and_scatter_add" in names(two_blocks)
    assert "select_and_scatter_add" not in names(optimized(two_blocks, "cpu"))


def test_it_can_be_left_out():
    assert "select_and_scatter_add" in names(optimized(as_written(two_blocks), "cpu"))
    assert "select_and_scatter_add" in names(optimized(two_blocks, "tpu"))


def test_planes_stay_planes():
    model = optimized(as_planes(two_blocks), "cpu")
    assert optimized(model, "cpu") == model
    assert layers(model, (SIDE, SIDE, CHANNELS)) == layers(
        as_planes(two_blocks), (SIDE, SIDE, CHANNELS)
    )


def test_maxima_are_found_by_those_who_relax_them():
    program = jax.make_jaxpr(lambda x: optimized(two_blocks, "cpu")(x, identity))(images())
    assert any(pooling_windows(equation) for equation in program.eqns)


def capped(images, tap):
    """Channels first, and a rectifier written by comparisons, as PyTorch's relu6 comes here."""
    x = convolution(1, True, 3, 1, 1)(images.transpose(0, 3, 1, 2))
    low, high = jnp.float32(0.0), jnp.float32(6.0)
    return tap("capped", jnp.where(x <= low, low, jnp.where(x >= high, high, x))).mean((2, 3))


def test_rectifiers_are_found_by_those_who_guide_them():
    def gradient(model):
        return jax.grad(guided(lambda x: -model(x, identity).sum()))(images())

    alike(gradient(optimized(capped, "cpu")), gradient(capped), "guided", 1e-5)


def test_what_has_a_derivative_of_its_own_keeps_it():
    @jax.custom_jvp
    def straight_through(x):
        return jnp.maximum(x, 0.0)

    straight_through.defjvp(lambda primals, tangents: (straight_through(*primals), tangents[0]))

    def network(images, tap):
        x = convolution(1, True, 3, 1, 1)(images.transpose(0, 3, 1, 2))
        return tap("through", straight_through(x)).mean((2, 3))

    def gradient(model):
        return jax.grad(lambda x: jnp.square(model(x, identity)).sum())(images())

    alike(gradient(optimized(network, "cpu")), gradient(network), "gradient", 1e-4)


def test_a_network_is_traced_once_for_images_that_are_alike():
    traced = []

    def network(images, tap):
        traced.append(images.shape)
        return tap("double", 2 * images).sum((1, 2, 3))

    model = optimized(jax.tree_util.Partial(network), "cpu")
    images = jnp.ones((2, 4, 4, 3))
    for _ in range(3):
        assert model(images, lambda name, value: value + 1).tolist() == [144, 144]
        jax.grad(lambda x: model(x, identity).sum())(images)
    assert traced == [(2, 4, 4, 3)]
    model(images[:1], identity)
    assert traced == [(2, 4, 4, 3), (1, 4, 4, 3)]


def test_what_a_network_closes_over_may_be_traced_itself():
    def scaled(factor):
        def network(images, tap):
            return tap("scaled", factor * images).sum((1, 2, 3))

        model = optimized(jax.tree_util.Partial(network), "cpu")
        return model(jnp.ones((1, 2, 2, 1)), lambda name, value: 3 * value)[0]

    assert float(jax.jit(scaled)(2.0)) == 24
    assert float(jax.grad(scaled)(2.0)) == 12
    assert jax.vmap(scaled)(jnp.arange(2.0)).tolist() == [0, 12]
