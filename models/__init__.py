"""Networks with taps, and the readers of their trained weights."""
