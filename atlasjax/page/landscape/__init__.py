"""The page of loss surfaces: contours, a surface to turn, the path of a training."""
