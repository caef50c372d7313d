"""A run's job: what all its stages share."""

import functools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh

from atlasjax.atlas.batching import image_batch
from atlasjax.data import Batch, ImageSource, batches
from atlasjax.parallel import batch_mesh
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.host import ALONE, Host
from atlasjax.storage import artifacts
from atlasjax.storage.remedy import LOG
from atlasjax.taps import Model

OTHER = " (other)"  # what follows a layer's name where it is the other network's


class Network(NamedTuple):
    """A network with its weights.

    Attributes:
        model: a callable pytree.
        weights: digest of its weights.
    """

    model: Model
    weights: str


@dataclass
class Journal:
    """What is noted while a run goes on: the one thing of a run that changes.

    Attributes:
        seconds: how long each stage took, filled as they end; stages taken from disk are absent.
        remarks: what there is to say of the run, filled as it comes.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


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
        other: a second network, whose layers share the maps of the first's.
        channels: of the images that the networks take.
        other_sizes: whether they take images of other sizes than the experiment's; tried if None.
        host: which process of the run this is.
        journal: what is noted on the way.
    """

    config: Experiment
    model: Model
    weights: str
    source: ImageSource
    folder: Path
    mesh: Mesh = field(default_factory=batch_mesh)
    other: Network | None = None
    channels: int = 3
    other_sizes: bool | None = None
    host: Host = ALONE
    journal: Journal = field(default_factory=Journal)

    @property
    def names(self) -> tuple[str, ...]:
        """The layers of all networks: those of the other one are called "mixed4c (other)"."""
        return tuple(name for group in self.maps for name in group)

    @property
    def maps(self) -> tuple[tuple[str, ...], ...]:
        """The layers again, those together that share a map."""
        suffixes = ("",) if self.other is None else ("", OTHER)
        return tuple(tuple(n + suffix for suffix in suffixes) for n in self.config.layers)

    def network(self, name: str) -> tuple[Network, str]:
        """Return the network that a layer is of, and what the layer is called in it."""
        if self.other is not None and name.endswith(OTHER):
            return self.other, name.removesuffix(OTHER)
        return Network(self.model, self.weights), name

    def layer(self, name: str) -> Path:
        """The folder of a layer's artifacts."""
        return self.folder / "layers" / artifacts.folder_name(name)

    def level(self, name: str, size: int) -> Path:
        """The folder of the artifacts of a layer at one grid."""
        return self.layer(name) / f"grid-{size}"

    @functools.cached_property
    def image_batch(self) -> int:
        """How many images are looked at at a time."""
        if self.config.image_batch is not None:
            return self.config.image_batch
        models = [self.model] if self.other is None else [self.model, self.other.model]
        side = self.config.crop[0]
        return min(image_batch(model, side, self.channels, self.mesh) for model in models)

    def batches(
        self, source: ImageSource | None = None, parts: Sequence[np.ndarray] | None = None
    ) -> Iterator[Batch]:
        """Go through the images, or some of them, prepared as the network takes them.

        Args:
            source: others than the run's.
            parts: as for `data.batches`.
        """
        config, chosen = self.config, self.source if source is None else source
        side, resize = config.crop
        size = {"image_size": side, "resize": resize}
        return batches(chosen, self.image_batch, channels=self.channels, parts=parts, **size)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage took, and write it to the run's log."""
        began = time.perf_counter()
        yield
        self.journal.seconds[stage] = took = time.perf_counter() - began
        self.log(f"{stage}: {took:.1f} s")

    def remark(self, line: str) -> None:
        """Note what there is to say of the run: in its log, and with what a run says of its end."""
        self.journal.remarks.append(line)
        self.log(line)

    def log(self, line: str) -> None:
        """Write a line to the run's log, with the time."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        line = f"process {self.host.process}: {line}" if self.host.follows else line
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{stamp}  {line}\n")
