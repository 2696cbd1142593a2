"""Both teaching documents from start to end on the reference: trainings, tables, figures, claims, and the folder they are written to."""
