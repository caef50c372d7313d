"""What the tests of several adapters share."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def torchvision_models() -> ModuleType:
    """`torchvision.models`, wherever it can be had."""
    pytest.importorskip("torch", reason="needs PyTorch: pip install '.[test]'")
    pytest.importorskip("PIL")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("needs torchvision: pip install '.[test]'")
    spec = importlib.util.spec_from_file_location(
        "torch_networks", Path(__file__).with_name("torch_networks.py")
    )
    assert spec is not None
    assert spec.loader is not None
    helper = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(helper)
    return helper.torchvision_models()
