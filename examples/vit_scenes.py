"""A small vision transformer of the generated scenes, as its owner wrote it.

The network is plain Flax NNX and knows nothing of atlasjax: twelve by twelve patches, a class
token, learned positions, pre-norm blocks. `train_vit_scenes.py` beside it trains it and writes the
weights that `load` reads. What atlasjax wants to know of a network stands at the end:

    python examples/train_vit_scenes.py --out vit_scenes.safetensors
    atlasjax run examples/vit_scenes.py --weights vit_scenes.safetensors
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float
from safetensors.numpy import load_file, save_file

import atlasjax as ax
from atlasjax.data.scenes import CLASSES as NAMES

SIZE = 96  # px of an image's side
PATCH = 8  # px of a patch's side: three strides of 2
CLASSES = 28
MEAN, STD = 0.5, 0.5  # of images in [0, 1]; the network sees (images - MEAN) / STD


class Stem(nnx.Module):
    """Patches by three convolutions of stride 2, which learn faster than a single one.

    Args of the constructor:
        width: of a token.
        rngs: for the first weights.
    """

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        def conv(before: int, after: int) -> nnx.Conv:
            return nnx.Conv(before, after, (3, 3), strides=2, padding="SAME", rngs=rngs)

        self.conv1 = conv(3, width // 4)
        self.conv2 = conv(width // 4, width // 2)
        self.conv3 = conv(width // 2, width)

    def __call__(self, x: Float[Array, "b h w 3"]) -> Float[Array, "b rows columns width"]:
        """Return one token for each patch, still in rows and columns."""
        x = nnx.gelu(self.conv1(x))
        x = nnx.gelu(self.conv2(x))
        return self.conv3(x)


class Mlp(nnx.Module):
    """Two dense layers with a GELU between them.

    Args of the constructor:
        width: of a token.
        hidden: width between the layers.
        rngs: for the first weights.
    """

    def __init__(self, width: int, hidden: int, *, rngs: nnx.Rngs):
        self.up = nnx.Linear(width, hidden, rngs=rngs)
        self.down = nnx.Linear(hidden, width, rngs=rngs)

    def __call__(self, x: Float[Array, "b tokens width"]) -> Float[Array, "b tokens width"]:
        """Return what each token becomes, by itself."""
        return self.down(nnx.gelu(self.up(x)))


class Weights(nnx.Module):
    """How much each token reads of all others; a module, so that it can be looked at."""

    def __call__(
        self, query: Float[Array, "b tokens heads c"], key: Float[Array, "b tokens heads c"]
    ) -> Float[Array, "b heads tokens tokens"]:
        """Return the softmax of the scaled products."""
        products = jnp.einsum("bqhc,bkhc->bhqk", query, key)
        return jax.nn.softmax(products / query.shape[-1] ** 0.5, axis=-1)


class Attend(nnx.Module):
    """What an attention does between its projections."""

    def __init__(self):
        self.weights = Weights()

    def __call__(
        self,
        query: Float[Array, "b tokens heads c"],
        key: Float[Array, "b tokens heads c"],
        value: Float[Array, "b tokens heads c"],
        **options: Any,
    ) -> Float[Array, "b tokens heads c"]:
        """Return the values that each token reads; without masks and dropout."""
        del options
        return jnp.einsum("bhqk,bkhc->bqhc", self.weights(query, key), value)


class Block(nnx.Module):
    """Attention and an MLP, each added to the tokens that it read through a layer norm.

    Args of the constructor:
        width: of a token.
        heads: of the attention.
        rngs: for the first weights.
    """

    def __init__(self, width: int, heads: int, *, rngs: nnx.Rngs):
        self.norm1 = nnx.LayerNorm(width, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(
            heads, width, attention_fn=Attend(), decode=False, keep_rngs=False, rngs=rngs
        )
        self.norm2 = nnx.LayerNorm(width, rngs=rngs)
        self.mlp = Mlp(width, 4 * width, rngs=rngs)

    def __call__(self, x: Float[Array, "b tokens width"]) -> Float[Array, "b tokens width"]:
        """Return the tokens with what they read of each other added."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nnx.Module):
    """A vision transformer; its head reads the class token, which comes before the patches.

    Args of the constructor:
        width: of a token, a multiple of 4 and of the heads.
        depth: blocks.
        heads: of each block's attention.
        rngs: for the first weights.
    """

    def __init__(self, width: int = 96, depth: int = 4, heads: int = 3, *, rngs: nnx.Rngs):
        tokens = 1 + (SIZE // PATCH) ** 2
        self.stem = Stem(width, rngs=rngs)
        self.class_token = nnx.Param(0.02 * jax.random.normal(rngs.params(), (1, 1, width)))
        self.positions = nnx.Param(0.02 * jax.random.normal(rngs.params(), (1, tokens, width)))
        self.blocks = nnx.List([Block(width, heads, rngs=rngs) for _ in range(depth)])
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.head = nnx.Linear(width, CLASSES, rngs=rngs)

    def __call__(self, x: Float[Array, "b 96 96 3"]) -> Float[Array, "b classes"]:
        """Return the logits of images in [-1, 1]."""
        patches = self.stem(x)
        batch, _, _, width = patches.shape
        first = jnp.broadcast_to(self.class_token[...], (batch, 1, width))
        tokens = jnp.concatenate([first, patches.reshape(batch, -1, width)], axis=1)
        tokens = tokens + self.positions[...]
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens[:, 0]))


def load(weights: str | Path | None = None) -> VisionTransformer:
    """Return the network with trained weights, or with random ones.

    Args:
        weights: the file that the training wrote.
    """
    model = VisionTransformer(rngs=nnx.Rngs(0))
    if weights is not None:
        found = load_file(weights)
        named = {path: jnp.asarray(found[_dotted(path)]) for path in _parameters(model)}
        nnx.update(model, nnx.from_flat_state(named))
    return model


def save(model: VisionTransformer, path: str | Path) -> None:
    """Write the network's weights, each under its dotted path in the network.

    Args:
        model: the network.
        path: the file to write.
    """
    values = jax.device_get({p: value[...] for p, value in _parameters(model).items()})
    save_file({_dotted(p): value for p, value in values.items()}, path)


def _parameters(model: VisionTransformer) -> dict[Any, Any]:  # by path
    return dict(nnx.to_flat_state(nnx.state(model, nnx.Param)))


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


MODEL = ax.ModelEntry(
    name="vit_scenes", load=load, image_size=SIZE, mean=MEAN, std=STD, class_names=NAMES
)
CONFIG = ax.Experiment(
    name="vit_scenes",
    images="scenes:1120@2",
    layers=("blocks.0", "blocks.1", "blocks.2"),  # after blocks.3 no patch is read any more
    grids=(6, 12),
    samples_per_image=8,
    steps=64,
)
