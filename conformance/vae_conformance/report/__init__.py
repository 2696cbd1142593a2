"""Reports of a run, all written from one record: for the terminal, as JSON, and as JUnit XML."""
