"""An atlas of torchvision's GoogLeNet from a few hundred photographs, on a laptop.

The same as the experiment `googlenet`, of the network that most work in PyTorch is about.

    atlasjax weights fetch torchvision_googlenet
    atlasjax run torchvision_googlenet --images FOLDER

Source: Carter et al., "Activation Atlas", Distill 2019.
"""

from dataclasses import replace

from atlasjax.experiments.googlenet import CONFIG as GOOGLENET

CONFIG = replace(GOOGLENET, name="torchvision_googlenet", model="torchvision_googlenet")
