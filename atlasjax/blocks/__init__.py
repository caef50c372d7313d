"""Building blocks: what a layer sees in one image, by positions, channels and groups."""
