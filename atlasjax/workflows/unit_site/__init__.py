"""The parts of a site of units: what is computed of each layer, kept as soon as it is done."""
