"""Settings for the whole suite: two virtual CPU devices, strict dtypes, shapes checked at run time.

The environment is set before JAX is first imported, which is why it stands at the top.
"""

import gc
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

os.environ["JAX_PLATFORMS"] = "cpu"
# Most of the suite's time is that of compiling what runs once, so LLVM is asked not to optimize.
FLAGS = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()
# Nothing is kept in the user's own cache. The processes of a suite share what they compile: the
# first of them makes the folder, and those that it starts find it in their environment.
FIRST = "ATLASJAX_TESTS" not in os.environ
SHARED = os.environ.get("ATLASJAX_TESTS") or tempfile.mkdtemp(prefix="atlasjax-tests-")
os.environ["ATLASJAX_TESTS"] = SHARED
os.environ["ATLASJAX_CACHE"] = tempfile.mkdtemp(dir=SHARED)

import hypothesis
import jax
import pytest
from jaxtyping import install_import_hook

# The same examples every time, so that a change fails by itself alone. HYPOTHESIS_PROFILE=default
# draws new ones.
hypothesis.settings.register_profile("suite", derandomize=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_compilation_cache_dir", f"{SHARED}/programs")

# Left installed for the whole session, so that whatever is imported later is checked as well.
install_import_hook("atlasjax", "beartype.beartype")

ROOT = Path(__file__).resolve().parent.parent
# Linux gives a process 65,530 maps of memory, and each compiled program takes several: a process
# that has none left crashes while it compiles.
MAPS = Path("/proc/self/maps")
MOST_MAPS = 20_000


class Programs:
    """Lets go of compiled programs between files of tests, before they take every map of memory."""

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        if nextitem is not None and nextitem.path == item.path:
            return
        if MAPS.is_file() and len(MAPS.read_bytes().splitlines()) > MOST_MAPS:
            jax.clear_caches()
            gc.collect()


def pytest_configure(config: pytest.Config) -> None:
    # Registered rather than written as a hook of this file, which the doctests would not reach.
    config.pluginmanager.register(Programs())


def pytest_unconfigure() -> None:
    shutil.rmtree(SHARED if FIRST else os.environ["ATLASJAX_CACHE"], ignore_errors=True)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real weights, photographs and reference activations; skips where absent."""
    folder = Path(os.environ.get("ATLASJAX_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "bvlc_googlenet" / "weights.safetensors").is_file():
        pytest.skip(
            f"no test data in {folder}: set ATLASJAX_TEST_DATA to a folder with "
            "bvlc_googlenet/weights.safetensors, bvlc_googlenet/reference.npz and imagenet_sample/"
        )
    return folder


@pytest.fixture(scope="session")
def torchvision_models() -> ModuleType:
    """`torchvision.models`, wherever it can be had."""
    pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("needs torchvision: pip install torchvision")
    from torch_networks import torchvision_models

    return torchvision_models()
