"""What the literature says of inception5h, tried where a user has its weights."""

import os
from pathlib import Path

import pytest

from atlasjax import models
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.weights import inception5h

ROOT = Path(__file__).resolve().parent.parent.parent
WHERE = Path(os.environ.get("ATLASJAX_TEST_DATA", ROOT.parent / "shared" / "data"))
HOW = (
    f"needs {inception5h.ORIGINAL} in {WHERE / 'inception5h'} (the folder that "
    "ATLASJAX_TEST_DATA names): unpack inception5h.zip there, see docs/weights.md; then "
    "pytest -m published"
)


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of published pictures and activations; skips where it is absent."""
    folder = WHERE / "published"
    if not folder.is_dir():
        pytest.skip(f"no published data in {folder}: set ATLASJAX_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def network() -> InceptionV1:
    """The network of the article, with its own weights."""
    path = WHERE / "inception5h" / inception5h.ORIGINAL
    if not path.is_file():
        pytest.skip(HOW)
    return models.load("inception5h", path)
