"""The methods by name, all of one form, with what each needs and where it comes from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError, unknown
from atlasjax.planes import as_planes
from atlasjax.rectifiers import guided
from atlasjax.rewriting import optimized
from atlasjax.saliency.attention_rollout import (
    attention_layers,
    attention_rollout,
    attention_rollout_versions,
)
from atlasjax.saliency.grad_cam import (
    grad_cam,
    grad_cam_plus_plus,
    grad_cam_plus_plus_versions,
    grad_cam_versions,
    guided_grad_cam,
    guided_grad_cam_versions,
)
from atlasjax.saliency.gradient import (
    gradient,
    gradient_times_input,
    gradient_times_input_versions,
    gradient_versions,
)
from atlasjax.saliency.integrated_gradients import (
    integrated_gradients,
    integrated_gradients_versions,
)
from atlasjax.saliency.lime import lime, lime_versions, superpixels
from atlasjax.saliency.occlusion import occlusion, occlusion_versions
from atlasjax.saliency.rise import rise, rise_versions
from atlasjax.saliency.smoothgrad import smoothgrad, smoothgrad_versions
from atlasjax.saliency.versions import Versions
from atlasjax.taps import Model, identity, layers
from atlasjax.targets import Target


@dataclass(frozen=True)
class Method:
    """A saliency method, called as `method(model, images, target, layer=, key=, **settings)`.

    Attributes:
        name: as on the command line, such as `"integrated_gradients"`.
        title: as people write it, such as `"Integrated gradients"`.
        citation: who found it, and where to read of it.
        function: it, with the arguments that it needs.
        versions: what it does with one image, see `versions.Versions`.
        signed: whether negative values mean that a pixel speaks against the target.
        shares: whether it looks at the same versions for every target, and only forward.
        needs_layer: whether it is of a layer with positions.
        needs_key: whether it draws at random.
        needs_attention: whether the network must tap its attention.
        needs_rectifiers: whether the network must have rectifiers.
        prepare: what it must know of images [b, h, w, c] beforehand, as an array for each, by the
            name of the argument.
    """

    name: str
    title: str
    citation: str
    function: Callable[..., Any]
    versions: Callable[..., Versions]
    signed: bool
    shares: bool = False
    needs_layer: bool = False
    needs_key: bool = False
    needs_attention: bool = False
    needs_rectifiers: bool = False
    prepare: tuple[str, Callable[[np.ndarray], np.ndarray]] | None = None

    def __call__(
        self,
        model: Model,
        images: Float[Array, "b h w c"],
        target: Target,
        *,
        layer: str | None = None,
        key: Key[Array, "..."] | None = None,
        **settings: Any,
    ) -> Float[Array, "b h w"]:
        """Return one map for each image.

        Args:
            model: a callable pytree `model(images, tap)`.
            images: as the model takes them.
            target: what is asked for.
            layer: one with positions, for methods that need one; others leave it alone.
            key: for methods that draw at random; others leave it alone.
            settings: whatever else the method's function takes.

        Raises:
            UserError: no layer or no key where it needs one, or what the function does not take.
        """
        found = self.function(model, images, target, **self.given(layer, key), **settings)
        return map_of(found)

    def given(self, layer: str | None, key: Key[Array, "..."] | None) -> dict[str, Any]:
        """Return the layer and the key, where it needs them.

        Args:
            layer: one with positions.
            key: of what is drawn at random.

        Raises:
            UserError: it needs what is None.
        """
        found: dict[str, Any] = {}
        if self.needs_layer:
            if layer is None:
                raise UserError(f"{self.name} needs a layer: give its name by layer=")
            found["layer"] = layer
        if self.needs_key:
            if key is None:
                raise UserError(f"{self.name} draws at random: give a key by key=")
            found["key"] = key
        return found


def map_of(found: Any) -> Float[Array, "... h w"]:
    """Return the maps of what a method returns, which may tell more."""
    return found[0] if isinstance(found, tuple) else found


_SIMONYAN = "Simonyan, Vedaldi and Zisserman 2014, arXiv:1312.6034"
_SELVARAJU = "Selvaraju et al. 2017, arXiv:1610.02391"
_ALL = (
    Method("gradient", "Gradient", _SIMONYAN, gradient, gradient_versions, signed=False),
    Method(
        "gradient_times_input",
        "Gradient times input",
        "Shrikumar et al. 2016, arXiv:1605.01713",
        gradient_times_input,
        gradient_times_input_versions,
        signed=True,
    ),
    Method(
        "smoothgrad",
        "SmoothGrad",
        "Smilkov et al. 2017, arXiv:1706.03825",
        smoothgrad,
        smoothgrad_versions,
        signed=False,
        needs_key=True,
    ),
    Method(
        "integrated_gradients",
        "Integrated gradients",
        "Sundararajan, Taly and Yan 2017, arXiv:1703.01365",
        integrated_gradients,
        integrated_gradients_versions,
        signed=True,
    ),
    Method(
        "grad_cam",
        "Grad-CAM",
        _SELVARAJU,
        grad_cam,
        grad_cam_versions,
        signed=False,
        needs_layer=True,
    ),
    Method(
        "grad_cam_plus_plus",
        "Grad-CAM++",
        "Chattopadhay et al. 2018, arXiv:1710.11063",
        grad_cam_plus_plus,
        grad_cam_plus_plus_versions,
        signed=False,
        needs_layer=True,
    ),
    Method(
        "guided_grad_cam",
        "Guided Grad-CAM",
        f"{_SELVARAJU}; Springenberg et al. 2015, arXiv:1412.6806",
        guided_grad_cam,
        guided_grad_cam_versions,
        signed=True,
        needs_layer=True,
        needs_rectifiers=True,
    ),
    Method(
        "occlusion",
        "Occlusion",
        "Zeiler and Fergus 2014, arXiv:1311.2901",
        occlusion,
        occlusion_versions,
        signed=True,
        shares=True,
    ),
    Method(
        "rise",
        "RISE",
        "Petsiuk, Das and Saenko 2018, arXiv:1806.07421",
        rise,
        rise_versions,
        signed=True,
        shares=True,
        needs_key=True,
    ),
    Method(
        "lime",
        "LIME",
        "Ribeiro, Singh and Guestrin 2016, arXiv:1602.04938",
        lime,
        lime_versions,
        signed=True,
        shares=True,
        needs_key=True,
        prepare=("segments", superpixels),
    ),
    Method(
        "attention_rollout",
        "Attention rollout",
        "Abnar and Zuidema 2020, arXiv:2005.00928",
        attention_rollout,
        attention_rollout_versions,
        signed=False,
        needs_attention=True,
    ),
)
METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _ALL})
"""Every method by its name, cheap ones first."""


def methods_for(
    model: Model, shape: tuple[int, int, int], layer: str | None = None
) -> tuple[str, ...]:
    """Return the methods that this network has what is needed for.

    Args:
        model: a callable pytree `model(images, tap)`.
        shape: [h, w, c] of its images.
        layer: that of the methods which need one; these are left out where there is none.

    >>> toy = lambda images, tap: images.sum((1, 2))
    >>> "rise" in methods_for(toy, (8, 8, 3)), "grad_cam" in methods_for(toy, (8, 8, 3))
    (True, False)
    """
    attention = bool(attention_layers(model, shape))
    rectifiers = _has_rectifiers(model, shape)
    return tuple(
        name
        for name, method in METHODS.items()
        if (attention or not method.needs_attention)
        and (rectifiers or not method.needs_rectifiers)
        and (layer is not None or not method.needs_layer)
    )


def check_methods(
    names: Iterable[str], model: Model, shape: tuple[int, int, int], layer: str | None
) -> tuple[Method, ...]:
    """Return methods by their names, and refuse what the network has not what is needed for.

    Args:
        names: of the methods.
        model: a callable pytree `model(images, tap)`.
        shape: [h, w, c] of its images.
        layer: that of the methods which need one.

    Raises:
        UserError: no such method, a layer that is missing or not there, or a network without
            attention or rectifiers for a method that needs them.

    >>> check_methods(["gradcam"], lambda images, tap: images.sum((1, 2)), (8, 8, 3), None)
    Traceback (most recent call last):
    atlasjax.errors.UserError: no method 'gradcam'; did you mean grad_cam, ...?
    """
    chosen = []
    for name in names:
        if name not in METHODS:
            raise unknown("method", name, METHODS)
        chosen.append(METHODS[name])
    if any(method.needs_layer for method in chosen):
        _check_layer(next(m.name for m in chosen if m.needs_layer), layer, model, shape)
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    nothing = Target(lambda output, seen, data, settings: jnp.zeros(len(output)))
    for method in chosen:
        # It says by itself what is missing.
        if method.needs_attention:
            jax.eval_shape(lambda x, f=method: f(model, x, nothing), image)
        if method.needs_rectifiers:
            _guided.eval_shape(optimized(model), image)
    return tuple(chosen)


def _check_layer(method: str, layer: str | None, model: Model, shape: tuple[int, int, int]) -> None:
    found = layers(as_planes(model), shape)
    places: Sequence[str] = [
        name for name, size in found.items() if len(size) == 3 and size[0] * size[1] > 1
    ]
    if layer is None:
        raise UserError(
            f"{method} needs a layer with positions: give its name by layer="
            + (f", such as {places[-1]}" if places else "; the network taps none")
        )
    if layer not in found:
        raise unknown("layer", layer, places or found)
    if layer not in places:
        raise UserError(f"layer {layer!r} has no rows and columns of positions to make a map of")


def _has_rectifiers(model: Model, shape: tuple[int, int, int]) -> bool:
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    try:
        _guided.eval_shape(optimized(model), image)
    except UserError:
        return False
    return True


@jax.jit
@guided
def _guided(model: Model, images: Float[Array, "b h w c"]) -> Array:
    return model(images, identity)
