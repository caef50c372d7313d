"""Saliency: which pixels of an image an answer is owed to, by one file a method.

All methods have one form, `method(model, images, target, ...)`, and work on any model with taps,
whatever library it comes from. `saliency_maps` computes many at once.
"""

from atlasjax.saliency.attention_rollout import attention_layers, attention_rollout
from atlasjax.saliency.grad_cam import (
    grad_cam,
    grad_cam_plus_plus,
    guided_grad_cam,
)
from atlasjax.saliency.gradient import gradient, gradient_times_input
from atlasjax.saliency.integrated_gradients import IntegratedGradients, integrated_gradients
from atlasjax.saliency.lime import lime, superpixels
from atlasjax.saliency.looks import guided_gradient
from atlasjax.saliency.maps import saliency_maps
from atlasjax.saliency.methods import METHODS, Method, methods_for
from atlasjax.saliency.occlusion import occlusion
from atlasjax.saliency.rise import rise
from atlasjax.saliency.smoothgrad import smoothgrad

__all__ = [
    "METHODS",
    "IntegratedGradients",
    "Method",
    "attention_layers",
    "attention_rollout",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient",
    "gradient_times_input",
    "guided_grad_cam",
    "guided_gradient",
    "integrated_gradients",
    "lime",
    "methods_for",
    "occlusion",
    "rise",
    "saliency_maps",
    "smoothgrad",
    "superpixels",
]
