"""The statistics of the specification: exact pivots, the two-stage decision, the error ledger, decisions over seeds, summaries of runs."""
