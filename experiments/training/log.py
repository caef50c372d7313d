"""What a training says of itself while it goes on, in plain lines that a log file keeps."""

import time

import jax
import numpy as np
from jaxtyping import Array

LOG_EVERY = 100  # steps


class Log:
    """Says how the training goes, every `LOG_EVERY` steps.

    Args of the constructor:
        batch: images in a step.
        total: steps of the whole training.
    """

    def __init__(self, batch: int, total: int):
        self.batch, self.total, self.done = batch, total, 0
        self.since = time.perf_counter()
        self.recent: list[tuple[Array, Array]] = []

    def add(self, loss: Array, right: Array) -> None:
        """Count one step, with its loss and the share of images that were classified rightly."""
        self.done += 1
        self.recent.append((loss, right))
        if len(self.recent) < LOG_EVERY and self.done < self.total:
            return
        value, share = np.mean(jax.device_get(self.recent), axis=0)  # waits for the steps
        now = time.perf_counter()
        per_second = len(self.recent) / (now - self.since)
        say(
            f"step {self.done}/{self.total}  {per_second * self.batch:.0f} images/s  "
            f"loss {value:.3f}  accuracy {share:.1%}  "
            f"{(self.total - self.done) / per_second / 60:.0f} min left"
        )
        self.since, self.recent = now, []


def say(line: str) -> None:
    """Print a line at once, also where the output goes to a file."""
    print(line, flush=True)
