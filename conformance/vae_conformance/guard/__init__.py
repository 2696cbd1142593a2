"""Running other people's code safely: time limits, counted calls, seeds, and what is patched in PyTorch meanwhile."""
