"""A run: its experiment, its stages with their artifacts, and how it is opened again."""
