"""Recipes that made the weights which the package carries, and what such weights are judged by."""
