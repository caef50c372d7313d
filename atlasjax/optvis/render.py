"""Render: optimize a batch of visualizations, each for its own objective.

The whole optimization is one compiled `lax.scan`. Every unit has its own key, from which its start
and every random transform are drawn, and its own state of the optimizer, so that it depends neither
on the others in its batch nor on the number of devices.

The batch is split over a mesh by `jax.jit` of `jax.shard_map`, the successor of `jax.pmap`: what
`pmap` asked of its reader (a leading axis of devices, a replicated model, a batch that divides) is
done here by `atlasjax.parallel`.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, Shaped

from atlasjax.errors import UserError
from atlasjax.optvis.look import cast_to, disturb, divide, images_of, look
from atlasjax.optvis.loop import Loop, check_loop, leaky_steps
from atlasjax.optvis.objectives.core import Objective, Seen, evaluate, silent
from atlasjax.optvis.param import Parameterization
from atlasjax.optvis.schedule import leak_at
from atlasjax.optvis.step import State, keep, update
from atlasjax.optvis.transform import Transform
from atlasjax.parallel import either, split_batch
from atlasjax.taps import Model

View = Callable[[Float[Array, "h w c"]], Float[Array, "h w d"]]


class Rendered(NamedTuple):
    """A batch of finished units. Those of several frames have them as their second axis.

    Attributes:
        image: RGB in [0, 1], or whatever the parameterization makes.
        reached: the measure of each finished image, seen without a transform.
        score: history of the objective, of all frames together, as seen through the transforms;
            NaN from where a unit has stopped.
        measured: the same of the measure, averaged over the frames.
        snapshot: the images after the steps asked for.
        steps: how many steps each unit took.
        params: what the images are made of, to start others from.
        silent: whether the measure ends at exactly 0, or each of its parts that look at the network
            does, as that of a unit that nothing has woken: its image shows nothing.
        lost: in how many steps the score of each unit or its gradient was not finite. Such a step
            is not taken, so that the image is that of the steps before.
    """

    image: Float[Array, "units *frames h w c"]
    reached: Float[Array, "units *frames"]
    score: Float[Array, "units steps"]
    measured: Float[Array, "units steps"]
    snapshot: Float[Array, "units shots *frames h w c"]
    steps: Int[Array, " units"]
    params: PyTree[Shaped[Array, "units ..."]]
    silent: Bool[Array, "units *frames"]
    lost: Int[Array, " units"]


@runtime_checkable
class Renderer(Protocol):
    """What `renderer` returns."""

    def __call__(
        self,
        model: Model,
        objective: Objective,
        measure: Objective,
        keys: Key[Array, " units"],
        start: PyTree[Shaped[Array | np.ndarray, "units ..."]] = None,
    ) -> Rendered:
        """Make a batch of units; see `renderer`."""
        ...


_Pair = tuple[Objective, Objective]
"""An objective and a measure."""


def renderer(
    param: Parameterization,
    transform: Transform,
    optimizer: optax.GradientTransformation,
    loop: Loop,
    mesh: Mesh,
    view: View | None = None,
) -> Renderer:
    """Return the compiled function that makes a batch of units.

    Each step takes the gradient of every unit's own objective, each of its frames seen through a
    random transform of its own. The finished images are measured as they are.

    Args:
        param: what is optimized in place of pixels.
        transform: a random change of the image in each step.
        optimizer: any of Optax's; it works on each unit by itself.
        loop: how many steps, and what happens besides.
        mesh: the devices to share the batch.
        view: how a finished image is shown to the network to be measured; as it is by default.

    Returns:
        A function of the model, the objective, the measure (both with data for every unit, or for
        all alike), one key for each unit and, where they are not to be drawn from these, the
        parameters from which each unit starts. The number of units must be a multiple of the
        mesh's devices; see `atlasjax.parallel.pad_batch`.

    Raises:
        UserError: settings that nothing can be made with.

    >>> from atlasjax.optvis.objectives import Objective
    >>> from atlasjax.optvis.param import fourier
    >>> from atlasjax.parallel import batch_mesh
    >>> bright = Objective(lambda seen, data, settings: seen.images.mean((1, 2, 3)))
    >>> make = renderer(fourier(8), lambda key, image: image, optax.adam(0.1), Loop(4),
    ...     batch_mesh(jax.local_devices()[:1]))
    >>> model = jax.tree_util.Partial(lambda images, tap: images)
    >>> made = make(model, bright, bright, jax.random.split(jax.random.key(0), 1))
    >>> bool(made.reached[0] > 0.5), made.score.shape
    (True, (1, 4))
    """
    check_loop(loop)
    program = _Program(param, transform, optimizer, loop, view)

    def render(
        model: Model, shared: _Pair, keys: Key[Array, " units"], own: _Pair, start: PyTree
    ) -> Rendered:
        return _render(program, model, keys, shared, own, start)

    split = split_batch(render, mesh, replicated=2)

    def run(
        model: Model,
        objective: Objective,
        measure: Objective,
        keys: Key[Array, " units"],
        start: PyTree[Shaped[Array | np.ndarray, "units ..."]] = None,
    ) -> Rendered:
        pairs = [divide(o, len(keys)) for o in (objective, measure)]
        shared, own = (tuple(parts) for parts in zip(*pairs, strict=True))
        return split(model, shared, keys, own, start)

    return run


class _Program(NamedTuple):
    """The parts of a renderer that are the same for every unit."""

    param: Parameterization
    transform: Transform
    optimizer: optax.GradientTransformation
    loop: Loop
    view: View | None


def _render(
    program: _Program,
    model: Model,
    keys: Key[Array, " units"],
    shared: _Pair,
    own: _Pair,
    start: PyTree,
) -> Rendered:
    loop, param = program.loop, program.param
    model, leaky = cast_to(model, loop.dtype), leaky_steps(loop, own[0].layers)

    def loss(params: PyTree, step: Array) -> tuple[Array, tuple[Array, Array]]:
        images = _through(program, keys, step, images_of(param, params))
        leak = leak_at(step, leaky) if leaky else None
        scores, measured = look(model, images, shared, own, leak)
        return -scores.sum(), (scores.sum(1), measured.mean(1))

    def advance(state: State, step: Array) -> tuple[State, tuple[Array, Array]]:
        gradient, (score, measured) = jax.grad(loss, has_aux=True)(state.params, step)
        new = update(program.optimizer, state, gradient, (score, measured), loop)
        return new._replace(shots=keep(param, state, loop.snapshots, step - 1)), (score, measured)

    def rest(state: State, step: Array) -> tuple[State, tuple[Array, Array]]:
        nothing = jnp.full(len(keys), jnp.nan)
        return state._replace(shots=keep(param, state, loop.snapshots, step - 1)), (
            nothing,
            nothing,
        )

    def body(state: State, step: Array) -> tuple[State, tuple[Array, Array]]:
        if loop.stop_at is None:
            return advance(state, step)
        new, seen = jax.lax.cond(state.alive.any(), advance, rest, state, step)
        # Whether others of the batch still went on is not to be seen in what is told of a unit.
        return new, jax.tree.map(lambda value: jnp.where(state.alive, value, jnp.nan), seen)

    state, history = jax.lax.scan(body, _start(program, keys, start), jnp.arange(1, loop.steps + 1))
    state = state._replace(
        shots=keep(param, state, loop.snapshots, jnp.asarray(loop.steps, jnp.int32))
    )
    images = images_of(param, state.params)
    shown = images if program.view is None else jax.vmap(jax.vmap(program.view))(images)
    (ended,) = look(model, shown, shared[1:], own[1:], score=_ended)
    reached = ended[:, 0]
    made = Rendered(
        image=images,
        reached=reached,
        score=history[0].T,
        measured=history[1].T,
        snapshot=jnp.moveaxis(state.shots, 0, 1),
        steps=state.steps,
        params=state.params,
        silent=ended[:, 1] > 0,
        lost=state.lost,
    )
    one = jax.tree.map(lambda leaf: leaf[0], state.params)
    return made if jax.eval_shape(param.image, one).ndim == 4 else _without_frames(made)


def _ended(measure: Objective, seen: Seen) -> Float[Array, "2 frames"]:
    """Return the measure of one unit's finished frames, and 1 where they get no answer."""
    return jnp.stack([evaluate(measure, seen), silent(measure, seen).astype(jnp.float32)])


def _through(
    program: _Program, keys: Key[Array, " units"], step: Array, images: Array
) -> Float[Array, "units frames h w c"]:
    """Return how images are seen in a step: through a transform; as they are in the last steps."""

    def moved() -> Array:
        own = jax.vmap(lambda k: jax.random.fold_in(k, step))(keys)
        return jax.vmap(lambda k, frames: disturb(program.transform, k, frames))(own, images)

    if not program.loop.untransformed_steps:
        return moved()
    shape = jax.eval_shape(moved).shape
    if shape != images.shape:
        raise UserError(
            f"untransformed_steps {program.loop.untransformed_steps}: the transform makes "
            f"{shape[2:]} of images of {images.shape[2:]}, where it must keep the size"
        )
    return either(
        step > program.loop.steps - program.loop.untransformed_steps, lambda: images, moved
    )


def _without_frames(made: Rendered) -> Rendered:
    return made._replace(
        image=made.image[:, 0],
        reached=made.reached[:, 0],
        snapshot=made.snapshot[:, :, 0],
        silent=made.silent[:, 0],
    )


def _start(program: _Program, keys: Key[Array, " units"], start: PyTree) -> State:
    params = start
    if start is None:
        params = jax.vmap(lambda k: program.param.init(jax.random.fold_in(k, 0)))(keys)
    images = jax.eval_shape(lambda p: images_of(program.param, p), params)
    with jax.numpy_dtype_promotion("standard"):
        memory = jax.vmap(program.optimizer.init)(params)
    n = len(keys)
    return State(
        params,
        memory,
        level=jnp.zeros(n),
        alive=jnp.ones(n, bool),
        steps=jnp.zeros(n, jnp.int32),
        lost=jnp.zeros(n, jnp.int32),
        shots=jnp.zeros((len(program.loop.snapshots), *images.shape)),
    )
