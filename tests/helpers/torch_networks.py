"""Networks of torchvision, also where its compiled part does not fit the installed PyTorch."""

import importlib
from types import ModuleType


def torchvision_models() -> ModuleType:
    """Return `torchvision.models`.

    Beside a PyTorch for CPUs, torchvision of PyPI cannot load its compiled operators, and then
    stumbles over registering what they would return. None of the classification networks uses
    them; with two of them declared the import goes through.
    """
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError as error:
        if "nms does not exist" not in str(error):
            raise
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    models = importlib.import_module("torchvision.models")
    models.__dict__["_declared"] = library  # which would be taken back when it is deleted
    return models
