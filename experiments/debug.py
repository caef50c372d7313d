"""The whole pipeline in seconds, on an eighth-width InceptionV1 with random weights.

Nothing that it draws means anything; it shows that every stage runs here.

    atlasjax run debug --images FOLDER
"""

from atlasjax.runs.experiment import Experiment

CONFIG = Experiment(
    name="debug",
    model="inception_v1_tiny",
    layers=("mixed3b", "mixed4c"),
    grids=(2, 4),
    samples_per_image=4,
    image_size=64,
    resize=64,
    more_than=2,
    neighbors=10,
    early_neighbors=10,
    steps=8,
    refine_steps=8,
    icon_size=32,
    icon_batch=8,
    attempts=1,
)
