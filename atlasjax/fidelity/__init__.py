"""How far an atlas can be trusted: measures, stability, planted truth, and the report of a run."""
