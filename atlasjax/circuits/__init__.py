"""Circuits: what units are, how they are made of others, and what they do, for any network."""

from atlasjax.circuits import stimuli

__all__ = ["stimuli"]
