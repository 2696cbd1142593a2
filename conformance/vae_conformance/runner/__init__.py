"""Runs: the choice of claims, worker processes, events, the state of a run, and its final record."""
