"""The record of a run: what is needed to make it again, and to know what it was made on."""

import json
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from atlasjax.runs.estimate import logged
from atlasjax.runs.experiment import as_json
from atlasjax.runs.job import Run
from atlasjax.runs.pipeline import Finished
from atlasjax.storage.remedy import RECORD

PACKAGES = ("atlasjax", "jax", "jaxlib", "flax", "optax", "numpy", "umap-learn", "pillow")
FILE = RECORD


def begun(run: Run, network: Mapping[str, Any], command: str | None) -> dict[str, Any]:
    """Return the record of a run that begins.

    Args:
        run: the run.
        network: what finds its network again.
        command: how it was asked for, if by a command.
    """
    import jax

    config, other = run.config, {}
    if run.other is not None:
        other["other_weights_sha256"] = run.other.weights.partition(":")[2]
    return {
        "experiment": as_json(replace(config, out=None)),
        **({"command": command} if command else {}),
        **network,
        **other,
        "images": len(run.source),
        "channels": run.channels,
        "seed": config.seed,
        "aligned": config.aligned,
        "versions": versions(),
        "device": {
            "platform": jax.default_backend(),
            "kind": jax.devices()[0].device_kind,
            "count": jax.device_count(),
        },
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def ended(run: Run, finished: Finished, earlier: Mapping[str, float]) -> dict[str, Any]:
    """Return what a finished run's record has beyond what it began with.

    Args:
        run: the run.
        finished: what it made.
        earlier: how long stages took that were finished before it was stopped.
    """
    return {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": {**earlier, **{stage: round(s, 1) for stage, s in run.journal.seconds.items()}},
        "peak_memory_bytes": peak_memory(),
        "skipped": list(finished.skipped),
        "passed_over": dict(getattr(run.source, "passed_over", {})),
        "remarks": list(finished.remarks),
        "levels": quality(finished),
        "activations": finished.sampled,
        # A place means the same only in maps of the same places of the same images.
        "aligned": run.config.aligned and len(set(finished.sampled.values())) == 1,
    }


def earlier_seconds(folder: Path) -> dict[str, float]:
    """Return how long stages took that were finished before this run was stopped, if it was.

    Args:
        folder: the run folder. A run that was killed has told it to its log alone.
    """
    try:
        found = dict(json.loads((folder / FILE).read_text(encoding="utf-8"))["seconds"])
    except (FileNotFoundError, KeyError, ValueError, TypeError):
        found = {}
    return {**found, **logged(folder)}


def quality(finished: Finished) -> list[dict[str, float | int | str]]:
    """Return each level's figures, one row a level, as JSON can hold them."""
    return [
        {
            "layer": layer,
            "grid": grid,
            "cells": len(level.count),
            "activations": finished.sampled[layer],
            "kept": round(float(level.count.sum() / finished.sampled[layer]), 4),
            "cosine_mean": round(float(np.mean(level.cosine)), 4),
            "cosine_min": round(float(np.min(level.cosine)), 4),
        }
        for (layer, grid), level in finished.levels.items()
    ]


def peak_memory() -> int:
    """Return the largest resident memory of this process, in bytes; 0 where that is not told."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a result.

    >>> sorted(versions())[-1]
    'umap-learn'
    """
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
