"""Find, load and construct the implementation that a target string names, as a `Target`."""
