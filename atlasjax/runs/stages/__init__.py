"""The stages of a run, one file for each artifact: where it is kept and what it is made from.

What a stage computes stands in `atlas`, as functions on arrays. Here is what makes a run out of
them: paths, fingerprints, progress and the log. `pipeline` calls the stages in order.
"""

FORMAT = 5  # of the artifacts; raised when what a stage computes changes
EXAMPLES_FORMAT = 1  # of the examples, likewise
