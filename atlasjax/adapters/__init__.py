"""Networks of other libraries as models with taps: one small file each, and `adapt`, which chooses."""
