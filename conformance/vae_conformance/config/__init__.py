"""The options of a run: their values, their sources, and how the sources are merged."""
