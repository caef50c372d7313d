"""Several devices as one: a mesh with a batch axis, and functions split along it.

Readers who look for `jax.pmap` will find its successor here, `jit` over `shard_map`: the function
is written for one device's share of the batch, and no communication is possible between shares, so
an icon cannot depend on how many devices there are.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import PyTree

MOST_CPU_DEVICES = 8  # beyond, shares of a batch become too small to be worth a device


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
        last = np.broadcast_to(array.shape[0] - 1, (missing,))
        return array[np.concatenate([np.arange(array.shape[0]), last])]

    return jax.tree.map(pad, tree)


def share_of(batch: int, mesh: Mesh) -> int:
    """Return the smallest multiple of the mesh's devices that is at least `batch`.

    >>> share_of(5, batch_mesh(jax.local_devices()[:1]))
    5
    """
    return -(-batch // mesh.size) * mesh.size
