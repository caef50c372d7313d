"""Several devices as one: a mesh with a batch axis, and functions split along it.

Readers who look for `jax.pmap` will find its successor here, `jit` over `shard_map`: the function
is written for one device's share of the batch. A share does not look at another, so an icon does
not depend on how many devices there are: nothing keeps a function from asking (`jax.lax.psum` over
"batch" works), and none here does.
"""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, PyTree

from atlasjax.errors import UserError

T = TypeVar("T")

MOST_CPU_DEVICES = 8  # beyond, shares of a batch become too small to be worth a device
FEW = 16  # at a time on a CPU, whose cores are busy with that many
SHARE = 0.5  # of a device's memory that a batch may take: estimates of it are rough


def divide_cpu(devices: int | None = None) -> None:
    """Let JAX see the CPU as several devices, each of which draws its own share of a batch.

    Cores that work on icons of their own wait for one another once a batch, instead of at every
    operation: on two cores that is a quarter faster. It takes effect only before JAX is first used
    in a process, so programs call it at their start; the command line does.

    Args:
        devices: how many; by default one for each core that this process may use, 8 at most. What
            the user has set, by `JAX_NUM_CPU_DEVICES` or in `XLA_FLAGS`, stays.

    >>> divide_cpu(2)
    >>> batch_mesh().size
    2
    """
    chosen = "JAX_NUM_CPU_DEVICES" in os.environ
    if chosen or "host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    available = getattr(os, "sched_getaffinity", None)
    cores = len(available(0)) if available else os.cpu_count() or 1
    try:
        jax.config.update("jax_num_cpu_devices", devices or min(cores, MOST_CPU_DEVICES))
    except RuntimeError:  # JAX runs already, with the devices that it has
        return


def batch_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """Return a one-dimensional mesh named "batch" over the devices.

    Args:
        devices: those to use; all local ones by default.

    Returns:
        The mesh.

    >>> batch_mesh().axis_names
    ('batch',)
    """
    chosen = jax.local_devices() if devices is None else list(devices)
    return Mesh(np.array(chosen), ("batch",))


def mesh_of(devices: int | None) -> Mesh:
    """Return a mesh over so many of this process's devices.

    Args:
        devices: how many; all by default.

    Raises:
        UserError: there are not so many.

    >>> mesh_of(10_000)
    Traceback (most recent call last):
    atlasjax.errors.UserError: devices 10000: must be from 1 to ..., as many as there are
    """
    there = jax.local_devices()
    if devices is not None and not 1 <= devices <= len(there):
        raise UserError(f"devices {devices}: must be from 1 to {len(there)}, as many as there are")
    return batch_mesh(there[:devices])


def split_batch(function: Callable[..., Any], mesh: Mesh, replicated: int) -> Callable[..., Any]:
    """Compile a function of a batch so that every device of the mesh does its share.

    Args:
        function: takes `replicated` arguments that every device sees whole, then any number whose
            leading axis is the batch; returns a pytree whose leading axes are the batch.
        mesh: see `batch_mesh`.
        replicated: how many leading arguments are not split.

    Returns:
        The compiled function. Batches must be a multiple of the number of devices: see `pad_batch`.

    >>> double = split_batch(lambda x: 2 * x, batch_mesh(), replicated=0)
    >>> double(np.arange(4.0)).tolist()
    [0.0, 2.0, 4.0, 6.0]
    """
    whole, share = PartitionSpec(), PartitionSpec("batch")

    @jax.jit
    def split(*args: PyTree) -> PyTree:
        specs = tuple(whole if i < replicated else share for i in range(len(args)))
        return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=share, check_vma=False)(
            *args
        )

    return split


def pad_batch(tree: PyTree, size: int) -> PyTree:
    """Lengthen every array's leading axis to `size` by repeating its last entry.

    Args:
        tree: arrays of one leading length, at least 1 and at most `size`.
        size: the length wanted.

    Returns:
        The padded pytree; the caller drops the entries added.

    >>> pad_batch(np.array([1, 2]), 4).tolist()
    [1, 2, 2, 2]
    """

    def pad(array: Any) -> Any:
        missing = size - array.shape[0]
        if not missing:
            return array
        last = np.broadcast_to(array.shape[0] - 1, (missing,))
        return array[np.concatenate([np.arange(array.shape[0]), last])]

    return jax.tree.map(pad, tree)


def share_of(batch: int, mesh: Mesh) -> int:
    """Return the smallest multiple of the mesh's devices that is at least `batch`.

    >>> share_of(5, batch_mesh(jax.local_devices()[:1]))
    5
    """
    return -(-batch // mesh.size) * mesh.size


def platform_of(mesh: Mesh) -> str:
    """Return what the devices are, as JAX names it: "cpu", "gpu", "tpu".

    >>> platform_of(batch_mesh(jax.devices("cpu")))
    'cpu'
    """
    return mesh.devices.flat[0].platform


def accelerated(mesh: Mesh) -> bool:
    """Tell whether the devices are others than CPUs: they work on while the host does.

    >>> accelerated(batch_mesh(jax.devices("cpu")))
    False
    """
    return any(device.platform != "cpu" for device in mesh.devices.flat)


def fitting(each: int, mesh: Mesh, most: int) -> int:
    """Return how many of something to compute at a time, by the memory of the devices.

    Args:
        each: bytes that one of them takes, about.
        mesh: the devices that share a batch.
        most: for each device, beyond which nothing is gained.

    Returns:
        A power of two for each device, whatever else uses its memory, so that it is the same in
        every process; 16 in all on CPUs, and where a device does not tell its memory.

    >>> fitting(10**6, batch_mesh(jax.devices("cpu")), most=256)
    16
    """
    limits = [memory_of(device) for device in mesh.devices.flat] if accelerated(mesh) else [None]
    least = min(limit or 0 for limit in limits)
    if not least:
        return FEW
    room = max(int(SHARE * least) // max(each, 1), 1)
    return min(2 ** (room.bit_length() - 1), most) * mesh.size


def memory_of(device: Any) -> int | None:
    """Return how many bytes of a device's memory JAX may use; None where it does not tell."""
    return (device.memory_stats() or {}).get("bytes_limit")


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Put arrays on every device once, so that they are not sent there with every batch.

    Args:
        tree: arrays, such as a network; what else is in it stays as it is.
        mesh: the devices.

    >>> replicate({"weight": np.zeros(2)}, batch_mesh())["weight"].sharding.is_fully_replicated
    True
    """
    leaves, structure = jax.tree.flatten(tree)
    which = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array | np.ndarray)]
    everywhere = NamedSharding(mesh, PartitionSpec())
    # All at once: a call for each takes as long as a small network.
    for i, leaf in zip(which, jax.device_put([leaves[i] for i in which], everywhere), strict=True):
        leaves[i] = leaf
    return jax.tree.unflatten(structure, leaves)


def overlapped(begun: Iterable[T], mesh: Mesh) -> Iterator[T]:
    """Give each of what is begun only once the next is begun as well.

    JAX returns before the devices are done. A loop that waits for every batch before it begins the
    next leaves an accelerator idle meanwhile; this one does not. CPUs would share their cores among
    the two, so that on them each is given at once.

    Args:
        begun: an iterator that begins a batch at each step, such as a generator of what a compiled
            function returns.
        mesh: the devices.

    Yields:
        The same, in order.

    >>> list(overlapped(iter("abc"), batch_mesh()))
    ['a', 'b', 'c']
    """
    waiting: deque[T] = deque()
    for one in begun:
        waiting.append(one)
        if len(waiting) > accelerated(mesh):
            yield waiting.popleft()
    yield from waiting


def over_batches(
    function: Callable[..., PyTree],
    given: Iterable[tuple[T, tuple[np.ndarray, ...]]],
    mesh: Mesh,
    note: Callable[[str], Any] = warnings.warn,
) -> Iterator[tuple[T, PyTree]]:
    """Compute a function of one batch after another; where memory runs out, of halves of them.

    Batches are padded to the largest so far, so that there is one program for all. From the first
    that does not fit into a device's memory, half as many are computed at a time.

    Args:
        function: of arrays whose leading axis is the batch, such as `split_batch` returns it; its
            results' leading axes are the batch as well.
        given: whatever goes with a batch, and its arrays, of one length; of none for what is only
            to be passed on.
        mesh: the devices.
        note: called with a line where memory runs out.

    Yields:
        What goes with each batch, in order, and the function's results on the host; None where the
        batch has nothing in it.

    Raises:
        UserError: the memory does not hold a single one for each device.

    >>> double = split_batch(lambda x: 2 * x, batch_mesh(), replicated=0)
    >>> given = [("a", (np.arange(3.0),)), ("b", (np.arange(1.0),))]
    >>> [(name, found.tolist()) for name, found in over_batches(double, given, batch_mesh())]
    [('a', [0.0, 2.0, 4.0]), ('b', [0.0])]
    """
    size, fits = 0, True

    def begun() -> Iterator[tuple[T, tuple[np.ndarray, ...], PyTree]]:
        nonlocal size, fits
        for tag, arrays in given:
            n, found = len(arrays[0]), None
            if n and fits:
                size = max(size, share_of(n, mesh))
                try:
                    found = function(*pad_batch(arrays, size))
                except jax.errors.JaxRuntimeError as error:
                    fits = _fits(error)
            yield tag, arrays, found

    def in_pieces(arrays: tuple[np.ndarray, ...]) -> PyTree:
        """Compute at most `size` at a time, or fewer where that is too many."""
        nonlocal size
        while True:
            try:
                return _joined(function, arrays, size)
            except jax.errors.JaxRuntimeError as error:
                _fits(error)
            if size <= mesh.size:
                raise UserError(
                    f"the memory of the devices does not hold {size} at a time, one for each; "
                    "take a smaller network, smaller images or another device"
                )
            size = share_of(size // 2, mesh)
            note(f"too little memory on the device: from here on {size} at a time")

    for tag, arrays, found in overlapped(begun(), mesh):
        if not len(arrays[0]):
            yield tag, None
            continue
        if found is not None:
            try:
                whole = jax.device_get(found)
                yield tag, _first(len(arrays[0]), whole)
                continue
            except jax.errors.JaxRuntimeError as error:
                fits = _fits(error)
        yield tag, in_pieces(arrays)


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that a device has too little memory.

    >>> out_of_memory(ValueError("RESOURCE_EXHAUSTED: Out of memory"))
    False
    """
    return isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)


def _fits(error: BaseException) -> bool:
    """Return that a batch does not fit, if the error says so; raise any other."""
    if not out_of_memory(error):
        raise error
    return False


def _joined(function: Callable[..., PyTree], arrays: tuple[np.ndarray, ...], size: int) -> PyTree:
    parts = []
    for first in range(0, len(arrays[0]), size):
        piece = tuple(array[first : first + size] for array in arrays)
        found = jax.device_get(function(*pad_batch(piece, size)))
        parts.append(_first(len(piece[0]), found))
    return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def _first(count: int, tree: PyTree) -> PyTree:
    """Return the first entries of every array, without those that a batch was filled up with."""
    return jax.tree.map(lambda x: x[:count], tree)


def either(
    condition: Bool[Array, ""], one: Callable[[], PyTree], other: Callable[[], PyTree]
) -> PyTree:
    """Return one value or another of the same shapes, inside a compiled loop.

    A GPU has to tell its host which branch to take, and waits for it in every round of the loop. So
    there both are computed, and what is small enough for that should be chosen so.

    Args:
        condition: which.
        one: computes the value where it holds.
        other: computes it where not.

    >>> either(jax.numpy.array(True), lambda: 1.0, lambda: 2.0)
    Array(1., dtype=float32, weak_type=True)
    """
    if jax.default_backend() == "cpu":
        return jax.lax.cond(condition, one, other)
    return jax.tree.map(lambda a, b: jax.numpy.where(condition, a, b), one(), other())
