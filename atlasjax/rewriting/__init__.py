"""Networks that are computed fast, whatever they are written in."""

from atlasjax.rewriting.model import Optimized, as_written, optimized

__all__ = ["Optimized", "as_written", "optimized"]
