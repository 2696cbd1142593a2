"""The statistics of the specification: exact pivots, two-stage decisions, the error budget, decisions over seeds, summaries of runs."""
