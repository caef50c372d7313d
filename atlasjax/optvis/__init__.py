"""Feature visualization: images optimized for what a network says of them.

A visualization is made of four parts, one file each: what is optimized (`param`, `color`), how the
image is disturbed meanwhile (`transform`), what it is optimized for (`objectives`), and the loop
(`render`). Nothing here knows of atlases.
"""
