"""The atlas of the article, with its settings, of the network that it is about.

One random position of every image, four grids, icons of 80 px in 1024 steps, the best of four.

    atlasjax weights fetch inception5h
    atlasjax run inception5h --images FOLDER

The article took a million images; with fewer, the finer grids are left out by themselves. At 1024
steps and four attempts an icon costs forty times what it costs by default, so that this is for an
accelerator; `--steps 96 --learning-rate None --attempts 2` draws as the other experiments do.

Source: Carter et al., "Activation Atlas", Distill 2019; docs/defaults.md has it line by line.
"""

from atlasjax.runs.experiment import Experiment

CONFIG = Experiment(
    name="inception5h",
    model="inception5h",
    layers=("mixed3b", "mixed4c", "mixed5b"),
    early_neighbors=200,
    early_metric="euclidean",
    steps=1024,
    learning_rate=0.05,
    icon_size=80,
    attempts=4,
)
