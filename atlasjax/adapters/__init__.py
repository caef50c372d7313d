"""Networks of other libraries as models with taps: a file for each, and `adapt`, which chooses."""
