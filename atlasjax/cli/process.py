"""What a command sets up before JAX starts: devices for the cores, and programs kept between runs.

Importing the library changes nothing of JAX; only programs of our own call this.
"""

import os

from atlasjax.parallel import divide_cpu
from atlasjax.storage import caches
from atlasjax.storage.artifacts import lasting_cache


def prepare() -> None:
    """Divide the CPU among several devices, and keep what is compiled; call it before anything.

    Libraries get a folder to keep things in; see `caches.provide`.

    >>> prepare()
    """
    caches.provide()
    divide_cpu()
    keep_programs()


def keep_programs() -> None:
    """Keep compiled programs in the user's cache, so that the next run need not compile them again.

    They go to the folder `programs` of `artifacts.user_cache`. What the user has set by
    `JAX_COMPILATION_CACHE_DIR`, or turned off by `JAX_ENABLE_COMPILATION_CACHE=false`, stays so. A
    folder that cannot be written is done without.
    """
    import jax

    cache = lasting_cache()
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or cache is None:
        return
    folder = cache / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # another process may have taken it away, or the disk is full
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
