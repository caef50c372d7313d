"""The building blocks of interpretability, for any model with taps.

What a layer sees in an image (`activation_grid`, `dictionary`, `icons`), what its parts are
(`neurons`, `positions`, `channels`, `groups`), and what each of them does to the output (`effects`,
`outputs`) and to later layers (`flow_between_groups`, `flow_between_positions`). All are functions
on arrays, and fit together.
"""

from atlasjax.blocks.dictionary import Dictionary, dictionary
from atlasjax.blocks.effects import Effects, completeness, effects, outputs
from atlasjax.blocks.flow import flow_between_groups, flow_between_positions
from atlasjax.blocks.grid import ActivationGrid, GridSettings, activation_grid, scaled
from atlasjax.blocks.groups import Groups, group_effects, group_parts, groups, match
from atlasjax.blocks.icons import channel_icons, icons
from atlasjax.blocks.slices import Slices, channels, neurons, positions

__all__ = [
    "ActivationGrid",
    "Dictionary",
    "Effects",
    "GridSettings",
    "Groups",
    "Slices",
    "activation_grid",
    "channel_icons",
    "channels",
    "completeness",
    "dictionary",
    "effects",
    "flow_between_groups",
    "flow_between_positions",
    "group_effects",
    "group_parts",
    "groups",
    "icons",
    "match",
    "neurons",
    "outputs",
    "positions",
    "scaled",
]
