"""Reproduction of both teaching documents with the reference: trainings, tables, figures, claims, and the folder they are written to."""
