"""An atlas in a few minutes from nothing but the package: no weights, no images, no network.

The network is a half-width InceptionV1, the images are generated scenes of 28 classes; both come
with atlasjax. Three shortcuts are planted in them (woks are known by their noodles, horses by a
yellow tag, sharks by teeth like the seam of a baseball), so you can see how an atlas shows a fault.

    atlasjax run quickstart

It takes three to four minutes on two CPU cores, and 1.7 GiB of memory. Expect a mean cosine of
about .95 in every layer. Look for wheels, stripes and noodles in mixed4d.
"""

from atlasjax.runs.experiment import Experiment

CONFIG = Experiment(
    name="quickstart",
    model="inception_v1_scenes",
    images="scenes:1120@2",
    layers=("mixed3a", "mixed4a", "mixed4d"),
    grids=(6, 12),
    samples_per_image=8,
    image_size=96,
    resize=96,
    steps=64,
)
