"""Fingerprints: the same in every process, another with every change."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.storage.artifacts import fingerprint

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
PARTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), VALUES, min_size=1, max_size=5)


@given(PARTS, st.randoms(use_true_random=False))
def test_a_fingerprint_does_not_depend_on_the_order(parts: dict[str, Any], random):
    items = list(parts.items())
    random.shuffle(items)
    found = fingerprint(**dict(items))
    assert found == fingerprint(**parts)
    assert len(found) == 32
    assert set(found) <= set("0123456789abcdef")


@given(PARTS, VALUES, st.data())
def test_a_fingerprint_changes_with_any_value(parts: dict[str, Any], other: Any, data):
    name = data.draw(st.sampled_from(sorted(parts)))
    same = json.dumps(other) == json.dumps(parts[name])
    assert (fingerprint(**{**parts, name: other}) == fingerprint(**parts)) == same


@given(PARTS, st.text("abcdef", min_size=4, max_size=4))
def test_a_fingerprint_changes_with_any_name(parts: dict[str, Any], new: str):
    old = sorted(parts)[0]
    renamed = {new if name == old else name: value for name, value in parts.items()}
    added = {**parts, new: None}
    assert len({fingerprint(**parts), fingerprint(**renamed), fingerprint(**added)}) == 3


def test_a_fingerprint_is_the_same_in_another_process():
    code = (
        "from atlasjax.storage.artifacts import fingerprint as f; "
        "print(f(b=[1, 2.5], a={'y': 1, 'x': 2}))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == fingerprint(a={"x": 2, "y": 1}, b=(1, 2.5))


@pytest.mark.parametrize("value", [float("nan"), np.zeros(2), Path("a")])
def test_what_json_cannot_hold_has_no_fingerprint(value: object):
    with pytest.raises((TypeError, ValueError)):
        fingerprint(a=value)
