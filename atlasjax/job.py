"""A run's job: what all its stages share."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jax.sharding import Mesh

from atlasjax import storage
from atlasjax.data import ImageSource, batches
from atlasjax.experiment import Experiment
from atlasjax.parallel import batch_mesh
from atlasjax.taps import Model


@dataclass(frozen=True)
class Run:
    """What the stages of one run share.

    Attributes:
        config: the experiment.
        model: the network, a callable pytree.
        weights: digest of its weights.
        source: the images.
        folder: where the artifacts are.
        mesh: the devices.
        seconds: how long each stage took, filled as they end; stages taken from disk are absent.
    """

    config: Experiment
    model: Model
    weights: str
    source: ImageSource
    folder: Path
    mesh: Mesh = field(default_factory=batch_mesh)
    seconds: dict[str, float] = field(default_factory=dict)

    def layer(self, name: str) -> Path:
        """The folder of a layer's artifacts."""
        return self.folder / "layers" / storage.folder_name(name)

    def level(self, name: str, size: int) -> Path:
        """The folder of the artifacts of a layer at one grid."""
        return self.layer(name) / f"grid-{size}"

    def batches(self) -> Iterator:
        """Go through the images, prepared as the network takes them."""
        config = self.config
        return batches(
            self.source, config.image_batch, image_size=config.image_size, resize=config.resize
        )

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage took, and write it to the run's log."""
        began = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - began
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with (self.folder / "run.log").open("a", encoding="utf-8") as log:
            log.write(f"{stamp}  {stage}: {self.seconds[stage]:.1f} s\n")
