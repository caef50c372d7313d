"""Activation atlases and feature visualization in JAX."""
