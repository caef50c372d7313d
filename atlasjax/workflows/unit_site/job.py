"""Job: what every stage of a site of units needs."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from atlasjax.planes import as_planes
from atlasjax.runs.open import Atlas
from atlasjax.taps import Model, as_pytree
from atlasjax.workflows.networks import Opened
from atlasjax.workflows.unit_site.images import Images
from atlasjax.workflows.unit_site.settings import UnitSettings
from atlasjax.workflows.unit_site.work import Work


class Job(NamedTuple):
    """What every stage needs.

    Attributes:
        work: where pieces are kept.
        opened: the network.
        shapes: of its layers.
        settings: how much is shown.
        images: a person's, or None.
        atlas: of the network, or None.
        folder: of the site.
        notes: for people, added to on the way.
        seconds: that each stage took, likewise.
        processor: seconds of all cores that each stage took, likewise: the same on a busy machine.
    """

    work: Work
    opened: Opened
    shapes: Mapping[str, tuple[int, ...]]
    settings: UnitSettings
    images: Images | None
    atlas: Atlas | None
    folder: Path
    notes: list[str]
    seconds: dict[str, float]
    processor: dict[str, float]

    @property
    def model(self) -> Model:
        """The network, showing planes."""
        return as_planes(as_pytree(self.opened.network.model))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes; the same stage of several layers is one."""
        began, busy = time.perf_counter(), time.process_time()
        yield
        for kept, took in (
            (self.seconds, time.perf_counter() - began),
            (self.processor, time.process_time() - busy),
        ):
            kept[stage] = round(kept.get(stage, 0.0) + took, 1)

    def note(self, line: str) -> None:
        """Add a note, once."""
        if line not in self.notes:
            self.notes.append(line)
