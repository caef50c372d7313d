"""Render: optimize a batch of images, each for its own target.

The whole optimization is one compiled `lax.scan`. Every image has its own key, from which its start
and every random transform are drawn, so that it does not depend on the others in its batch.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Key, PyTree

from atlasjax.errors import UserError
from atlasjax.optvis.param import Parameterization
from atlasjax.optvis.transform import Transform
from atlasjax.parallel import split_batch
from atlasjax.taps import Model

Score = Callable[[Model, Float[Array, "batch h w 3"], PyTree], Float[Array, " batch"]]
"""One score for each image, from the model, the images and their targets."""


class Rendered(NamedTuple):
    """A batch of finished images.

    Attributes:
        image: RGB in [0, 1].
        reached: what the measure says of each.
    """

    image: Float[Array, "batch h w 3"]
    reached: Float[Array, " batch"]


def renderer(
    score: Score,
    measure: Score,
    param: Parameterization,
    transform: Transform,
    optimizer: optax.GradientTransformation,
    steps: int,
    mesh: Mesh,
) -> Callable[[Model, Key[Array, " batch"], PyTree], Rendered]:
    """Return the compiled function that makes a batch of images.

    Each step takes the gradient of every image's own score, seen through its own random transform.
    The finished images are measured as they are, without a transform.

    Args:
        score: what is made large.
        measure: what is reported of the finished images.
        param: what is optimized in place of pixels.
        transform: a random change of the image in each step.
        optimizer: must treat every parameter by itself, as Adam does.
        steps: number of steps, at least 1.
        mesh: the devices to share the batch.

    Returns:
        A function of the model, one key for each image, and a pytree of targets with the batch as
        leading axis. The batch must be a multiple of the mesh's size.

    Raises:
        UserError: fewer steps than one.

    >>> from atlasjax.optvis.param import fourier
    >>> from atlasjax.parallel import batch_mesh
    >>> bright = lambda model, images, target: images.mean((1, 2, 3))
    >>> make = renderer(bright, bright, fourier(8), lambda key, image: image, optax.adam(0.1),
    ...     4, batch_mesh(jax.local_devices()[:1]))
    >>> model = jax.tree_util.Partial(lambda images, tap: images)
    >>> bool(make(model, jax.random.split(jax.random.key(0), 1), jnp.zeros(1)).reached[0] > 0.5)
    True
    """
    if steps < 1:
        raise UserError(f"steps {steps}: must be at least 1")

    def images_of(params: Any) -> Float[Array, "batch h w 3"]:
        return jax.vmap(param.image)(params)

    def render(model: Model, keys: Key[Array, " batch"], targets: PyTree) -> Rendered:
        def loss(params: Any, step: Array) -> Array:
            step_keys = jax.vmap(lambda k: jax.random.fold_in(k, step))(keys)
            seen = jax.vmap(transform)(step_keys, images_of(params))
            return -score(model, seen, targets).sum()

        def advance(carry: tuple[Any, Any], step: Array) -> tuple[tuple[Any, Any], None]:
            params, state = carry
            gradient = jax.grad(loss)(params, step)
            with jax.numpy_dtype_promotion("standard"):  # Optax relies on it
                updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), None

        params = jax.vmap(lambda k: param.init(jax.random.fold_in(k, 0)))(keys)
        start = (params, optimizer.init(params))
        (params, _), _ = jax.lax.scan(advance, start, jnp.arange(1, steps + 1))
        images = images_of(params)
        return Rendered(images, measure(model, images, targets))

    return split_batch(render, mesh, replicated=1)
