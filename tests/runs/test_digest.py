"""Digests of networks: the same for the same, in any process, and another for any other."""

import subprocess
import sys
from typing import Any

import numpy as np

from atlasjax.runs.digest import digest


def test_a_digest_tells_weights_and_code_apart():
    def scaled(by: float, shift: float = 0.0) -> Any:
        kernel = np.full((3, 2), by, np.float32)
        return lambda x, tap: tap("a", x @ kernel + shift).mean((1, 2))

    shape = (8, 8, 3)
    one = digest(scaled(1.0), shape)
    assert one == digest(scaled(1.0), shape)
    assert one != digest(scaled(2.0), shape)
    assert one != digest(scaled(1.0, 1.0), shape)


def test_a_digest_is_the_same_in_another_process():
    code = (
        "from atlasjax import models\n"
        "from atlasjax.runs.digest import digest\n"
        "print(digest(models.load('inception_v1_tiny'), (64, 64, 3)))"
    )
    found = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert len(found[0].stdout.strip()) == 64
    assert found[0].stdout == found[1].stdout
