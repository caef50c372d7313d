"""An atlas of GoogLeNet (InceptionV1, BVLC) from a few hundred photographs, on a laptop.

Sixteen positions of every image stand in for the article's one, so that 800 photographs are enough.

    atlasjax weights fetch googlenet
    atlasjax run googlenet --images FOLDER

All three layers are looked at at the same places of each image, and each map is laid out from the
one before: what stays alike from layer to layer stays in its place.

With 800 ImageNet photographs it takes ten to fifteen minutes and 2.2 GiB of memory on two CPU
cores. Expect about 220 cells in mixed4c at the middle grid, which hold 99% of the activations, and
icons there that reach a mean cosine of about .84; the summary at the end prints yours.

Source: Carter et al., "Activation Atlas", Distill 2019.
"""

from atlasjax.runs.experiment import Experiment

CONFIG = Experiment(
    name="googlenet",
    model="googlenet",
    layers=("mixed3b", "mixed4c", "mixed5b"),
    grids=(10, 20, 40),
    samples_per_image=16,
    attempts=3,
)
